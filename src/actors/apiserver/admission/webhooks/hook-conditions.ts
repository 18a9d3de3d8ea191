/**
 * The match conditions of webhooks: whether a webhook whose rules match is to be called.
 *
 * Invariant: conditions are compiled once, when a request first meets them.
 */
import { loadCompiler } from '../../../../api/admissionregistration/admission-expressions.ts'
import {
  compileConditions,
  evaluateConditions,
  type MatchConditions,
} from '../../../../api/admissionregistration/match-conditions.ts'
import { forbidden } from '../../../../api/status-error.ts'
import type { AdmissionAttributes } from '../plugin.ts'
import { withDecisions } from '../policies/authorizer-answers.ts'
import { expressionInput } from '../policies/expression-input.ts'
import type { Shown } from './call-hook.ts'
import type { WebhookHook } from './webhook-hook.ts'

const compiled = new WeakMap<WebhookHook, MatchConditions>()

/** Throws 403 when a condition fails and failures are not ignored. */
export const holds = async (
  attributes: AdmissionAttributes,
  hook: WebhookHook,
  step: 'admit' | 'validate',
  shown: Shown,
): Promise<boolean> => {
  await loadCompiler()
  const { webhook } = hook
  let conditions = compiled.get(hook)
  if (!conditions) {
    const { matchConditions, failurePolicy } = webhook
    conditions = compileConditions(matchConditions, failurePolicy, { hasParams: false })
    compiled.set(hook, conditions)
  }
  const program = conditions
  const { services, operation, kind, name } = attributes
  const startedAt = services.clock.monotonic()
  const result = await withDecisions(attributes, (decide) =>
    evaluateConditions(program, {
      ...expressionInput(attributes, shown, decide),
    }),
  )
  const isExcluded = 'matches' in result && !result.matches
  services.dynamicAdmission.metrics.conditions(webhook.name, 'webhook', step, operation, {
    errors: result.errors,
    isExcluded,
    seconds: (services.clock.monotonic() - startedAt) / 1000,
  })
  if ('error' in result) throw forbidden(kind, name, result.error)
  return result.matches
}
