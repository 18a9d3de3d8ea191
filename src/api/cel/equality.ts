/**
 * When two values are equal and which is less, across the types of numbers.
 *
 * Lists that Kubernetes keeps as sets or maps are equal whatever their order.
 */
import { CelError } from './cel-error.ts'
import { Duration, Timestamp } from './time.ts'
import { ListValue, MapValue, Opaque, Optional, TypeValue, Uint, type Value } from './value.ts'

export const isEqual = (one: Value, other: Value): boolean => {
  if (one === other) return true
  if (one === null || other === null) return false
  if (isNumber(one)) return isNumber(other) && compareNumbers(one, other) === 0
  if (one instanceof ListValue) return other instanceof ListValue && equalLists(one, other)
  if (one instanceof MapValue) return other instanceof MapValue && equalMaps(one, other)
  if (one instanceof Uint8Array)
    return other instanceof Uint8Array && Buffer.compare(one, other) === 0
  if (one instanceof Timestamp) return other instanceof Timestamp && one.nanos === other.nanos
  if (one instanceof Duration) return other instanceof Duration && one.nanos === other.nanos
  if (one instanceof TypeValue) return other instanceof TypeValue && one.name === other.name
  if (one instanceof Optional) {
    if (!(other instanceof Optional)) return false
    if (one.value === undefined || other.value === undefined) return one.value === other.value
    return isEqual(one.value, other.value)
  }
  return one instanceof Opaque && other instanceof Opaque && one.typeName === other.typeName
    ? one.equals(other)
    : false
}

export type NumberValue = bigint | number | Uint

export const isNumber = (value: Value): value is NumberValue =>
  typeof value === 'bigint' || typeof value === 'number' || value instanceof Uint

/** -1, 0 or 1; NaN (in which nothing holds) for what is not a number. */
export const compareNumbers = (one: NumberValue, other: NumberValue): number => {
  const left = one instanceof Uint ? one.value : one
  const right = other instanceof Uint ? other.value : other
  if (Number.isNaN(left) || Number.isNaN(right)) return Number.NaN
  return left < right ? -1 : left > right ? 1 : 0
}

/** Of numbers, strings, bytes, booleans, times; throws for what has no order. */
export const compareValues = (one: Value, other: Value): number => {
  if (isNumber(one) && isNumber(other)) return compareNumbers(one, other)
  if (typeof one === 'string' && typeof other === 'string') return compareStrings(one, other)
  if (typeof one === 'boolean' && typeof other === 'boolean') return Number(one) - Number(other)
  if (one instanceof Uint8Array && other instanceof Uint8Array) return Buffer.compare(one, other)
  if (
    (one instanceof Timestamp && other instanceof Timestamp) ||
    (one instanceof Duration && other instanceof Duration)
  )
    return one.nanos < other.nanos ? -1 : one.nanos > other.nanos ? 1 : 0
  throw new CelError('no such overload')
}

/** By code points, as Go compares UTF-8. */
const compareStrings = (one: string, other: string): number => {
  if (one === other) return 0
  for (let at = 0; at < one.length && at < other.length; at++) {
    const left = one.codePointAt(at)!
    const right = other.codePointAt(at)!
    if (left !== right) return left < right ? -1 : 1
  }
  return one.length < other.length ? -1 : 1
}

const equalLists = (one: ListValue, other: ListValue): boolean => {
  if (one.size !== other.size) return false
  const unordered = one.unordered ?? other.unordered
  if (unordered === undefined) {
    for (let at = 0; at < one.size; at++) if (!isEqual(one.at(at), other.at(at))) return false
    return true
  }
  const rest = [...other]
  for (const value of one) {
    const at = rest.findIndex((each) => isEqual(each, value))
    if (at < 0) return false
    rest.splice(at, 1)
  }
  return true
}

const equalMaps = (one: MapValue, other: MapValue): boolean => {
  if (one.size !== other.size) return false
  for (const name of one.names()) {
    const left = one.peek(name)
    const right = other.peek(name)
    if (left === undefined || right === undefined) {
      if (left !== right) return false
    } else if (!isEqual(left, right)) return false
  }
  return true
}

/** `+` of lists; those kept as sets or maps merge: what the left has keeps its place, the right wins. */
export const concatenate = (one: ListValue, other: ListValue): ListValue => {
  const { unordered } = one
  if (unordered === undefined) return new ListValue([...one, ...other])
  const result: Value[] = [...one]
  const sameKeys = (left: Value, right: Value): boolean => {
    if (unordered === 'set') return isEqual(left, right)
    return unordered.every((key) => {
      if (!(left instanceof MapValue) || !(right instanceof MapValue)) return false
      return isEqual(left.get(key) ?? null, right.get(key) ?? null)
    })
  }
  for (const value of other) {
    const at = result.findIndex((each) => sameKeys(each, value))
    if (at < 0) result.push(value)
    else result[at] = value
  }
  return new ListValue(result, undefined, unordered)
}
