/**
 * The interpreter: a checked expression becomes a function, made once and run for every object.
 *
 * Costs are counted as cel-go counts them (selections 1, calls by the size of what they look at) and end an
 * evaluation whose budget is used up. `&&`, `||`, all and exists pass over an error when another operand decides.
 */
import { assert } from '../../std/assert.ts'
import { BudgetError, CelError } from './cel-error.ts'
import { isTypeName } from './checker.ts'
import type { Expression } from './expression.ts'
import { charge, type Frame, type Scope, type Step } from './frame.ts'
import { overloadsOf } from './library/library.ts'
import type { Overload } from './library/overload.ts'
import { valueAt } from './library/standard.ts'
import {
  ComputedMap,
  isOfType,
  ListValue,
  MapValue,
  Optional,
  show,
  sizeOf,
  TypeValue,
  typeNameOf,
  type Value,
} from './value.ts'
import { compileWalk } from './walk.ts'

type Of<Op extends Expression['op']> = Extract<Expression, { op: Op }>

const LIST_COST = 10
const MAP_COST = 30
const STRUCT_COST = 40

/** `quiet`: looking it up costs nothing, as an index or a branch of a choice does that only names something. */
export const compileStep = (expression: Expression, scope: Scope = [], quiet = false): Step => {
  const constant = constantOf(expression)
  if (constant) return constant
  switch (expression.op) {
    case 'literal': {
      const { value } = expression
      return () => value
    }
    case 'identifier':
      return identifier(expression.name, scope, quiet)
    case 'select':
      return select(expression, scope, quiet)
    case 'call':
      return call(expression, scope, quiet)
    case 'list':
      return list(expression, scope)
    case 'map':
      return map(expression, scope)
    case 'struct':
      return struct(expression, scope)
    case 'walk':
      return compileWalk(expression, scope, compileStep)
    case 'bind':
      return bind(expression, scope)
  }
}

/** Conversions of literals, and lists and maps of constants, are made once and cost nothing. */
const constantOf = (expression: Expression): Step | undefined => {
  if (!isConstant(expression) || expression.op === 'literal') return undefined
  const frame: Frame = { lookup: () => undefined, slots: [], cost: 0, budget: CONSTANT_BUDGET }
  try {
    const value = compileParts(expression)(frame)
    return () => value
  } catch {
    // It fails when it runs, as the expression says.
    return undefined
  }
}

const CONSTANT_BUDGET = 1_000_000

const compileParts = (expression: Expression): Step => {
  if (expression.op === 'list') return list(expression, [])
  if (expression.op === 'map') return map(expression, [])
  return call(expression as Of<'call'>, [], false)
}

const CONVERSIONS = new Set([
  'bool',
  'bytes',
  'double',
  'duration',
  'dyn',
  'int',
  'string',
  'timestamp',
  'uint',
])

const isConstant = (expression: Expression): boolean => {
  switch (expression.op) {
    case 'literal':
      return true
    case 'list':
      return expression.items.every(({ value, optional }) => !optional && isConstant(value))
    case 'map':
      return expression.entries.every(
        ({ key, value, optional }) => !optional && isConstant(key) && isConstant(value),
      )
    case 'call':
      return (
        CONVERSIONS.has(expression.name) && !expression.target && expression.args.every(isConstant)
      )
    default:
      return false
  }
}

/** Names, and what is selected or indexed by way of them. */
const isPath = (expression: Expression): boolean =>
  expression.op === 'identifier' ||
  (expression.op === 'select' && !expression.testOnly && isPath(expression.operand)) ||
  (expression.op === 'call' && expression.name === '_[_]' && isPath(expression.args[0]!))

const identifier = (name: string, scope: Scope, quiet: boolean): Step => {
  const cost = quiet ? 0 : 1
  const slot = scope.lastIndexOf(name)
  if (slot >= 0)
    return (frame) => {
      charge(frame, cost)
      return frame.slots[slot]!
    }
  const type = isTypeName(name) ? new TypeValue(name) : undefined
  return (frame) => {
    const value = frame.lookup(name)
    if (value === undefined && type) return type
    charge(frame, cost)
    if (value === undefined) throw new CelError(`no such attribute(s): ${name}`)
    return value
  }
}

const select = (expression: Of<'select'>, scope: Scope, quiet: boolean): Step => {
  const { field, optional, testOnly, names } = expression
  if (names !== undefined) {
    const value = new TypeValue(names)
    return () => value
  }
  const operand = compileStep(expression.operand, scope, quiet)
  const cost = quiet || testOnly ? 0 : 1
  return (frame) => {
    const found = operand(frame)
    charge(frame, cost)
    const isOptional = found instanceof Optional
    const inside = isOptional ? found.value : found
    if (inside !== undefined && !(inside instanceof MapValue) && !(testOnly && inside === null))
      throw new CelError(`no such key: ${field}`)
    const value = inside instanceof MapValue ? inside.get(field) : undefined
    if (testOnly) return value !== undefined
    if (optional || isOptional) return value === undefined ? Optional.none : new Optional(value)
    if (value === undefined) throw new CelError(`no such key: ${field}`)
    return value
  }
}

