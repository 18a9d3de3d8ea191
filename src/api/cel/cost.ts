/**
 * What an expression may cost at most, from the sizes that declared types allow.
 *
 * The model is cel-go's with Kubernetes' additions: a walk costs its body times the most elements, a call what its
 * overload's cost says for the largest arguments, a choice its dearer branch. Sizes unknown are infinite.
 */
import type { CelType } from './cel-type.ts'
import type { Expression } from './expression.ts'
import type { Overload, Size } from './library/overload.ts'
import { sizeOf } from './value.ts'

/** Costs, and the size of the result. */
interface Estimate {
  cost: Size
  size: Size
  /** Of a list's or a map's elements, as far as known. */
  element?: CelType
}

const NOTHING: Size = { min: 0, max: 0 }
const ONE: Size = { min: 1, max: 1 }
/** cel-go's largest cost; more is this. */
const COST_MAX = 2 ** 64

const plus = (...sizes: readonly Size[]): Size => ({
  min: bounded(sizes.reduce((total, { min }) => total + min, 0)),
  max: bounded(sizes.reduce((total, { max }) => total + max, 0)),
})
const times = (one: Size, other: Size): Size => ({
  min: bounded(one.min * other.min),
  max: bounded(one.max * other.max),
})
const either = (one: Size, other: Size): Size => ({
  min: Math.min(one.min, other.min),
  max: Math.max(one.max, other.max),
})
const bounded = (value: number): number => Math.min(value, COST_MAX)

export const estimateCost = (expression: Expression): Size => estimate(expression).cost

const SIZED: ReadonlySet<string> = new Set(['string', 'bytes', 'list', 'map', 'dyn', 'param'])

const sizeOfType = (type: CelType | undefined): Size => {
  if (!type) return { min: 0, max: COST_MAX }
  if (!SIZED.has(type.kind)) return ONE
  return { min: 0, max: type.maxElements ?? COST_MAX }
}

const estimate = (expression: Expression): Estimate => {
  const { type } = expression
  switch (expression.op) {
    case 'literal': {
      const size = sizeOf(expression.value)
      return { cost: NOTHING, size: { min: size, max: size } }
    }
    case 'identifier':
      return { cost: ONE, size: sizeOfType(type) }
    case 'select': {
      const { cost } = estimate(expression.operand)
      return { cost: plus(cost, ONE), size: expression.testOnly ? ONE : sizeOfType(type) }
    }
    case 'call':
      return call(expression)
    case 'list': {
      const items = expression.items.map(({ value }) => estimate(value).cost)
      const size = { min: items.length, max: items.length }
      return { cost: plus(...items, { min: 10, max: 10 }), size }
    }
    case 'map': {
      const parts = expression.entries.flatMap(({ key, value }) => [estimate(key), estimate(value)])
      const size = { min: expression.entries.length, max: expression.entries.length }
      return { cost: plus(...parts.map(({ cost }) => cost), { min: 30, max: 30 }), size }
    }
    case 'struct': {
      const parts = expression.fields.map(({ value }) => estimate(value).cost)
      return { cost: plus(...parts, { min: 40, max: 40 }), size: ONE }
    }
    case 'walk':
      return walk(expression)
    case 'bind': {
      const value = estimate(expression.value)
      const body = estimate(expression.body)
      return { cost: plus(value.cost, body.cost), size: body.size }
    }
  }
}

type Of<Op extends Expression['op']> = Extract<Expression, { op: Op }>

const call = (expression: Of<'call'>): Estimate => {
  const all = expression.target ? [expression.target, ...expression.args] : expression.args
  const args = all.map(estimate)
  const costs = args.map(({ cost }) => cost)
  if (expression.name === '_?_:_') {
    const [condition, yes, no] = args
    return {
      cost: plus(condition!.cost, either(yes!.cost, no!.cost)),
      size: either(yes!.size, no!.size),
    }
  }
  if (expression.name === '_&&_' || expression.name === '_||_') {
    const whole = plus(...costs)
    return { cost: { min: Math.min(...costs.map(({ min }) => min)), max: whole.max }, size: ONE }
  }
  const sizes = args.map(({ size }) => size)
  const own = (expression.overloads ?? []).map((overload) => costOf(overload, sizes))
  const dearest = own.length === 0 ? ONE : own.reduce(either)
  return { cost: plus(...costs, dearest), size: resultSize(expression, sizes) }
}

const costOf = ({ cost }: Overload, sizes: readonly Size[]): Size => {
  if (!cost) return ONE
  return {
    min: bounded(cost(sizes.map(({ min }) => min))),
    max: bounded(cost(sizes.map(({ max }) => max))),
  }
}

/** Functions whose result is no longer than their first argument. */
const SHORTENING: ReadonlySet<string> = new Set([
  'lowerAscii',
  'upperAscii',
  'substring',
  'trim',
  'find',
  'findAll',
  'split',
  'reverse',
  'bytes',
  'string',
])

const resultSize = ({ name, type }: Of<'call'>, sizes: readonly Size[]): Size => {
  if (name === '_+_' && type && SIZED.has(type.kind)) return plus(...sizes)
  if (SHORTENING.has(name)) return { min: 0, max: sizes[0]?.max ?? COST_MAX }
  if (name === 'replace') {
    const [text, from, to] = sizes
    const growth = (to?.max ?? 1) / Math.max(1, from?.min ?? 1)
    return { min: 0, max: bounded((text?.max ?? COST_MAX) * Math.max(1, growth)) }
  }
  if (name === 'join') return { min: 0, max: bounded((sizes[0]?.max ?? 1) * COST_MAX) }
  return sizeOfType(type)
}

/** Each round: its parts, and what reading and keeping the running result costs. */
const ROUND: Size = { min: 1, max: 2 }

const walk = ({ walk: name, range, predicate, result }: Of<'walk'>): Estimate => {
  const over = estimate(range)
  const parts = [predicate, result].flatMap((part) => (part ? [estimate(part)] : []))
  const round = plus(...parts.map(({ cost }) => cost), ROUND)
  const isQuantifier = name === 'all' || name === 'exists' || name === 'existsOne'
  /** Lists are built by concatenation. */
  const building: Size = isQuantifier ? NOTHING : { min: 0, max: 11 }
  return {
    cost: plus(over.cost, times(over.size, plus(round, building))),
    size: isQuantifier ? ONE : { min: 0, max: over.size.max },
  }
}
