/**
 * Path elements of list items: `k:{"name":"web"}` in a list with keys, `v:"value"` in a set.
 *
 * After structured-merge-diff's `typed/helpers.go`. It changes nothing.
 */
import type { Json } from '../meta.ts'
import type { ListShape } from './field-shape.ts'

type JsonObject = { [key: string]: Json }

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The element of an item, or what is wrong with the item. */
export const elementOf = (
  shape: ListShape,
  item: Json | undefined,
): { element: string } | { fault: string } => {
  const { keys } = shape
  if (!keys) return elementOfScalar(item)
  if (item === null || item === undefined)
    return { fault: 'associative list with keys may not have a null element' }
  if (!isObject(item)) return { fault: 'associative list with keys may not have non-map elements' }
  return keys.length === 1 ? byOneKey(shape, keys[0]!, item) : byKeys(shape, keys, item)
}

const byOneKey = (shape: ListShape, key: string, item: JsonObject) => {
  const value = item[key] ?? shape.keyDefaults[key]
  if (value === undefined) return { fault: omitted([key]) }
  return { element: `k:{${JSON.stringify(key)}:${JSON.stringify(value)}}` }
}

const byKeys = (shape: ListShape, keys: readonly string[], item: JsonObject) => {
  const present: JsonObject = {}
  let count = 0
  for (const key of [...keys].sort()) {
    const value = item[key] ?? shape.keyDefaults[key]
    if (value === undefined) continue
    present[key] = value
    count++
  }
  if (count === 0) return { fault: omitted(keys) }
  return { element: `k:${JSON.stringify(present)}` }
}

const omitted = (keys: readonly string[]): string =>
  `associative list with keys has an element that omits all key fields [${keys
    .map((key) => JSON.stringify(key))
    .join(' ')}] (and doesn't have default values for any key fields)`

const elementOfScalar = (item: Json | undefined) => {
  if (item === null || item === undefined)
    return { fault: "associative list without keys has an element that's an explicit null" }
  if (Array.isArray(item))
    return { fault: 'not supported: associative list with lists as elements' }
  if (typeof item === 'object')
    return { fault: "associative list without keys has an element that's a map type" }
  return { element: `v:${JSON.stringify(item)}` }
}

/** Items by element, in their order; an item without an element counts for nothing. */
export const itemsByElement = (shape: ListShape, items: readonly Json[]): Map<string, Json[]> => {
  const found = new Map<string, Json[]>()
  for (const item of items) {
    const result = elementOf(shape, item)
    if ('fault' in result) continue
    const same = found.get(result.element)
    if (same) same.push(item)
    else found.set(result.element, [item])
  }
  return found
}
