/**
 * A ValidatingAdmissionPolicy, compiled, and what it decides about a request.
 *
 * After Kubernetes' `apiserver/pkg/admission/plugin/policy/validating/validator.go`. Invariant: an expression that
 * fails refuses or lets pass as the policy's failurePolicy says. Messages are computed only where something is refused.
 * What a binding makes of a decision is the caller's.
 */

import { compileExpression, type ExpressionOptions } from './admission-expressions.ts'
import {
  type ExpressionInput,
  ExpressionRun,
  type NamedExpression,
  type Outcome,
  RUN_BUDGET,
  RunBudgetError,
} from './expression-run.ts'
import { compileConditions, evaluateConditions, type MatchConditions } from './match-conditions.ts'
import { compileVariables, type PolicyScope } from './policy-variables.ts'
import type { ValidatingAdmissionPolicy } from './validating-admission-policy.ts'

interface Validation extends NamedExpression {
  message: string
  messageExpression: NamedExpression | undefined
  reason: string
}

export interface ValidationProgram {
  scope: PolicyScope
  conditions: MatchConditions | undefined
  validations: readonly Validation[]
  annotations: readonly (NamedExpression & { key: string })[]
  ignoresFailures: boolean
}

/** The compiler has to be loaded. */
export const compileValidations = ({ spec = {} }: ValidatingAdmissionPolicy): ValidationProgram => {
  const { failurePolicy, matchConditions, validations = [], auditAnnotations = [] } = spec
  const scope = compileVariables(spec)
  const { hasParams, types } = scope
  const options: ExpressionOptions = { hasParams, hasAuthorizer: true, composed: types }
  const compiled = (
    text: string,
    wanted: readonly string[],
    more: Partial<ExpressionOptions> = {},
  ) => ({
    text,
    expression: compileExpression(text, wanted, { ...options, ...more }),
  })
  return {
    scope,
    conditions: matchConditions?.length
      ? compileConditions(matchConditions, failurePolicy, { hasParams, composed: types })
      : undefined,
    validations: validations.map(
      ({ expression = '', message = '', messageExpression, reason }) => ({
        ...compiled(expression, ['bool']),
        message,
        messageExpression: messageExpression
          ? compiled(messageExpression, ['string'], { hasAuthorizer: false })
          : undefined,
        reason: reason ?? 'Invalid',
      }),
    ),
    annotations: auditAnnotations.map(({ key = '', valueExpression = '' }) => ({
      ...compiled(valueExpression, ['string', 'null_type']),
      key,
    })),
    ignoresFailures: failurePolicy === 'Ignore',
  }
}

export interface Decision {
  isDenied: boolean
  /** An expression failed, wherever that leads. */
  isError: boolean
  message: string
  /** Of the Status; `''` when an expression failed. */
  reason: string
}

export type AnnotationResult = { key: string } & ({ value: string } | { error: string })

export interface ValidationResult {
  /** One for each validation, or one that says what went wrong. */
  decisions: readonly Decision[]
  annotations: readonly AnnotationResult[]
}

const NOTHING: ValidationResult = { decisions: [], annotations: [] }
const ADMITTED: Decision = { isDenied: false, isError: false, message: '', reason: '' }

export const evaluateValidations = (
  program: ValidationProgram,
  input: ExpressionInput,
): ValidationResult => {
  const { scope, conditions, ignoresFailures } = program
  const failed = (message: string): Decision => ({
    isDenied: !ignoresFailures,
    isError: true,
    message,
    reason: '',
  })
  if (conditions) {
    // As in Kubernetes, conditions do not see the namespace.
    const blind = { ...input, namespaceObject: () => null }
    const result = evaluateConditions(conditions, blind, scope.variables)
    if ('error' in result) return { decisions: [failed(result.error)], annotations: [] }
    if (!result.matches) return NOTHING
  }
  try {
    const run = new ExpressionRun(input, scope.variables, RUN_BUDGET)
    const outcomes = program.validations.map((validation) => run.evaluate(validation))
    const decisions = decide(program, input, outcomes, run.remaining, failed)
    return { decisions, annotations: annotate(program, input) }
  } catch (error) {
    if (!(error instanceof RunBudgetError)) throw error
    return { decisions: [failed(error.message)], annotations: [] }
  }
}

const isDenial = (outcome: Outcome): boolean => 'value' in outcome && outcome.value !== true

const decide = (
  program: ValidationProgram,
  input: ExpressionInput,
  outcomes: readonly Outcome[],
  budget: number,
  failed: (message: string) => Decision,
): Decision[] => {
  const { validations, scope } = program
  const messages = outcomes.some(isDenial)
    ? messagesOf(validations, new ExpressionRun(input, scope.variables, budget))
    : []
  return outcomes.map((outcome, index) => {
    if ('error' in outcome) return failed(outcome.error)
    if (typeof messages === 'string') return failed(`failed messageExpression: ${messages}`)
    if (!isDenial(outcome)) return ADMITTED
    const validation = validations[index]!
    return {
      isDenied: true,
      isError: false,
      message: messageOf(validation, messages[index]),
      reason: validation.reason,
    }
  })
}

/** A text: the budget did not suffice. */
const messagesOf = (
  validations: readonly Validation[],
  run: ExpressionRun,
): (Outcome | undefined)[] | string => {
  try {
    return validations.map(
      ({ messageExpression }) => messageExpression && run.evaluate(messageExpression),
    )
  } catch (error) {
    if (!(error instanceof RunBudgetError)) throw error
    return error.message
  }
}

const MESSAGE_BYTES_MAX = 5 * 1024

/** What the expression gives, unless it is unfit for a line; then what the policy says. */
const messageOf = ({ text, message }: Validation, outcome: Outcome | undefined): string => {
  const given =
    outcome && 'value' in outcome && typeof outcome.value === 'string' ? outcome.value.trim() : ''
  const isFit = Buffer.byteLength(given) <= MESSAGE_BYTES_MAX && !given.includes('\n')
  return (isFit && given) || message.trim() || `failed expression: ${text.trim()}`
}

const annotate = (
  { annotations, scope, ignoresFailures }: ValidationProgram,
  input: ExpressionInput,
): AnnotationResult[] => {
  if (annotations.length === 0) return []
  const run = new ExpressionRun(input, scope.variables, RUN_BUDGET)
  return annotations.flatMap((annotation): AnnotationResult[] => {
    const { key } = annotation
    const outcome = run.evaluate(annotation)
    if ('error' in outcome) return ignoresFailures ? [] : [{ key, error: outcome.error }]
    const value = typeof outcome.value === 'string' ? outcome.value.trim() : ''
    return value ? [{ key, value }] : []
  })
}
