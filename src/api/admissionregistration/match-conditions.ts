/**
 * Match conditions of webhooks and policies: expressions that all have to hold.
 *
 * After Kubernetes' `apiserver/pkg/admission/plugin/webhook/matchconditions`: one that is false decides, else one that
 * fails is up to the failure policy.
 */
import type { V1MatchCondition } from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'
import { compileExpression } from './admission-expressions.ts'
import {
  type ExpressionInput,
  ExpressionRun,
  MATCH_BUDGET,
  type NamedExpression,
  NO_VARIABLES,
  RunBudgetError,
  type Variables,
} from './expression-run.ts'

export interface MatchConditions {
  conditions: readonly NamedExpression[]
  ignoresFailures: boolean
}

/** The compiler has to be loaded. */
export const compileConditions = (
  conditions: readonly Wire<V1MatchCondition>[] = [],
  failurePolicy: string | undefined,
  options: { hasParams: boolean; composed?: Parameters<typeof compileExpression>[2]['composed'] },
): MatchConditions => ({
  conditions: conditions.map(({ expression = '' }) => ({
    text: expression,
    expression: compileExpression(expression, ['bool'], {
      hasParams: options.hasParams,
      hasAuthorizer: true,
      ...(options.composed ? { composed: options.composed } : {}),
    }),
  })),
  ignoresFailures: failurePolicy === 'Ignore',
})

/** `errors`: evaluations that failed, whatever came of it. */
export type MatchResult = { matches: boolean; errors: number } | { error: string; errors: number }

export const evaluateConditions = (
  { conditions, ignoresFailures }: MatchConditions,
  input: ExpressionInput,
  variables: Variables = NO_VARIABLES,
): MatchResult => {
  const run = new ExpressionRun(input, variables, MATCH_BUDGET)
  const failures: string[] = []
  let isExcluded = false
  try {
    for (const condition of conditions) {
      const outcome = run.evaluate(condition)
      if ('value' in outcome) isExcluded ||= outcome.value === false
      else failures.push(outcome.error)
    }
  } catch (error) {
    if (!(error instanceof RunBudgetError)) throw error
    if (ignoresFailures) return { matches: false, errors: 0 }
    return { error: error.message, errors: 0 }
  }
  const errors = failures.length
  if (isExcluded) return { matches: false, errors }
  if (errors === 0) return { matches: true, errors }
  return ignoresFailures ? { matches: false, errors } : { error: aggregate(failures), errors }
}

/** Several errors as Go's `utilerrors.Aggregate` shows them. */
const aggregate = (messages: readonly string[]): string => {
  const unique = [...new Set(messages)]
  return unique.length === 1 ? unique[0]! : `[${unique.join(', ')}]`
}
