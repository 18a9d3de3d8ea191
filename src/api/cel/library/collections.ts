/**
 * Libraries about lists, sets, optionals and regular expressions.
 */
import { CelError } from '../cel-error.ts'
import { compareValues, isEqual, isNumber } from '../equality.ts'
import { findAll, findFirst } from '../regular-expression.ts'
import { Duration, Timestamp } from '../time.ts'
import { ListValue, MapValue, Optional, sizeOf, Uint, type Value } from '../value.ts'
import { type Cost, define, type Overload, REGEX_LENGTH, TRAVERSAL } from './overload.ts'

const ORDERED = ['int', 'uint', 'double', 'bool', 'duration', 'timestamp', 'string', 'bytes']
const SUMMED: Readonly<Record<string, Value>> = {
  int: 0n,
  uint: new Uint(0n),
  double: 0,
  duration: new Duration(0n),
}

const isSorted = (list: ListValue): boolean => {
  for (let at = 1; at < list.size; at++)
    if (compareValues(list.at(at - 1), list.at(at)) > 0) return false
  return true
}

const extreme =
  (name: string, sign: number) =>
  (list: ListValue): Value => {
    if (list.size === 0) throw new CelError(`${name} called on empty list`)
    let found = list.at(0)
    for (const value of list) if (compareValues(value, found) * sign > 0) found = value
    return found
  }

const add = (one: Value, other: Value): Value => {
  if (typeof one === 'bigint' && typeof other === 'bigint') return BigInt.asIntN(64, one + other)
  if (typeof one === 'number' && typeof other === 'number') return one + other
  if (one instanceof Uint && other instanceof Uint) return new Uint(one.value + other.value)
  if (one instanceof Duration && other instanceof Duration)
    return new Duration(one.nanos + other.nanos)
  throw new CelError('no such overload')
}

const sum =
  (zero: Value) =>
  (list: ListValue): Value => {
    let total: Value | undefined
    for (const value of list) total = total === undefined ? value : add(total, value)
    return total ?? zero
  }

const indexOf = (list: ListValue, value: Value): bigint => {
  for (let at = 0; at < list.size; at++) if (isEqual(list.at(at), value)) return BigInt(at)
  return -1n
}

const lastIndexOf = (list: ListValue, value: Value): bigint => {
  for (let at = list.size - 1; at >= 0; at--) if (isEqual(list.at(at), value)) return BigInt(at)
  return -1n
}

export const lists: readonly Overload[] = define(
  {
    ...Object.fromEntries(
      ORDERED.flatMap((type) => [
        [`list<${type}>.isSorted(): bool`, isSorted],
        [`list<${type}>.min(): ${type}`, extreme('min', -1)],
        [`list<${type}>.max(): ${type}`, extreme('max', 1)],
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(SUMMED).map(([type, zero]) => [`list<${type}>.sum(): ${type}`, sum(zero)]),
    ),
    'list<A>.indexOf(A): int': indexOf,
    'list<A>.lastIndexOf(A): int': lastIndexOf,
  },
  { estimated: ([size = 1]) => size, ofValues: ([list]) => traversalOf(list!) },
)

/** What looking at every part of a value costs. */
export const traversalOf = (value: Value): number => {
  if (typeof value === 'string') return Math.floor(Buffer.byteLength(value) * TRAVERSAL)
  if (value instanceof Uint8Array) return Math.floor(value.length * TRAVERSAL)
  let cost = 0
  if (value instanceof ListValue) for (const each of value) cost += 1 + traversalOf(each)
  return cost
}

const within = (values: ListValue, list: ListValue): boolean => {
  for (const value of values) if (indexOf(list, value) < 0n) return false
  return true
}

const intersects = (one: ListValue, other: ListValue): boolean => {
  for (const value of one) if (indexOf(other, value) >= 0n) return true
  return false
}

const setCost =
  (times: number): Cost =>
  ([one = 1, other = 1]) =>
    1 + times * one * other

export const sets: readonly Overload[] = [
  ...define(
    {
      'sets.contains(list<A>, list<A>): bool': (list: ListValue, values: ListValue) =>
        within(values, list),
      'sets.intersects(list<A>, list<A>): bool': intersects,
    },
    setCost(1),
  ),
  ...define(
    {
      'sets.equivalent(list<A>, list<A>): bool': (one: ListValue, other: ListValue) =>
        within(one, other) && within(other, one),
    },
    setCost(2),
  ),
]

/** Go's zero time, in the year 1. */
const ZERO_TIME = -62_135_596_800_000_000_000n

const isZero = (value: Value): boolean => {
  if (value === null || value === false || value === '') return true
  if (isNumber(value)) return isEqual(value, 0n)
  if (value instanceof Duration) return value.nanos === 0n
  if (value instanceof Timestamp) return value.nanos === ZERO_TIME
  const isContainer =
    value instanceof ListValue || value instanceof MapValue || value instanceof Uint8Array
  return isContainer && sizeOf(value) === 0
}

const optionalEntry = (container: Value, key: Value): Optional => {
  const inside = container instanceof Optional ? container.value : container
  if (inside instanceof MapValue) return some(inside.get(key))
  if (!(inside instanceof ListValue)) return Optional.none
  const at = key instanceof Uint ? Number(key.value) : Number(key)
  return at >= 0 && at < inside.size ? some(inside.at(at)) : Optional.none
}

export const some = (value: Value | undefined): Optional =>
  value === undefined ? Optional.none : new Optional(value)

const unwrap = ({ value }: Optional): Value => {
  if (value === undefined) throw new CelError('optional.none() dereference')
  return value
}

const allPresent = (list: ListValue): Value =>
  new ListValue(
    [...list].flatMap((each) =>
      each instanceof Optional ? (each.value === undefined ? [] : [each.value]) : [each],
    ),
  )

export const optionals: readonly Overload[] = define({
  'optional.of(A): optional<A>': (value: Value) => new Optional(value),
  'optional.ofNonZeroValue(A): optional<A>': (value: Value) =>
    isZero(value) ? Optional.none : new Optional(value),
  'optional.none(): optional<A>': () => Optional.none,
  'optional.unwrap(list<optional<A>>): list<A>': allPresent,
  'list<optional<A>>.unwrapOpt(): list<A>': allPresent,
  'optional<A>.hasValue(): bool': ({ value }: Optional) => value !== undefined,
  'optional<A>.value(): A': unwrap,
  'optional<A>.or(optional<A>): optional<A>': (one: Optional, other: Optional) =>
    one.value === undefined ? other : one,
  'optional<A>.orValue(A): A': ({ value }: Optional, other: Value) =>
    value === undefined ? other : value,
  '_[?_](list<A>, int): optional<A>': optionalEntry,
  '_[?_](map<A, B>, A): optional<B>': optionalEntry,
  '_[?_](optional<list<A>>, int): optional<A>': optionalEntry,
  '_[?_](optional<map<A, B>>, A): optional<B>': optionalEntry,
  '_[_](optional<list<A>>, int): optional<A>': optionalEntry,
  '_[_](optional<map<A, B>>, A): optional<B>': optionalEntry,
})

export const regex: readonly Overload[] = define(
  {
    'string.find(string): string': findFirst,
    'string.findAll(string): list<string>': (text: string, pattern: string) =>
      new ListValue(findAll(text, pattern)),
    'string.findAll(string, int): list<string>': (text: string, pattern: string, limit: bigint) =>
      new ListValue(findAll(text, pattern, Number(limit))),
  },
  ([text = 1, pattern = 1]) =>
    Math.ceil((1 + text) * TRAVERSAL) * Math.ceil(pattern * REGEX_LENGTH),
)
