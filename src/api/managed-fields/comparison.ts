/**
 * What a write changed: the paths of fields that it added or modified, and of those that it removed.
 *
 * After structured-merge-diff's `typed/compare.go`, on objects as Go's JSON would write them. Invariant: equal
 * parts cost one comparison and no set. It changes nothing.
 */
import { deepEqual } from '../equality.ts'
import type { Json } from '../meta.ts'
import { type FieldSet, LEAF, nodeOf } from './field-set.ts'
import { type FieldShape, type ListShape, type StructShape, UNTYPED } from './field-shape.ts'
import { elementOf, isObject, itemsByElement } from './list-elements.ts'

export interface Comparison {
  /** Added and modified fields. */
  changed: FieldSet
  removed: FieldSet
}

/**
 * From `before` to `after`, two objects of `shape`; `skip` says which fields of the object and of its metadata do
 * not count.
 */
export const compareObjects = (
  shape: StructShape,
  before: JsonObject,
  after: JsonObject,
  skip: (field: string, isMetadata: boolean) => boolean,
): Comparison => {
  const parts = new Parts()
  eachName(before, after, (name, one, other) => {
    if (skip(name, false) || one === other) return
    const field = shape.field(name)
    const part = field?.shape ?? shape.rest ?? UNTYPED
    const isAlways = field?.isPresent ?? false
    const element = field?.element ?? `f:${name}`
    if (name !== 'metadata' || part.is !== 'struct')
      parts.add(
        element,
        compare(part, one, other, one !== undefined || isAlways, other !== undefined || isAlways),
      )
    else {
      const within = new Parts()
      const isSkipped = (key: string) => skip(key, true)
      compareFields(part, asObject(one), asObject(other), true, true, within, isSkipped)
      parts.add(element, within)
    }
  })
  return { changed: parts.changed ?? LEAF, removed: parts.removed ?? LEAF }
}

interface Changes {
  changed: FieldSet | undefined
  removed: FieldSet | undefined
}

type Value = Json | undefined

/** `wasThere` and `isThere`: Go's JSON has the field, be it undefined here. Undefined: no difference. */
const compare = (
  shape: FieldShape,
  before: Value,
  after: Value,
  wasThere: boolean,
  isThere: boolean,
): Changes | undefined => {
  if (isOneValue(shape, before, after)) {
    if (wasThere === isThere && deepEqual(before, after)) return undefined
    return isThere ? CHANGED : REMOVED
  }
  if (wasThere === isThere && (before === after || shape.is === 'list'))
    if (deepEqual(before, after)) return undefined
  const isEmpty = isBare(before) && isBare(after)
  if (isEmpty && wasThere && isThere)
    return shape.is === 'struct' || deepEqual(before, after) ? undefined : CHANGED
  const within = compareParts(shape, before, after, wasThere, isThere)
  if (wasThere && isThere) return within
  return {
    changed: nodeOf(!wasThere, within.changed),
    removed: nodeOf(!isThere, within.removed),
  }
}

const CHANGED: Changes = { changed: LEAF, removed: undefined }
const REMOVED: Changes = { changed: undefined, removed: LEAF }

const isBare = (value: Value): boolean => {
  if (typeof value !== 'object' || value === null) return true
  for (const _ in value) return false
  return true
}

/** Whether the two are compared as a whole. */
const isOneValue = (shape: FieldShape, before: Value, after: Value): boolean => {
  if (shape.is === 'scalar' || shape.atomic) return true
  const isFitting = shape.is === 'list' ? Array.isArray : isObject
  const isOdd = (value: Value) => value !== undefined && value !== null && !isFitting(value)
  return isOdd(before) || isOdd(after)
}

const compareParts = (
  shape: FieldShape,
  before: Value,
  after: Value,
  wasThere: boolean,
  isThere: boolean,
): Changes => {
  const parts = new Parts()
  if (shape.is === 'list') compareItems(shape, asList(before), asList(after), parts)
  else if (shape.is === 'struct')
    compareFields(shape, asObject(before), asObject(after), wasThere, isThere, parts)
  else {
    const of = shape.is === 'map' ? shape.of : UNTYPED
    eachName(asObject(before), asObject(after), (name, one, other) =>
      parts.add(`f:${name}`, compare(of, one, other, one !== undefined, other !== undefined)),
    )
  }
  return parts
}

