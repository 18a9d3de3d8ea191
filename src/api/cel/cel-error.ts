/**
 * `CelError`: an evaluation failed. Its message is worded as cel-go's.
 *
 * What a faulty expression gives when it is compiled is a `CompileError` (`cel.ts`).
 */
export class CelError extends Error {
  /** What the evaluation had cost by then. */
  cost = 0
}

/** The budget of an evaluation is used up: no `||` and no walk may pass over it. */
export class BudgetError extends CelError {
  constructor() {
    super('operation cancelled: actual cost limit exceeded')
  }
}
