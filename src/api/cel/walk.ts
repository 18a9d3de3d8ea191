/**
 * Walks over lists and maps: all, exists, existsOne, map, filter and the transformations.
 *
 * Rounds cost what cel-go's cost, in which walks are folds: looking whether to go on, reading and keeping the running
 * result, and the parts of the expression themselves.
 */
import { BudgetError, CelError } from './cel-error.ts'
import type { Expression } from './expression.ts'
import { charge, type Frame, type Scope, type Step } from './frame.ts'
import { selfComparing, sortedBy } from './library/list-extension.ts'
import { ComputedMap, ListValue, MapValue, type Value } from './value.ts'

type WalkExpression = Extract<Expression, { op: 'walk' }>

/** Calls `visit` for each element until it gives false; looking whether to go on costs `going` each time. */
type Each = (frame: Frame, range: Value, going: number, visit: () => boolean) => void

export const compileWalk = (
  expression: WalkExpression,
  scope: Scope,
  compileStep: (part: Expression, inner: Scope) => Step,
): Step => {
  const range = compileStep(expression.range, scope)
  const inner = [...scope, ...expression.variables]
  const parts = {
    predicate: expression.predicate && compileStep(expression.predicate, inner),
    result: expression.result && compileStep(expression.result, inner),
    each: eachElement(scope.length, expression.variables.length),
    slot: scope.length,
  }
  const run = WALKS[expression.walk](parts)
  return (frame) => {
    const value = run(frame, range(frame))
    charge(frame, RESULT_COST)
    return value
  }
}

/** Costs in a fold: of its result, of the running one, of adding to a list or map, of making a list. */
const RESULT_COST = 1
const RUNNING_COST = 1
const ADDING_COST = 1
const LIST_COST = 10

interface Parts {
  predicate: Step | undefined
  result: Step | undefined
  each: Each
  /** Where the element itself, or the key, is found. */
  slot: number
}

const eachElement =
  (slot: number, variables: number): Each =>
  (frame, range, going, visit) => {
    const isList = range instanceof ListValue
    if (!isList && !(range instanceof MapValue)) throw new CelError('no such overload')
    const keys = isList ? undefined : range.keys()
    const size = keys?.length ?? (range as ListValue).size
    for (let at = 0; at < size; at++) {
      charge(frame, going)
      if (isList) {
        if (variables === 2) frame.slots[slot] = BigInt(at)
        frame.slots[slot + variables - 1] = range.at(at)
      } else {
        const key = keys![at]!
        frame.slots[slot] = key
        if (variables === 2) frame.slots[slot + 1] = range.peek(key) ?? null
      }
      if (visit()) continue
      if (at + 1 < size) charge(frame, going)
      return
    }
  }

const bool = (value: Value): boolean => {
  if (typeof value !== 'boolean') throw new CelError('no such overload')
  return value
}

const isHit = (predicate: Step | undefined, frame: Frame): boolean =>
  predicate === undefined || bool(predicate(frame))

/** Ends at the first that decides; an error counts only when none does. */
const quantifier =
  (deciding: boolean, going: number) =>
  ({ predicate, each }: Parts) =>
  (frame: Frame, range: Value): Value => {
    let fault: unknown
    let decided = false
    each(frame, range, going, () => {
      charge(frame, RUNNING_COST)
      try {
        decided = isHit(predicate, frame) === deciding
      } catch (error) {
        if (!(error instanceof CelError) || error instanceof BudgetError) throw error
        fault ??= error
      }
      return !decided
    })
    if (decided) return deciding
    if (fault !== undefined) throw fault
    return !deciding
  }

const collect =
  (make: (parts: Parts, frame: Frame) => Value) =>
  (parts: Parts) =>
  (frame: Frame, range: Value): Value => {
    const values: Value[] = []
    eachHit(parts, frame, range, () => {
      values.push(make(parts, frame))
      charge(frame, RUNNING_COST + LIST_COST + ADDING_COST)
    })
    return new ListValue(values)
  }

/** Every element that the predicate lets pass. */
const eachHit = (
  { predicate, each }: Parts,
  frame: Frame,
  range: Value,
  visit: () => unknown,
): void =>
  each(frame, range, 0, () => {
    if (isHit(predicate, frame)) visit()
    return true
  })

const WALKS: Readonly<
  Record<WalkExpression['walk'], (parts: Parts) => (frame: Frame, range: Value) => Value>
> = {
  all: quantifier(false, 2),
  exists: quantifier(true, 3),
  existsOne: (parts) => (frame, range) => {
    let count = 0
    eachHit(parts, frame, range, () => {
      count++
      charge(frame, RUNNING_COST + ADDING_COST)
    })
    charge(frame, 1)
    return count === 1
  },
  filter: collect(({ slot }, frame) => {
    charge(frame, 1)
    return frame.slots[slot]!
  }),
  map: collect(({ result }, frame) => result!(frame)),
  transformList: collect(({ result }, frame) => result!(frame)),
  sortBy: (parts) => (frame, range) => {
    const values: Value[] = []
    const keys: Value[] = []
    eachHit(parts, frame, range, () => {
      values.push(frame.slots[parts.slot]!)
      keys.push(parts.result!(frame))
      charge(frame, RUNNING_COST + LIST_COST + ADDING_COST)
    })
    /** Naming the list twice. */
    charge(frame, 2 + selfComparing(new ListValue(keys)))
    return sortedBy(values, keys)
  },
  transformMap: (parts) => (frame, range) => {
    const entries: [Value, Value][] = []
    eachHit(parts, frame, range, () => {
      const key = frame.slots[parts.slot]!
      entries.push([key, parts.result!(frame)])
      /** One more for naming the key. */
      charge(frame, RUNNING_COST + 1 + ADDING_COST)
    })
    return new ComputedMap(entries)
  },
  transformMapEntry: (parts) => (frame, range) => {
    const entries: [Value, Value][] = []
    eachHit(parts, frame, range, () => {
      const made = parts.result!(frame)
      if (!(made instanceof MapValue)) throw new CelError('no such overload')
      for (const key of made.keys()) entries.push([key, made.get(key)!])
      charge(frame, RUNNING_COST + ADDING_COST)
    })
    return new ComputedMap(entries)
  },
}
