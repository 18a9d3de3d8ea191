/**
 * CEL's operators and standard functions.
 *
 * `&&`, `||` and the conditional are here for the checker only: the interpreter runs them itself, because they
 * may leave an operand alone.
 */
import { CelError } from '../cel-error.ts'
import { compareValues, concatenate, isEqual } from '../equality.ts'
import { matches } from '../regular-expression.ts'
import { Duration, Timestamp } from '../time.ts'
import {
  type ListValue,
  type MapValue,
  show,
  sizeOf,
  TypeValue,
  typeNameOf,
  Uint,
  type Value,
} from '../value.ts'
import { conversions } from './conversions.ts'
import { define, type Overload, REGEX_LENGTH, TRAVERSAL, traversal } from './overload.ts'

const MAX_INT = 2n ** 63n - 1n
const MIN_INT = -(2n ** 63n)
const MAX_UINT = 2n ** 64n - 1n

const int = (value: bigint): bigint => {
  if (value > MAX_INT || value < MIN_INT) throw new CelError('integer overflow')
  return value
}

const uint = (value: bigint): Uint => {
  if (value > MAX_UINT || value < 0n) throw new CelError('unsigned integer overflow')
  return new Uint(value)
}

const nonZero = (value: bigint, message = 'division by zero'): bigint => {
  if (value === 0n) throw new CelError(message)
  return value
}

const interpreted = (): Value => {
  throw new CelError('no such overload')
}

const logic = define({
  '_&&_(bool, bool): bool': interpreted,
  '_||_(bool, bool): bool': interpreted,
  '_?_:_(bool, A, A): A': interpreted,
  '!_(bool): bool': (value: boolean) => !value,
})

const arithmetic = define({
  '_+_(int, int): int': (one: bigint, other: bigint) => int(one + other),
  '_-_(int, int): int': (one: bigint, other: bigint) => int(one - other),
  '_*_(int, int): int': (one: bigint, other: bigint) => int(one * other),
  '_/_(int, int): int': (one: bigint, other: bigint) => int(one / nonZero(other)),
  '_%_(int, int): int': (one: bigint, other: bigint) => one % nonZero(other, 'modulus by zero'),
  '-_(int): int': (value: bigint) => int(-value),
  '_+_(uint, uint): uint': (one: Uint, other: Uint) => uint(one.value + other.value),
  '_-_(uint, uint): uint': (one: Uint, other: Uint) => uint(one.value - other.value),
  '_*_(uint, uint): uint': (one: Uint, other: Uint) => uint(one.value * other.value),
  '_/_(uint, uint): uint': (one: Uint, other: Uint) => uint(one.value / nonZero(other.value)),
  '_%_(uint, uint): uint': (one: Uint, other: Uint) =>
    uint(one.value % nonZero(other.value, 'modulus by zero')),
  '_+_(double, double): double': (one: number, other: number) => one + other,
  '_-_(double, double): double': (one: number, other: number) => one - other,
  '_*_(double, double): double': (one: number, other: number) => one * other,
  '_/_(double, double): double': (one: number, other: number) => one / other,
  '-_(double): double': (value: number) => -value,
  '_+_(list<A>, list<A>): list<A>': concatenate,
})

const joining = define(
  {
    '_+_(string, string): string': (one: string, other: string) => one + other,
    '_+_(bytes, bytes): bytes': (one: Uint8Array, other: Uint8Array) => Buffer.concat([one, other]),
  },
  ([one = 1, other = 1]) => Math.ceil((one + other) * TRAVERSAL),
)

const times = define({
  '_+_(duration, duration): duration': (one: Duration, other: Duration) =>
    new Duration(one.nanos + other.nanos),
  '_+_(timestamp, duration): timestamp': (one: Timestamp, other: Duration) =>
    new Timestamp(one.nanos + other.nanos),
  '_+_(duration, timestamp): timestamp': (one: Duration, other: Timestamp) =>
    new Timestamp(one.nanos + other.nanos),
  '_-_(duration, duration): duration': (one: Duration, other: Duration) =>
    new Duration(one.nanos - other.nanos),
  '_-_(timestamp, duration): timestamp': (one: Timestamp, other: Duration) =>
    new Timestamp(one.nanos - other.nanos),
  '_-_(timestamp, timestamp): duration': (one: Timestamp, other: Timestamp) =>
    new Duration(one.nanos - other.nanos),
  '-_(duration): duration': (value: Duration) => new Duration(-value.nanos),
})

const leastSize = ([one = 1, other = 1]: readonly number[]) =>
  Math.ceil(Math.min(one, other) * TRAVERSAL)

const equality = define(
  {
    '_==_(A, A): bool': isEqual,
    '_!=_(A, A): bool': (one: Value, other: Value) => !isEqual(one, other),
  },
  leastSize,
)

