/**
 * Which field of a model has which number in Kubernetes' protobuf messages.
 *
 * Types come from the field schemas, numbers from `protobuf-fields.json` (its notation is explained in
 * `ops/derive-protobuf-fields.mjs`). Invariant: a model is compiled once, when it is first met. Only the two
 * codecs need it, which are loaded when the first client speaks protobuf.
 */
import { kindByName } from '../../api/kinds.ts'
import { type FieldType, hasSchema, schemaOf } from '../../api/schema.ts'
import textByModel from './protobuf-fields.json'

/** Messages around any JSON in a schema: `items`, `additionalProperties` and `dependencies`. */
export type Union = 'items' | 'additionalProperties' | 'dependencies'

export interface FieldSlot {
  name: string
  number: number
  type: FieldType
  /** The zero value means the same as an absent one. */
  dropsZero: boolean
  /** A list that is a message of its own, its items being field 1. */
  wrapped: boolean
  union?: Union
}

/** The fields of a struct that Go embeds. */
export interface EmbeddedSlot {
  number: number
  embedded: MessageSlots
}

export type Slot = FieldSlot | EmbeddedSlot

export interface MessageSlots {
  byNumber: ReadonlyMap<number, Slot>
  /** Where nothing is embedded: an object has few of its fields. */
  byName: ReadonlyMap<string, FieldSlot> | undefined
  /** Ascending by number. */
  list: readonly Slot[]
}

const texts = textByModel as Readonly<Record<string, string>>
const compiled = new Map<string, MessageSlots>()

const NO_SLOTS: MessageSlots = { list: [], byNumber: new Map(), byName: new Map() }

export const slotsOf = (model: string): MessageSlots => {
  if (model === '') return NO_SLOTS
  let found = compiled.get(model)
  if (!found) {
    found = compile(model, (texts[model] ?? '').split(' ').values())
    compiled.set(model, found)
  }
  return found
}

const QUANTITY: FieldType = { shape: 'scalar', scalar: 'quantity' }
/** A struct without fields; its name is never looked up among the schemas. */
const EMPTY: FieldType = { shape: 'model', model: '' }

const compile = (model: string, tokens: Iterator<string>): MessageSlots => {
  const { fields } = schemaOf(model)
  const list: Slot[] = []
  let number = 1
  for (let next = tokens.next(); !next.done && next.value !== '}'; next = tokens.next()) {
    const token = next.value
    if (/^\d+$/.test(token)) {
      number = Number(token)
      continue
    }
    if (token === '{') list.push({ number, embedded: compile(model, tokens) })
    else {
      const [, name = '', mark] = /^(.*?)([$?*|0]?)$/.exec(token)!
      const field = fields.get(name)
      if (field) list.push(fieldSlot(name, number, field.type, mark))
    }
    number++
  }
  return {
    list,
    byNumber: new Map(list.map((slot) => [slot.number, slot])),
    byName: list.every(isField) ? new Map(list.map((slot) => [slot.name, slot])) : undefined,
  }
}

const isField = (slot: Slot): slot is FieldSlot => !('embedded' in slot)

const fieldSlot = (
  name: string,
  number: number,
  type: FieldType,
  mark: string | undefined,
): FieldSlot => ({
  name,
  number,
  type: mark === '$' ? quantities(type) : mark === '0' ? EMPTY : type,
  dropsZero: mark === '?',
  wrapped: mark === '*',
  ...(mark === '|'
    ? { union: name === 'additionalItems' ? 'additionalProperties' : (name as Union) }
    : {}),
})

const quantities = (type: FieldType): FieldType =>
  type.shape === 'map' || type.shape === 'list' ? { ...type, of: quantities(type.of) } : QUANTITY

/** The model of a kind, a document or an options object; undefined for what has no protobuf form. */
export const modelNamed = (apiVersion: string, kind: string): string | undefined => {
  const declared = kindByName(apiVersion, kind)?.model
  if (declared !== undefined) return isKnown(declared) ? declared : undefined
  if (OF_ANY_GROUP.has(kind)) return `V1${kind}`
  const [version = '', group = ''] = apiVersion.split('/').reverse()
  const words = `${capital(version)}${kind}`
  return [`${capital(group.split('.')[0] ?? '')}${words}`, words].find(isKnown)
}

/** Options come under the version of what they are for. */
const OF_ANY_GROUP = new Set(['DeleteOptions', 'Status'])

const isKnown = (model: string): boolean => model in texts && hasSchema(model)

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)
