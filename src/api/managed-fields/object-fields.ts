/**
 * The fields an applied configuration names, what is wrong with it, merging it in, and taking fields out.
 *
 * After structured-merge-diff's `tofieldset.go`, `validate.go`, `merge.go` and `remove.go`. The arguments are
 * not changed; results share what stays as it is.
 */
import { goText, goTypeOf } from '../go-text.ts'
import type { Json } from '../meta.ts'
import { type FieldSet, isEmptySet, isMember, LEAF, MEMBER, pathText } from './field-set.ts'
import { type FieldShape, type ListShape, UNTYPED } from './field-shape.ts'
import { elementOf, isObject, itemsByElement } from './list-elements.ts'

type JsonObject = { [key: string]: Json }

/** The shape of a field of an object of `shape`; undefined: there is no such field. */
const shapeOfName = (shape: FieldShape, name: string): FieldShape | undefined => {
  if (shape.is === 'struct') return shape.field(name)?.shape ?? shape.rest
  if (shape.is === 'map') return shape.of
  return UNTYPED
}

const isDeclared = (shape: FieldShape, name: string): boolean =>
  shape.is === 'struct' && shape.field(name) !== undefined

const isOneValue = (shape: FieldShape, value: Json): boolean => {
  if (shape.is === 'scalar' || shape.atomic) return true
  return shape.is === 'list' ? !Array.isArray(value) : !isObject(value)
}

/** Every field and item that `value` names. */
export const fieldsOf = (shape: FieldShape, value: Json): FieldSet => {
  const node = namedFields(shape, value)
  return node && node !== LEAF ? node : LEAF
}

const namedFields = (shape: FieldShape, value: Json): FieldSet | undefined => {
  if (shape.is === 'scalar' || shape.atomic) return LEAF
  if (shape.is === 'list') return Array.isArray(value) ? namedItems(shape, value) : undefined
  if (!isObject(value)) return shape.is === 'untyped' && value !== null ? LEAF : undefined
  const fields: Record<string, FieldSet> = {}
  for (const name in value) {
    const item = value[name] as Json
    const part = shapeOfName(shape, name)
    const isEmpty = item === null || (isObject(item) && Object.keys(item).length === 0)
    const node = withMember(part && namedFields(part, item), isEmpty || !isDeclared(shape, name))
    if (node) fields[`f:${name}`] = node
  }
  return Object.keys(fields).length > 0 ? fields : undefined
}

const namedItems = (shape: ListShape, items: readonly Json[]): FieldSet | undefined => {
  const fields: Record<string, FieldSet> = {}
  let count = 0
  for (const item of items) {
    const result = elementOf(shape, item)
    if ('fault' in result) continue
    const { element } = result
    const isFirst = fields[element] === undefined
    fields[element] = isFirst ? (withMember(namedFields(shape.of, item), true) ?? LEAF) : LEAF
    count++
  }
  return count > 0 ? fields : undefined
}

const withMember = (node: FieldSet | undefined, isItself: boolean): FieldSet | undefined => {
  if (!isItself || node === undefined) return isItself ? LEAF : node
  return isMember(node) ? node : { [MEMBER]: LEAF, ...node }
}

/** `set` with every declared field as a member under which something is one; the same set where that is so. */
export const withDeclaredFields = (shape: FieldShape, set: FieldSet): FieldSet => {
  let fields: Record<string, FieldSet> | undefined
  for (const element in set) {
    const node = set[element]!
    if (element === MEMBER || isEmptySet(node)) continue
    const name = element.startsWith('f:') ? element.slice(2) : undefined
    const part = name === undefined ? itemShape(shape) : (shapeOfName(shape, name) ?? UNTYPED)
    const within = withDeclaredFields(part, node)
    const isNamed = name !== undefined && isDeclared(shape, name)
    const declared = isNamed && !isMember(within) ? { [MEMBER]: LEAF, ...within } : within
    if (declared === node) continue
    fields ??= { ...set }
    fields[element] = declared
  }
  return fields ?? set
}

const itemShape = (shape: FieldShape): FieldShape => (shape.is === 'list' ? shape.of : UNTYPED)

/** `value` without the members of `set` and all that is in them. */
export const withoutFields = (shape: FieldShape, value: Json, set: FieldSet): Json => {
  if (isEmptySet(set) || isOneValue(shape, value)) return value
  return shape.is === 'list'
    ? withoutItems(shape, value as Json[], set)
    : withoutNames(shape, value as JsonObject, set)
}

const withoutNames = (shape: FieldShape, value: JsonObject, set: FieldSet): JsonObject => {
  const kept: JsonObject = {}
  for (const name in value) {
    const item = value[name] as Json
    const node = set[`f:${name}`]
    if (node && isMember(node)) continue
    put(kept, name, node ? withoutFields(shapeOfName(shape, name) ?? UNTYPED, item, node) : item)
  }
  return kept
}

const withoutItems = (shape: ListShape, items: readonly Json[], set: FieldSet): Json[] => {
  const kept: Json[] = []
  for (const item of items) {
    const result = elementOf(shape, item)
    const node = 'element' in result ? set[result.element] : undefined
    if (node && isMember(node)) continue
    kept.push(node ? withoutFields(shape.of, item, node) : item)
  }
  return kept
}

