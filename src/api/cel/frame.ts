/**
 * `Frame`: one evaluation while it runs, and what it has cost so far.
 *
 * Invariant: an evaluation ends when its budget is used up, whatever the expression.
 */
import { BudgetError } from './cel-error.ts'
import type { Value } from './value.ts'

/** One evaluation. */
export interface Frame {
  /** The values of variables that are bound from outside. */
  lookup(name: string): Value | undefined
  /** The variables of walks and bindings, by slot. */
  slots: Value[]
  cost: number
  readonly budget: number
}

export type Step = (frame: Frame) => Value

/** Variables of walks and bindings that are in sight, by slot. */
export type Scope = readonly string[]

export const charge = (frame: Frame, cost: number): void => {
  frame.cost += cost
  if (frame.cost > frame.budget) throw new BudgetError()
}