const TESTS: Readonly<Record<string, (order: number) => boolean>> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
}
const NUMBERS = ['int', 'uint', 'double']
const ORDERED = [
  ...['bool', 'timestamp', 'duration'].map((type) => [type, type]),
  ...NUMBERS.flatMap((one) => NUMBERS.map((other) => [one, other])),
]

const comparing = (pairs: readonly (readonly string[])[]) =>
  Object.fromEntries(
    pairs.flatMap(([one, other]) =>
      Object.entries(TESTS).map(([sign, test]) => [
        `_${sign}_(${one}, ${other}): bool`,
        (left: Value, right: Value) => test(compareValues(left, right)),
      ]),
    ),
  )

const order = [
  ...define(comparing(ORDERED)),
  ...define(
    comparing([
      ['string', 'string'],
      ['bytes', 'bytes'],
    ]),
    leastSize,
  ),
]

const elementAt = (list: ListValue, index: Value): Value => {
  const at =
    index instanceof Uint ? Number(index.value) : typeof index === 'bigint' ? Number(index) : index
  if (typeof at !== 'number' || !Number.isInteger(at))
    throw new CelError(`unsupported index type '${typeNameOf(index)}' in list`)
  if (at < 0 || at >= list.size) throw new CelError(`index out of bounds: ${at}`)
  return list.at(at)
}

export const valueAt = (map: MapValue, key: Value): Value => {
  const value = map.get(key)
  if (value === undefined) throw new CelError(`no such key: ${show(key)}`)
  return value
}

const contains = (value: Value, list: ListValue): boolean => {
  for (const each of list) if (isEqual(each, value)) return true
  return false
}

const containers = [
  ...define({
    '_[_](list<A>, int): A': elementAt,
    '_[_](map<A, B>, A): B': valueAt,
    '@in(A, map<A, B>): bool': (key: Value, map: MapValue) => map.get(key) !== undefined,
    'type(A): type<A>': (value: Value) => new TypeValue(typeNameOf(value)),
    'dyn(A): dyn': (value: Value) => value,
    ...Object.fromEntries(
      ['string', 'bytes', 'list<A>', 'map<A, B>'].flatMap((type) =>
        [`size(${type}): int`, `${type}.size(): int`].map((signature) => [
          signature,
          (value: Value) => BigInt(sizeOf(value)),
        ]),
      ),
    ),
  }),
  ...define({ '@in(A, list<A>): bool': contains }, (sizes) => sizes[1] ?? 1),
]

const texts = [
  ...define(
    {
      'string.startsWith(string): bool': (text: string, part: string) => text.startsWith(part),
      'string.endsWith(string): bool': (text: string, part: string) => text.endsWith(part),
    },
    { of: traversal(), estimated: traversal(1, 1) },
  ),
  ...define(
    { 'string.contains(string): bool': (text: string, part: string) => text.includes(part) },
    ([text = 1, part = 1]) => Math.ceil(text * TRAVERSAL) * Math.ceil(part * TRAVERSAL),
  ),
  ...define(
    { 'string.matches(string): bool': matches, 'matches(string, string): bool': matches },
    ([text = 1, pattern = 1]) =>
      Math.ceil((1 + text) * TRAVERSAL) * Math.ceil(pattern * REGEX_LENGTH),
  ),
]

const DATE_PARTS: Readonly<Record<string, (date: Date) => number>> = {
  getFullYear: (date) => date.getUTCFullYear(),
  getMonth: (date) => date.getUTCMonth(),
  getDate: (date) => date.getUTCDate(),
  getDayOfMonth: (date) => date.getUTCDate() - 1,
  getDayOfWeek: (date) => date.getUTCDay(),
  getDayOfYear: (date) =>
    Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000),
  getHours: (date) => date.getUTCHours(),
  getMinutes: (date) => date.getUTCMinutes(),
  getSeconds: (date) => date.getUTCSeconds(),
  getMilliseconds: (date) => date.getUTCMilliseconds(),
}

const dates = define({
  ...Object.fromEntries(
    Object.entries(DATE_PARTS).flatMap(([name, part]) => [
      [`timestamp.${name}(): int`, (time: Timestamp) => BigInt(part(time.inZone('')))],
      [
        `timestamp.${name}(string): int`,
        (time: Timestamp, zone: string) => BigInt(part(time.inZone(zone))),
      ],
    ]),
  ),
  'duration.getHours(): int': ({ nanos }: Duration) => nanos / 3_600_000_000_000n,
  'duration.getMinutes(): int': ({ nanos }: Duration) => nanos / 60_000_000_000n,
  'duration.getSeconds(): int': ({ nanos }: Duration) => nanos / 1_000_000_000n,
  'duration.getMilliseconds(): int': ({ nanos }: Duration) => (nanos / 1_000_000n) % 1000n,
})

export const standard: readonly Overload[] = [
  ...logic,
  ...arithmetic,
  ...joining,
  ...times,
  ...equality,
  ...order,
  ...containers,
  ...texts,
  ...dates,
  ...conversions,
]
