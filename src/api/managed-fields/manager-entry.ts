/**
 * Who manages which fields of an object: the entries of `metadata.managedFields`, as they are kept in memory.
 *
 * They hang on the object's metadata under a symbol, so that copying, comparing and encoding an object cost
 * nothing for them; whoever shows an object to a client adds them (`withManagedFields`, `managedFieldsText`).
 * The fields are a text that all objects of the same form share (`compact-fields.ts`). Invariant: entries are never
 * mutated; a metadata object without the symbol says nothing about managers, one with an empty list: none.
 */
import type { Json, KubernetesObject } from '../meta.ts'
import { type CompactFields, compactFields, wholeFields } from './compact-fields.ts'
import { type FieldSet, fieldsFault, fieldsText, isEmptySet } from './field-set.ts'

export interface ManagerEntry extends CompactFields {
  manager: string
  operation: 'Apply' | 'Update'
  apiVersion: string
  /** RFC 3339, whole seconds; `''`: none. */
  time: string
  /** `''`: the main resource. */
  subresource: string
}

/** An entry without its fields. */
export type ManagerIdentity = Omit<ManagerEntry, keyof CompactFields>

export type Managers = readonly ManagerEntry[]

const MANAGERS = Symbol('managers')

type Carrier = { [MANAGERS]?: Managers }

/** Undefined: nothing is known of this object's managers. */
export const managersOf = ({ metadata }: { metadata: object }): Managers | undefined =>
  (metadata as Carrier)[MANAGERS]

/** Sets the managers of an object that is the caller's own. */
export const setManagers = (
  { metadata }: { metadata: object },
  managers: Managers | undefined,
): void => {
  if (managers !== undefined) (metadata as Carrier)[MANAGERS] = managers
}

/** Whether two entries are one manager's doings: those of an applier in whatever version. */
export const isSameManager = (one: Omit<ManagerIdentity, 'time'>, other: typeof one) =>
  one.manager === other.manager &&
  one.operation === other.operation &&
  one.subresource === other.subresource &&
  (one.operation === 'Apply' || one.apiVersion === other.apiVersion)

/** Whether they differ in more than times. */
export const sameOwnership = (one: Managers, other: Managers): boolean =>
  one === other ||
  (one.length === other.length &&
    one.every((entry) =>
      other.some(
        (counterpart) =>
          isSameManager(entry, counterpart) &&
          entry.apiVersion === counterpart.apiVersion &&
          entry.fields === counterpart.fields &&
          sameTexts(entry.values, counterpart.values),
      ),
    ))

const sameTexts = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((text, index) => text === other[index])

export const NOBODY: Managers = Object.freeze([])

/** Kubernetes' order: appliers first, then by time, name, version and subresource. */
export const sortEntries = (entries: ManagerEntry[]): Managers =>
  entries.length < 2 ? entries : entries.sort(compareEntries)

const compareEntries = (one: ManagerEntry, other: ManagerEntry): number =>
  compareText(one.operation, other.operation) ||
  compareText(one.time, other.time) ||
  compareText(one.manager, other.manager) ||
  compareText(one.apiVersion, other.apiVersion) ||
  compareText(one.subresource, other.subresource)

const compareText = (one: string, other: string): number =>
  one === other ? 0 : one < other ? -1 : 1

export const entryOf = (entry: ManagerIdentity, fields: FieldSet | string): ManagerEntry => {
  const { manager, operation, apiVersion, time, subresource } = entry
  const compact = compactFields(typeof fields === 'string' ? fields : fieldsText(fields))
  return { manager, operation, apiVersion, time, subresource, ...compact }
}

/** An entry of `metadata.managedFields` as clients see it. */
export interface ManagedFieldsEntry {
  manager?: string
  operation?: string
  apiVersion?: string
  time?: string
  fieldsType?: string
  fieldsV1?: Json
  subresource?: string
}

/** The entries a client sent; undefined when one of them is not acceptable, or there are none. */
export const parseEntries = (given: readonly ManagedFieldsEntry[]): Managers | undefined => {
  const entries: ManagerEntry[] = []
  for (const { manager = '', operation, apiVersion = '', time = '', ...rest } of given) {
    const { fieldsType, fieldsV1 = {}, subresource = '' } = rest
    if (operation !== 'Apply' && operation !== 'Update') return undefined
    if (apiVersion === '' || fieldsType !== 'FieldsV1') return undefined
    if (fieldsFault(fieldsV1)) return undefined
    const entry = { manager, operation, apiVersion, time, subresource } as const
    const at = entries.findIndex((other) => isSameManager(other, entry))
    if (at >= 0) entries.splice(at, 1)
    if (!isEmptySet(fieldsV1 as unknown as FieldSet))
      entries.push(entryOf(entry, fieldsV1 as unknown as FieldSet))
  }
  return entries.length > 0 ? sortEntries(entries) : undefined
}

/** `[]` and `[{}]` ask for all managers to be forgotten. */
export const isReset = (given: readonly ManagedFieldsEntry[]): boolean =>
  given.length === 0 || (given.length === 1 && Object.keys(given[0]!).length === 0)

/** The JSON text of `metadata.managedFields`. */
export const managedFieldsText = (managers: Managers): string => {
  let text = '['
  for (const entry of managers) {
    const { manager, operation, apiVersion, time, subresource } = entry
    text += text.length > 1 ? ',{' : '{'
    if (manager !== '') text += `"manager":${JSON.stringify(manager)},`
    text += `"operation":"${operation}","apiVersion":${JSON.stringify(apiVersion)}`
    if (time !== '') text += `,"time":"${time}"`
    text += `,"fieldsType":"FieldsV1","fieldsV1":${wholeFields(entry)}`
    text += subresource === '' ? '}' : `,"subresource":${JSON.stringify(subresource)}}`
  }
  return `${text}]`
}

/** A JSON text, and where its `,"managedFields":[…]` stands; both are 0 where it has none. */
export interface ManagedText {
  text: string
  from: number
  to: number
}

/** The JSON text of an object, its `metadata.managedFields` included. */
export const jsonWithManagers = (object: object): string => managedText(object).text

export const managedText = (object: object): ManagedText => {
  const { metadata } = object as { metadata?: object }
  const managers = metadata && (metadata as Carrier)[MANAGERS]
  if (!managers || managers.length === 0) return { text: JSON.stringify(object), from: 0, to: 0 }
  let from = 0
  let to = 0
  let text = '{'
  for (const key in object) {
    const value = JSON.stringify(object[key as keyof typeof object]) as string | undefined
    if (value === undefined) continue
    if (text.length > 1) text += ','
    text += `"${key}":`
    if (key !== 'metadata') text += value
    else {
      from = text.length + value.length - 1
      text += `${value.slice(0, -1)},"managedFields":${managedFieldsText(managers)}`
      to = text.length
      text += '}'
    }
  }
  return { text: `${text}}`, from, to }
}

/** `object` with its `metadata.managedFields`; the same object where there are none. */
export const withManagedFields = <T extends Pick<KubernetesObject, 'metadata'>>(
  object: T,
  managers: Managers | undefined = managersOf(object),
): T => {
  if (!managers || managers.length === 0) return object
  const managedFields = JSON.parse(managedFieldsText(managers)) as object[]
  return { ...object, metadata: { ...object.metadata, managedFields } }
}