const compareFields = (
  shape: StructShape,
  before: JsonObject,
  after: JsonObject,
  wasThere: boolean,
  isThere: boolean,
  parts: Parts,
  skip?: (field: string) => boolean,
): void => {
  const visit = (name: string, one: Value, other: Value) => {
    if (skip?.(name)) return
    const field = shape.field(name)
    const isAlways = field?.isPresent ?? false
    const changes = compare(
      field?.shape ?? shape.rest ?? UNTYPED,
      one,
      other,
      one !== undefined || (isAlways && wasThere),
      other !== undefined || (isAlways && isThere),
    )
    parts.add(field?.element ?? `f:${name}`, changes)
  }
  eachName(before, after, visit)
  if (wasThere === isThere) return
  for (const { name } of shape.present())
    if (before[name] === undefined && after[name] === undefined) visit(name, undefined, undefined)
}

/** Gathers the differences of the parts of one value. */
class Parts implements Changes {
  changed: Record<string, FieldSet> | undefined
  removed: Record<string, FieldSet> | undefined

  add(element: string, changes: Changes | undefined) {
    if (changes?.changed) this.mark('changed', element, changes.changed)
    if (changes?.removed) this.mark('removed', element, changes.removed)
  }

  mark(set: 'changed' | 'removed', element: string, node: FieldSet) {
    this[set] ??= {}
    this[set][element] = node
  }
}

type JsonObject = { [key: string]: Json }
const NOTHING: JsonObject = {}
const NO_ITEMS: readonly Json[] = []
const asObject = (value: Value): JsonObject => (isObject(value) ? value : NOTHING)
const asList = (value: Value): readonly Json[] => (Array.isArray(value) ? value : NO_ITEMS)

const eachName = (
  before: JsonObject,
  after: JsonObject,
  visit: (name: string, one: Value, other: Value) => void,
): void => {
  for (const name in after) visit(name, before[name], after[name])
  for (const name in before) if (after[name] === undefined) visit(name, before[name], undefined)
}

/** Items that several others share an element with are compared together, as one value. */
const compareItems = (
  shape: ListShape,
  before: readonly Json[],
  after: readonly Json[],
  parts: Parts,
): void => {
  if (compareInPlace(shape, before, after, parts)) return
  const left = itemsByElement(shape, before)
  const right = itemsByElement(shape, after)
  for (const element of new Set([...left.keys(), ...right.keys()])) {
    const one = left.get(element) ?? []
    const other = right.get(element) ?? []
    if (one.length <= 1 && other.length <= 1)
      parts.add(element, compare(shape.of, one[0], other[0], one.length > 0, other.length > 0))
    else if (one.length > 1 && other.length > 1) {
      if (!deepEqual(one, other)) parts.mark('changed', element, LEAF)
    } else if (one.length > 1) {
      if (other.length === 1)
        parts.add(element, compare(shape.of, undefined, other[0], false, true))
      parts.mark('removed', element, LEAF)
    } else {
      if (one.length === 1) parts.add(element, compare(shape.of, one[0], undefined, true, false))
      parts.mark('changed', element, LEAF)
    }
  }
}

/** Lists whose items are the same ones in the same order, by their one key; false for others. */
const compareInPlace = (
  shape: ListShape,
  before: readonly Json[],
  after: readonly Json[],
  parts: Parts,
): boolean => {
  const [key] = shape.keys ?? []
  if (key === undefined || shape.keys?.length !== 1 || before.length !== after.length) return false
  const seen = new Set<Json | undefined>()
  for (let at = 0; at < before.length; at++) {
    const name = asObject(before[at])[key]
    if (typeof name !== 'string' || asObject(after[at])[key] !== name || seen.has(name))
      return false
    seen.add(name)
  }
  for (let at = 0; at < before.length; at++) {
    const changes = compare(shape.of, before[at], after[at], true, true)
    if (!changes?.changed && !changes?.removed) continue
    const result = elementOf(shape, after[at])
    if ('element' in result) parts.add(result.element, changes)
  }
  return true
}
