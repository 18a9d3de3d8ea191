/**
 * Calls the validating webhooks about a write, all at the same time.
 *
 * After Kubernetes' `plugin/webhook/validating/dispatcher.go`. Invariant: all have answered before the write goes on;
 * the first refusal that came in is the one the client is told.
 */
import { internalError } from '../../../../api/status-error.ts'
import { annotate } from '../../request.ts'
import type { Candidate } from '../matching/hook-source.ts'
import type { AdmissionAttributes } from '../plugin.ts'
import { CallFailure, callHook, count, Rejection, type Shown } from './call-hook.ts'
import { shownTo } from './mutating-webhooks.ts'
import type { WebhookHook } from './webhook-hook.ts'

/** Throws StatusError. */
export const callValidatingWebhooks = async (
  attributes: AdmissionAttributes,
  candidates: readonly Candidate<WebhookHook>[],
): Promise<void> => {
  const calls: { hook: WebhookHook; shown: Shown }[] = []
  for (const candidate of candidates) {
    const shown = await shownTo(attributes, candidate, 'validate')
    if (shown) calls.push({ hook: candidate.hook, shown })
  }
  const refusals: unknown[] = []
  await Promise.all(
    calls.map(({ hook, shown }, index) =>
      callOne(attributes, hook, shown, index).catch((error: unknown) => refusals.push(error)),
    ),
  )
  if (refusals.length > 0) throw refusals[0]
}

const callOne = async (
  attributes: AdmissionAttributes,
  hook: WebhookHook,
  shown: Shown,
  index: number,
): Promise<void> => {
  const { services, request } = attributes
  const { webhook } = hook
  const startedAt = services.clock.monotonic()
  let failure: unknown
  try {
    await callHook(attributes, hook, false, shown)
  } catch (error) {
    failure = error
  }
  count(attributes, hook, 'validating', failure, (services.clock.monotonic() - startedAt) / 1000)
  if (failure === undefined) return
  if (failure instanceof Rejection) throw failure.status
  if (!(failure instanceof CallFailure)) throw failure
  if (webhook.failurePolicy !== 'Ignore') throw internalError(failure.message)
  const key = `failed-open.validating.webhook.admission.k8s.io/round_0_index_${index}`
  annotate(request, key, webhook.name)
}
