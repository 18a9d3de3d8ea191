/**
 * Uniqueness in lists: items of a set, keys of a list of type map (Kubernetes' `schema/listtype`).
 *
 * Invariant: the second appearance is the one that is refused. It checks no types.
 */
import type { Json } from '../meta.ts'
import { duplicateField, type FieldError, invalidField } from '../status-error.ts'
import { fieldSchema, type SchemaNode } from './structural-schema.ts'

type JsonObject = { [key: string]: Json }

export const checkUniqueLists = (
  value: Json,
  node: SchemaNode | undefined,
  path = '',
): FieldError[] => {
  const errors: FieldError[] = []
  walk(errors, value, node, path)
  return errors
}

const walk = (
  errors: FieldError[],
  value: Json,
  node: SchemaNode | undefined,
  path: string,
): void => {
  if (!node?.hasUniqueLists || typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    if (node.listType === 'set') checkSet(errors, value, path)
    else if (node.listType === 'map') checkMap(errors, value, node.listMapKeys, path)
    for (let at = 0; at < value.length; at++) walk(errors, value[at]!, node.items, `${path}[${at}]`)
    return
  }
  for (const key of Object.keys(value)) {
    const place = node.properties?.has(key) ? (path ? `${path}.${key}` : key) : `${path}[${key}]`
    walk(errors, value[key]!, fieldSchema(node, key), place)
  }
}

/** The places at which something appears for the second time. */
const repeated = (items: readonly Json[]): number[] => {
  const seen = new Map<string, number>()
  const places: number[] = []
  items.forEach((item, at) => {
    const text = sortedText(item)
    const times = (seen.get(text) ?? 0) + 1
    seen.set(text, times)
    if (times === 2) places.push(at)
  })
  return places
}

const checkSet = (errors: FieldError[], items: readonly Json[], path: string): void => {
  for (const at of repeated(items)) errors.push(duplicateField(`${path}[${at}]`, items[at]))
}

const checkMap = (
  errors: FieldError[],
  items: readonly Json[],
  keys: readonly string[],
  path: string,
): void => {
  for (const [at, item] of items.entries())
    if (item !== null && (typeof item !== 'object' || Array.isArray(item))) {
      errors.push(
        invalidField(`${path}[${at}]`, item, 'must be an object for an array of list-type map'),
      )
      return
    }
  const keyed = items.map((item): Json => {
    const object = (item ?? {}) as JsonObject
    return Object.fromEntries(keys.filter((key) => key in object).map((key) => [key, object[key]!]))
  })
  for (const at of repeated(keyed)) errors.push(duplicateField(`${path}[${at}]`, keyed[at]))
}

/** JSON with sorted keys, as Go writes maps. */
const sortedText = (value: Json): string =>
  JSON.stringify(value, (_key, part: Json) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
