/**
 * Walks over lists and maps: all, exists, existsOne, map, filter and the transformations.
 *
 * Each round costs what its parts cost and one for the round, so that an empty predicate is not free.
 */
import { BudgetError, CelError } from './cel-error.ts'
import type { Expression } from './expression.ts'
import { charge, type Frame, type Scope, type Step } from './frame.ts'
import { ComputedMap, ListValue, MapValue, type Value } from './value.ts'

type WalkExpression = Extract<Expression, { op: 'walk' }>

/** Calls `visit` for each element until it gives false. */
type Each = (frame: Frame, range: Value, visit: () => boolean) => void

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
    /** Where the element itself, or the key, is found. */
    slot: scope.length,
  }
  const run = WALKS[expression.walk](parts)
  return (frame) => run(frame, range(frame))
}

interface Parts {
  predicate: Step | undefined
  result: Step | undefined
  each: Each
  slot: number
}

const eachElement =
  (slot: number, variables: number): Each =>
  (frame, range, visit) => {
    if (range instanceof ListValue) {
      for (let at = 0; at < range.size; at++) {
        if (variables === 2) frame.slots[slot] = BigInt(at)
        frame.slots[slot + variables - 1] = range.at(at)
        charge(frame, 1)
        if (!visit()) return
      }
    } else if (range instanceof MapValue) {
      for (const key of range.keys()) {
        const value = range.get(key)
        if (value === undefined) continue
        frame.slots[slot] = key
        if (variables === 2) frame.slots[slot + 1] = value
        charge(frame, 1)
        if (!visit()) return
      }
    } else throw new CelError('no such overload')
  }

const bool = (value: Value): boolean => {
  if (typeof value !== 'boolean') throw new CelError('no such overload')
  return value
}

const isHit = (predicate: Step | undefined, frame: Frame): boolean =>
  predicate === undefined || bool(predicate(frame))

/** Ends at the first that decides; an error counts only when none does. */
const quantifier =
  (deciding: boolean) =>
  ({ predicate, each }: Parts) =>
  (frame: Frame, range: Value): Value => {
    let fault: unknown
    let decided = false
    each(frame, range, () => {
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
    each(parts, frame, range, () => values.push(make(parts, frame)))
    return new ListValue(values)
  }

/** Every element that the predicate lets pass. */
const each = (
  { predicate, each: walk }: Parts,
  frame: Frame,
  range: Value,
  visit: () => unknown,
): void =>
  walk(frame, range, () => {
    if (isHit(predicate, frame)) visit()
    return true
  })

const WALKS: Readonly<
  Record<WalkExpression['walk'], (parts: Parts) => (frame: Frame, range: Value) => Value>
> = {
  all: quantifier(false),
  exists: quantifier(true),
  existsOne: (parts) => (frame, range) => {
    let count = 0
    each(parts, frame, range, () => count++)
    return count === 1
  },
  filter: collect(({ slot }, frame) => frame.slots[slot]!),
  map: collect(({ result }, frame) => result!(frame)),
  transformList: collect(({ result }, frame) => result!(frame)),
  transformMap: (parts) => (frame, range) => {
    const entries: [Value, Value][] = []
    each(parts, frame, range, () => {
      const key = frame.slots[parts.slot]!
      entries.push([key, parts.result!(frame)])
    })
    return new ComputedMap(entries)
  },
  transformMapEntry: (parts) => (frame, range) => {
    const entries: [Value, Value][] = []
    each(parts, frame, range, () => {
      const made = parts.result!(frame)
      if (!(made instanceof MapValue)) throw new CelError('no such overload')
      for (const key of made.keys()) entries.push([key, made.get(key)!])
    })
    return new ComputedMap(entries)
  },
}