/** `live` with `applied` merged in: what `applied` names is as it says, the rest stays. */
export const mergeFields = (
  shape: FieldShape,
  live: Json | undefined,
  applied: Json | undefined,
): Json | undefined => {
  if (applied === undefined) return live
  if (live === undefined || isOneValue(shape, applied) || isOneValue(shape, live)) {
    const isNothing = applied === null && live !== undefined && !isOneValue(shape, live)
    return isNothing && !isBare(live) ? live : applied
  }
  if (shape.is === 'list') return mergeItems(shape, live as Json[], applied as Json[])
  const merged: JsonObject = { ...(live as JsonObject) }
  for (const name in applied as JsonObject) {
    const part = shapeOfName(shape, name) ?? UNTYPED
    const present = Object.hasOwn(merged, name) ? merged[name] : undefined
    const value = mergeFields(part, present, (applied as JsonObject)[name])
    if (value !== undefined) put(merged, name, value)
  }
  return merged
}

/** Sets a field that may have any name. */
const put = (object: JsonObject, name: string, value: Json): void => {
  if (name !== '__proto__') object[name] = value
  else
    Object.defineProperty(object, name, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    })
}

const isBare = (value: Json): boolean =>
  typeof value !== 'object' || value === null || Object.keys(value).length === 0

/** The order is that of `applied`; what only `live` has keeps its place among what both have. */
const mergeItems = (shape: ListShape, live: readonly Json[], applied: readonly Json[]): Json[] => {
  const left = elementsOf(shape, live)
  const right = elementsOf(shape, applied)
  const before = itemsByElement(shape, live)
  const wanted = new Map(right.map(({ element, item }) => [element, item]))
  const shared = right.map(({ element }) => element).filter((element) => before.has(element))
  const merged: Json[] = []
  const done = new Set<string>()
  let nextShared = 0
  const take = (element: string) => {
    done.add(element)
    const same = before.get(element) ?? []
    const present = same.length === 1 ? same[0] : undefined
    merged.push(mergeFields(shape.of, present, wanted.get(element)) ?? null)
    if (shared[nextShared] === element) nextShared++
  }
  let l = 0
  let r = 0
  while (l < left.length || r < right.length) {
    const one = left[l]
    const other = right[r]
    if (one && other) {
      if (one.element === other.element) {
        take(one.element)
        l++
        r++
        continue
      }
      if (
        wanted.has(one.element) &&
        nextShared < shared.length &&
        shared[nextShared] !== one.element
      ) {
        l++
        continue
      }
    }
    if (one) {
      if (!wanted.has(one.element)) {
        merged.push(one.item)
        l++
        continue
      }
      if (done.has(one.element)) l++
    }
    if (other) {
      take(other.element)
      r++
    }
  }
  return merged
}

const elementsOf = (shape: ListShape, items: readonly Json[]) =>
  items.flatMap((item) => {
    const result = elementOf(shape, item)
    return 'element' in result ? [{ element: result.element, item }] : []
  })

/** What is wrong with a configuration, in structured-merge-diff's words: `.spec.foo: field not declared in schema`. */
export const faultsOf = (shape: FieldShape, value: Json): string[] => {
  const faults: string[] = []
  findFaults(shape, value, [], faults)
  return faults
}

const findFaults = (
  shape: FieldShape,
  value: Json,
  path: readonly string[],
  faults: string[],
): void => {
  if (value === null || shape.is === 'untyped') return
  const add = (message: string) =>
    faults.push(path.length ? `${pathText(path)}: ${message}` : message)
  if (shape.is === 'scalar') {
    const message = scalarFault(shape.scalar, value)
    if (message) add(message)
  } else if (shape.is === 'list') {
    if (!Array.isArray(value)) add(`expected list, got &{${goText(value)}}`)
    else findFaultsOfItems(shape, value, path, faults)
  } else if (!isObject(value)) add(`expected map, got &{${goText(value)}}`)
  else
    for (const name in value) {
      const part = shapeOfName(shape, name)
      const inner = [...path, `f:${name}`]
      if (!part) faults.push(`${pathText(inner)}: field not declared in schema`)
      else findFaults(part, value[name] as Json, inner, faults)
    }
}

const findFaultsOfItems = (
  shape: ListShape,
  items: readonly Json[],
  path: readonly string[],
  faults: string[],
): void => {
  const seen = new Set<string>()
  for (const [index, item] of items.entries()) {
    const result = shape.atomic ? { element: `i:${index}` } : elementOf(shape, item)
    if ('fault' in result) {
      faults.push(`${pathText(path)}: element ${index}: ${result.fault}`)
      return
    }
    const { element } = result
    if (seen.has(element))
      faults.push(`${pathText(path)}: duplicate entries for key ${pathText([element])}`)
    seen.add(element)
    findFaults(shape.of, item, [...path, element], faults)
  }
}

const scalarFault = (scalar: string, value: Json): string | undefined => {
  switch (scalar) {
    case 'numeric':
      return typeof value === 'number'
        ? undefined
        : `expected numeric (int or float), got ${goTypeOf(value)}`
    case 'string':
      return typeof value === 'string'
        ? undefined
        : `expected string, got &value.valueUnstructured{Value:${goText(value)}}`
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `expected boolean, got &{${goText(value)}}`
    default:
      return typeof value === 'object' ? `expected any scalar, got &{${goText(value)}}` : undefined
  }
}
