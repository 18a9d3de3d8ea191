/**
 * The list extension of CEL (version 3), with first and last of the optionals: slice, flatten, distinct, reverse,
 * sort and lists.range. `sortBy` is a walk.
 */
import { CelError } from '../cel-error.ts'
import { compareValues, isEqual } from '../equality.ts'
import { ListValue, Optional, typeNameOf, type Value } from '../value.ts'
import { type Costs, define, type Overload, TRAVERSAL } from './overload.ts'

/** The call itself, and the list that is made. */
const BASE_COST = 1 + 10

const allocating = (size: (values: readonly Value[]) => number): Costs => ({
  estimated: ([first = 1]) => first + BASE_COST,
  ofValues: (values) => size(values) + BASE_COST,
})

const sizeOfFirst = ([list]: readonly Value[]): number =>
  list instanceof ListValue ? list.size : 0

/** Comparing each with each. */
export const selfComparing = (list: ListValue): number => {
  const first = list.size === 0 ? undefined : list.at(0)
  const isText = typeof first === 'string' || first instanceof Uint8Array
  return Math.floor(list.size ** 2 * (isText ? 2 + TRAVERSAL : 2)) + BASE_COST
}

const comparing: Costs = {
  estimated: ([size = 1]) => size * size * (2 + TRAVERSAL) + BASE_COST,
  ofValues: ([list]) => selfComparing(list as ListValue),
}

const slice = (list: ListValue, from: bigint, to: bigint): ListValue => {
  const shown = `cannot slice(${from}, ${to})`
  if (from < 0n || to < 0n) throw new CelError(`${shown}, negative indexes not supported`)
  if (from > to) throw new CelError(`${shown}, start index must be less than or equal to end index`)
  if (to > list.size) throw new CelError(`${shown}, list is length ${list.size}`)
  return new ListValue([...list].slice(Number(from), Number(to)))
}

const flatten = (list: ListValue, depth = 1n): ListValue => {
  if (depth < 0n) throw new CelError('level must be non-negative')
  const flat = (each: Value, left: bigint): Value[] =>
    each instanceof ListValue && left > 0n
      ? [...each].flatMap((part) => flat(part, left - 1n))
      : [each]
  return new ListValue([...list].flatMap((each) => flat(each, depth)))
}

const distinct = (list: ListValue): ListValue => {
  const found: Value[] = []
  for (const value of list) if (!found.some((each) => isEqual(each, value))) found.push(value)
  return new ListValue(found)
}

/** By the keys, which are of one type. */
export const sortedBy = (values: readonly Value[], keys: readonly Value[]): ListValue => {
  const [first] = keys
  if (first !== undefined && keys.some((key) => typeNameOf(key) !== typeNameOf(first)))
    throw new CelError('list elements must have the same type')
  const order = keys.map((_key, at) => at)
  order.sort((one, other) => compareValues(keys[one]!, keys[other]!))
  return new ListValue(order.map((at) => values[at]!))
}

const ORDERED = ['int', 'uint', 'double', 'bool', 'duration', 'timestamp', 'string', 'bytes']

export const listExtension: readonly Overload[] = [
  ...define(
    { 'list<A>.slice(int, int): list<A>': slice },
    allocating(([, from, to]) => Math.max(0, Number(to) - Number(from))),
  ),
  ...define(
    {
      'list<A>.reverse(): list<A>': (list: ListValue) => new ListValue([...list].reverse()),
      'list<list<A>>.flatten(): list<A>': flatten,
    },
    allocating(sizeOfFirst),
  ),
  ...define(
    { 'list<dyn>.flatten(int): list<dyn>': flatten },
    allocating(([list, depth]) => sizeOfFirst([list!]) * Math.max(0, Number(depth))),
  ),
  ...define(
    {
      'lists.range(int): list<int>': (size: bigint) =>
        new ListValue(Array.from({ length: Math.max(0, Number(size)) }, (_, at) => BigInt(at))),
    },
    allocating(([size]) => Math.max(0, Number(size))),
  ),
  ...define(
    {
      'list<A>.distinct(): list<A>': distinct,
      ...Object.fromEntries(
        ORDERED.map((type) => [
          `list<${type}>.sort(): list<${type}>`,
          (list: ListValue) => sortedBy([...list], [...list]),
        ]),
      ),
    },
    comparing,
  ),
  ...define({
    'list<A>.first(): optional<A>': (list: ListValue) =>
      list.size === 0 ? Optional.none : new Optional(list.at(0)),
    'list<A>.last(): optional<A>': (list: ListValue) =>
      list.size === 0 ? Optional.none : new Optional(list.at(list.size - 1)),
  }),
]
