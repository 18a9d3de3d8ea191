/**
 * What an expression may cost at most, from the sizes that declared types allow.
 *
 * The model is cel-go's with Kubernetes' additions, figure for figure, because a definition is accepted or refused by
 * it: a walk costs its rounds times the most elements, a call what its overload's cost says for the largest arguments,
 * a choice its dearer branch. Sizes of what is not declared are infinite.
 */
import type { CelType } from './cel-type.ts'
import type { Expression } from './expression.ts'
import type { Overload, Size } from './library/overload.ts'
import { TRAVERSAL } from './library/overload.ts'
import { sizeOf } from './value.ts'

/** Costs, and the size of the result. */
interface Estimate {
  cost: Size
  size: Size
}

type Of<Op extends Expression['op']> = Extract<Expression, { op: Op }>

/** cel-go's largest cost; more is this. */
const COST_MAX = 2 ** 64
const NOTHING: Size = { min: 0, max: 0 }
const ONE: Size = { min: 1, max: 1 }
const ANY: Size = { min: 0, max: COST_MAX }
const LIST_COST = 10
const MAP_COST = 30
const STRUCT_COST = 40

const exactly = (value: number): Size => ({ min: value, max: value })
const bounded = (value: number): number => Math.min(value, COST_MAX)
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

export const estimateCost = (expression: Expression): Size => estimate(expression).cost

const SIZED: ReadonlySet<string> = new Set(['string', 'bytes', 'list', 'map', 'dyn', 'param'])

/** Of what is declared: no more than it may hold; a number that is declared has no size at all. */
const declaredSize = (type: CelType | undefined): Size => {
  if (!type) return ANY
  const isDeclared = type.minSize !== undefined || type.maxElements !== undefined
  if (isDeclared) return { min: 0, max: type.maxElements ?? 0 }
  return SIZED.has(type.kind) ? ANY : ONE
}

/** Of what a call made. */
const madeSize = (type: CelType | undefined): Size => (type && !SIZED.has(type.kind) ? ONE : ANY)

