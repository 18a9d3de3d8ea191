/**
 * Calls the mutating webhooks about a write, one after the other: each sees what those before it made.
 *
 * After Kubernetes' `plugin/webhook/mutating/dispatcher.go`. Invariant: a webhook is called a second time only if it
 * asks for that (`reinvocationPolicy: IfNeeded`) and something has changed the object since.
 */
import { deepCopy, deepEqual } from '../../../../api/equality.ts'
import type { UncheckedObject } from '../../../../api/kind.ts'
import type { Json } from '../../../../api/meta.ts'
import { patchOrFault } from '../../../../api/patch/json-patch.ts'
import { internalError, StatusError } from '../../../../api/status-error.ts'
import { annotate } from '../../request.ts'
import { formFor, matchesSelectors } from '../matching/criteria.ts'
import type { Candidate } from '../matching/hook-source.ts'
import { putBack, settled, shownIn } from '../matching/versioned-object.ts'
import type { AdmissionAttributes } from '../plugin.ts'
import { Reinvocation } from '../reinvocation.ts'
import { CallFailure, callHook, count, Rejection, type Shown } from './call-hook.ts'
import { holds } from './hook-conditions.ts'
import type { Verdict } from './review.ts'
import type { WebhookHook } from './webhook-hook.ts'

const rounds = new WeakMap<AdmissionAttributes, Reinvocation>()

/** Throws StatusError. */
export const callMutatingWebhooks = async (
  attributes: AdmissionAttributes,
  candidates: readonly Candidate<WebhookHook>[],
): Promise<void> => {
  const round = Reinvocation.of(rounds, attributes)
  for (const candidate of candidates) {
    const shown = await shownTo(attributes, candidate, 'admit')
    const { hook } = candidate
    if (!shown || !round.isDue(hook.id)) continue
    const isChanged = await callOne(attributes, candidate, shown)
    if (isChanged) round.changed(attributes)
    if (hook.webhook.reinvocationPolicy === 'IfNeeded') round.invoked(hook.id)
  }
  round.end(attributes)
}

/** What the webhook is to be shown; undefined when it is not to be called. Throws StatusError. */
export const shownTo = async (
  attributes: AdmissionAttributes,
  { hook, match }: Candidate<WebhookHook>,
  step: 'admit' | 'validate',
): Promise<Shown | undefined> => {
  const isMeant = matchesSelectors(hook.criteria, attributes)
  if (isMeant !== true) {
    if (isMeant instanceof StatusError) throw isMeant
    return undefined
  }
  const form = formFor(match, attributes.name)
  if (!form) return undefined
  const shown = {
    form,
    object: await shownIn(form, attributes, attributes.object),
    old: await shownIn(form, attributes, attributes.old),
  }
  const hasConditions = Boolean(hook.webhook.matchConditions?.length)
  return !hasConditions || (await holds(attributes, hook, step, shown)) ? shown : undefined
}

/** Whether the webhook has changed the object. Throws StatusError. */
const callOne = async (
  attributes: AdmissionAttributes,
  { hook, index }: Candidate<WebhookHook>,
  shown: Shown,
): Promise<boolean> => {
  const { services, request, isReinvocation } = attributes
  const { webhook, configuration } = hook
  const place = `round_${isReinvocation ? 1 : 0}_index_${index}`
  const startedAt = services.clock.monotonic()
  let isChanged = false
  let failure: unknown
  try {
    const verdict = await callHook(attributes, hook, true, shown)
    isChanged = await applyVerdict(attributes, hook, shown, verdict, place)
  } catch (error) {
    failure = error
  }
  const mutated = { configuration, webhook: webhook.name, mutated: isChanged }
  annotate(request, `mutation.webhook.admission.k8s.io/${place}`, JSON.stringify(mutated))
  const seconds = (services.clock.monotonic() - startedAt) / 1000
  count(attributes, hook, 'admit', failure, seconds)
  if (failure === undefined) return isChanged
  if (failure instanceof Rejection) throw failure.status
  if (!(failure instanceof CallFailure)) throw failure
  if (webhook.failurePolicy !== 'Ignore') throw internalError(failure.message)
  annotate(request, `failed-open.mutation.webhook.admission.k8s.io/${place}`, webhook.name)
  return false
}

const applyVerdict = async (
  attributes: AdmissionAttributes,
  { webhook, configuration }: WebhookHook,
  { form, object }: Shown,
  { patch, patchType }: Verdict,
  place: string,
): Promise<boolean> => {
  const operations = patch ? readPatch(webhook.name, patch) : []
  if (operations.length === 0) return false
  if (!object)
    throw internalError(
      `admission webhook ${JSON.stringify(webhook.name)} attempted to modify the object, which is not supported for this operation`,
    )
  if (patchType !== 'JSONPatch')
    throw new CallFailure(webhook.name, `unsupported patch type ${JSON.stringify(patchType)}`, 400)
  const result = patchOrFault(object as unknown as UncheckedObject, operations)
  if ('fault' in result) throw internalError(result.fault)
  const changed = settled(form, attributes.subresource, result.patched)
  const isChanged = !deepEqual(changed, object)
  const shown = { configuration, webhook: webhook.name, patch: operations, patchType }
  const key = `patch.webhook.admission.k8s.io/${place}`
  annotate(attributes.request, key, JSON.stringify(shown), 'Request')
  if (isChanged) await putBack(attributes, form, deepCopy(changed))
  return isChanged
}

const readPatch = (name: string, text: string): Json[] => {
  try {
    const operations = JSON.parse(text) as Json
    if (Array.isArray(operations)) return operations
    if (operations === null) return []
    throw new Error('json: cannot unmarshal object into Go value of type jsonpatch.Patch')
  } catch (error) {
    const why = `received undecodable patch in webhook response: ${(error as Error).message}`
    throw new CallFailure(name, why, 503)
  }
}