const call = (expression: Of<'call'>, scope: Scope, quiet: boolean): Step => {
  const { name, target } = expression
  const all = target ? [target, ...expression.args] : expression.args
  const isIndex = name === '_[_]'
  const args = all.map((each, at) =>
    compileStep(
      each,
      scope,
      isIndex ? (at === 0 ? quiet : isPath(each)) : isBranch(name, each, at),
    ),
  )
  const [first, second, third] = args
  if (name === '_&&_') return logical(first!, second!, false)
  if (name === '_||_') return logical(first!, second!, true)
  if (name === '_?_:_') return conditional(first!, second!, third!)
  const overloads = expression.overloads ?? overloadsOf(name) ?? []
  const dispatch = dispatcher(expression, overloads)
  /** A list of constants is a set: looking into it costs nothing. */
  const isFree = (isIndex && quiet) || (name === '@in' && isConstant(all[1]!))
  return (frame) => {
    let values: Value[]
    try {
      values = args.map((arg) => arg(frame))
    } catch (error) {
      if (error instanceof CelError && !(error instanceof BudgetError)) charge(frame, 1)
      throw error
    }
    const overload = dispatch(values)
    if (!isFree) charge(frame, costOf(overload, values))
    return overload.call(...values)
  }
}

const costOf = ({ cost, costOf: ofValues }: Overload, values: readonly Value[]): number =>
  ofValues ? ofValues(values) : (cost?.(values.map(sizeOf)) ?? 1)

/** Whether it is a branch of a choice that names something. */
const isBranch = (name: string, expression: Expression, at: number): boolean =>
  name === '_?_:_' && at > 0 && isPath(expression)

/** Types known for certain leave one candidate; else the values decide, the first that fits. */
const dispatcher = (
  { name, target, args }: Of<'call'>,
  overloads: readonly Overload[],
): ((values: readonly Value[]) => Overload) => {
  const [only] = overloads
  const isCertain = [...(target ? [target] : []), ...args].every(
    ({ type }) => type && type.kind !== 'dyn' && type.kind !== 'param',
  )
  if (overloads.length === 1 && only && isCertain)
    return (values) => {
      if (only.parameters.every((type, at) => isOfType(values[at]!, type))) return only
      throw new CelError('no such overload')
    }
  return (values) => {
    for (const overload of overloads)
      if (overload.parameters.every((type, at) => isOfType(values[at]!, type))) return overload
    const inside = values[0]
    if (name === '_[_]' && inside instanceof MapValue) valueAt(inside, values[1]!)
    throw new CelError('no such overload')
  }
}

const bool = (value: Value): boolean => {
  if (typeof value !== 'boolean') throw new CelError('no such overload')
  return value
}

/** A value that decides wins over an error, from either side. */
const logical =
  (left: Step, right: Step, deciding: boolean): Step =>
  (frame) => {
    let fault: unknown
    try {
      if (bool(left(frame)) === deciding) return deciding
    } catch (error) {
      if (!(error instanceof CelError) || error instanceof BudgetError) throw error
      fault = error
    }
    if (bool(right(frame)) === deciding) return deciding
    if (fault !== undefined) throw fault
    return !deciding
  }

const conditional =
  (condition: Step, yes: Step, no: Step): Step =>
  (frame) =>
    bool(condition(frame)) ? yes(frame) : no(frame)

/** What stands behind `?` in a literal: left out when there is none. */
const given = (value: Value, optional: boolean): Value | undefined => {
  if (!optional) return value
  if (!(value instanceof Optional))
    throw new CelError(`cannot initialize optional entry from non-optional value ${show(value)}`)
  return value.value
}

const list = ({ items }: Of<'list'>, scope: Scope): Step => {
  const steps = items.map(({ value, optional }) => ({ step: compileStep(value, scope), optional }))
  return (frame) => {
    const values: Value[] = []
    for (const { step, optional } of steps) {
      const value = given(step(frame), optional)
      if (value !== undefined) values.push(value)
    }
    charge(frame, LIST_COST)
    return new ListValue(values)
  }
}

const map = ({ entries }: Of<'map'>, scope: Scope): Step => {
  const steps = entries.map(({ key, value, optional }) => ({
    key: compileStep(key, scope),
    value: compileStep(value, scope),
    optional,
  }))
  return (frame) => {
    const made: [Value, Value][] = []
    for (const { key, value, optional } of steps) {
      const name = key(frame)
      const content = given(value(frame), optional)
      if (content !== undefined) made.push([name, content])
    }
    charge(frame, MAP_COST)
    return new ComputedMap(made)
  }
}

const struct = ({ name, fields }: Of<'struct'>, scope: Scope): Step => {
  const steps = fields.map(({ name: field, value, optional }) => ({
    field,
    step: compileStep(value, scope),
    optional,
  }))
  return (frame) => {
    const made: [Value, Value][] = []
    for (const { field, step, optional } of steps) {
      const value = given(step(frame), optional)
      if (value !== undefined) made.push([field, value])
    }
    charge(frame, STRUCT_COST)
    return new ComputedMap(made, name)
  }
}

const bind = ({ variable, value, body, through }: Of<'bind'>, scope: Scope): Step => {
  const first = compileStep(value, scope)
  const inner = compileStep(body, [...scope, variable])
  const slot = scope.length
  return (frame) => {
    const found = first(frame)
    if (through === 'value') {
      frame.slots[slot] = found
      return inner(frame)
    }
    if (!(found instanceof Optional))
      throw new CelError(`no such overload: ${typeNameOf(found)}.${through}`)
    if (found.value === undefined) return Optional.none
    frame.slots[slot] = found.value
    const made = inner(frame)
    assert(made !== undefined, 'a step gives a value')
    return through === 'optMap' ? new Optional(made) : made
  }
}