const estimate = (expression: Expression): Estimate => {
  const { type } = expression
  switch (expression.op) {
    case 'literal':
      return { cost: NOTHING, size: exactly(sizeOf(expression.value)) }
    case 'identifier':
      return { cost: ONE, size: declaredSize(type) }
    case 'select':
      return expression.testOnly ? { cost: NOTHING, size: ONE } : select(expression)
    case 'call':
      return call(expression)
    case 'list': {
      const items = expression.items.map(({ value }) => estimate(value).cost)
      return { cost: plus(...items, exactly(LIST_COST)), size: exactly(items.length) }
    }
    case 'map': {
      const parts = expression.entries.flatMap(({ key, value }) => [estimate(key), estimate(value)])
      const costs = parts.map(({ cost }) => cost)
      return { cost: plus(...costs, exactly(MAP_COST)), size: exactly(costs.length / 2) }
    }
    case 'struct': {
      const parts = expression.fields.map(({ value }) => estimate(value).cost)
      return { cost: plus(...parts, exactly(STRUCT_COST)), size: ONE }
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

/** By its name a map's value is not found in the declaration; by an index it is. */
const select = ({ operand, type }: Of<'select'>): Estimate => ({
  cost: plus(estimate(operand).cost, ONE),
  size: operand.type?.kind === 'map' ? madeSize(type) : declaredSize(type),
})

const call = (expression: Of<'call'>): Estimate => {
  const { name, target, overloads = [] } = expression
  const all = target ? [target, ...expression.args] : expression.args
  const args = all.map(estimate)
  const costs = args.map(({ cost }) => cost)
  if (name === '_?_:_') {
    const [condition, yes, no] = args
    return {
      cost: plus(condition!.cost, either(yes!.cost, no!.cost)),
      size: either(yes!.size, no!.size),
    }
  }
  if (name === '_&&_' || name === '_||_') {
    const whole = plus(...costs)
    return { cost: { min: Math.min(...costs.map(({ min }) => min)), max: whole.max }, size: ONE }
  }
  const sizes = args.map(({ size }) => size)
  const size = resultSize(expression, sizes)
  if (name === 'join') return { cost: plus(...costs, joining(expression, sizes)), size }
  if (LISTED.has(name) && all[0]?.type?.kind === 'list')
    return { cost: plus(...costs, comparing(all[0].type, sizes[0]!)), size }
  const own = overloads.map((overload) => costOf(overload, sizes))
  return { cost: plus(...costs, own.length === 0 ? ONE : own.reduce(either)), size }
}

const costOf = ({ cost, estimated = cost }: Overload, sizes: readonly Size[]): Size => {
  if (!estimated) return ONE
  return {
    min: bounded(estimated(sizes.map(({ min }) => min))),
    max: bounded(estimated(sizes.map(({ max }) => max))),
  }
}

/** They compare every element. */
const LISTED: ReadonlySet<string> = new Set([
  'isSorted',
  'sum',
  'max',
  'min',
  'indexOf',
  'lastIndexOf',
])

const scaled = ({ min, max }: Size): Size => ({
  min: Math.ceil(min * TRAVERSAL),
  max: bounded(Math.ceil(max * TRAVERSAL)),
})

const comparing = (list: CelType, size: Size): Size => {
  const of = list.kind === 'list' ? list.of : undefined
  const isText = of?.kind === 'string' || of?.kind === 'bytes'
  return times(size, isText ? plus(ONE, scaled(declaredSize(of))) : ONE)
}

const joinedSize = ({ target }: Of<'call'>, [list, separator]: readonly Size[]): Size => {
  const of = target?.type?.kind === 'list' ? declaredSize(target.type.of) : ANY
  const count = list ?? ANY
  const gaps = { min: Math.max(0, count.min - 1), max: Math.max(0, count.max - 1) }
  return plus(times(count, of), separator ? times(separator, gaps) : NOTHING)
}

const joining = (expression: Of<'call'>, sizes: readonly Size[]): Size =>
  scaled(joinedSize(expression, sizes))

/** Functions whose result is as long as their first argument. */
const KEEPING: ReadonlySet<string> = new Set(['lowerAscii', 'upperAscii', 'substring', 'trim'])
/** … or has at most as many parts as that has signs. */
const PARTING: ReadonlySet<string> = new Set(['find', 'findAll', 'split', 'reverse'])

const resultSize = (expression: Of<'call'>, sizes: readonly Size[]): Size => {
  const { name, type } = expression
  const [first = ANY] = sizes
  if (name === '_[_]') return declaredSize(type)
  if (name === '_+_' && type && SIZED.has(type.kind)) return plus(...sizes)
  if (KEEPING.has(name)) return first
  if (PARTING.has(name)) return { min: 0, max: first.max }
  if (name === 'replace') return replacedSize(sizes)
  if (name === 'join') return joinedSize(expression, sizes)
  return madeSize(type)
}

const replacedSize = ([text = ANY, from = ANY, to = ANY]: readonly Size[]): Size => {
  if (from.min === 0) return { min: 0, max: bounded((text.max + 1) * to.max + text.max) }
  if (to.max <= from.min) return { min: 0, max: text.max }
  return { min: 0, max: bounded(Math.ceil(text.max / from.min) * to.max) }
}

/**
 * Rounds as folds: whether to go on, the running result, the predicate, and what keeping costs. An own part of a
 * round stands for a result that is made (`map`); `filter` keeps the element, which costs naming it.
 */
const walk = ({ walk: name, range, predicate, result }: Of<'walk'>): Estimate => {
  const over = estimate(range)
  const decided = predicate ? estimate(predicate).cost : NOTHING
  const made = result ? estimate(result).cost : ONE
  const { start, going, keeping, end } = FOLDS[name]
  const kept = SIZED_FOLDS.has(name) ? made : NOTHING
  const round = plus(exactly(going), decided, exactly(keeping), kept)
  const sorting = name === 'sortBy' ? times(times(over.size, over.size), exactly(2)) : NOTHING
  return {
    cost: plus(over.cost, exactly(start + end), times(over.size, round), sorting),
    size: SIZED_FOLDS.has(name) ? { min: 0, max: over.size.max } : ONE,
  }
}

interface Fold {
  /** Making the first result; whether to go on; adding to the result; giving it. */
  start: number
  going: number
  keeping: number
  end: number
}

const LISTING: Fold = { start: LIST_COST, going: 0, keeping: LIST_COST + 2, end: 1 }
const MAPPING: Fold = { start: MAP_COST, going: 0, keeping: 3, end: 1 }

const FOLDS: Readonly<Record<Of<'walk'>['walk'], Fold>> = {
  all: { start: 0, going: 2, keeping: 1, end: 1 },
  exists: { start: 0, going: 3, keeping: 1, end: 1 },
  existsOne: { start: 0, going: 0, keeping: 2, end: 2 },
  filter: LISTING,
  map: LISTING,
  transformList: LISTING,
  sortBy: { ...LISTING, end: 14 },
  transformMap: MAPPING,
  transformMapEntry: MAPPING,
}

const SIZED_FOLDS: ReadonlySet<string> = new Set([
  'filter',
  'map',
  'transformList',
  'transformMap',
  'transformMapEntry',
  'sortBy',
])
