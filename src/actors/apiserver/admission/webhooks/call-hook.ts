/**
 * One call of a webhook about one write: what it decided, and what went wrong.
 *
 * After Kubernetes' dispatchers (`plugin/webhook/{mutating,validating}/dispatcher.go`). Invariant: a webhook with side
 * effects is not called for a dry run. Failures are told apart: `CallFailure` is the failure policy's, everything else
 * refuses the write.
 */
import type { AnyKind } from '../../../../api/kind.ts'
import type { Json, KubernetesObject } from '../../../../api/meta.ts'
import { badRequest, type Status, StatusError } from '../../../../api/status-error.ts'
import { newUid } from '../../../../std/ids.ts'
import { annotate, warn } from '../../request.ts'
import { WebhookAnswerError } from '../../webhook-call.ts'
import type { RejectionError, WebhookStep } from '../admission-metrics.ts'
import { admissionRequest } from '../admission-request.ts'
import type { AdmissionAttributes } from '../plugin.ts'
import { InvalidReview, reviewOf, type Verdict, verdictOf, versionFor } from './review.ts'
import type { WebhookHook } from './webhook-hook.ts'

/** The webhook could not be asked; `code` is counted. */
export class CallFailure extends Error {
  constructor(
    name: string,
    reason: string,
    readonly code: number,
  ) {
    super(`failed calling webhook ${JSON.stringify(name)}: ${reason}`)
  }
}

/** The webhook has refused the write. */
export class Rejection extends Error {
  constructor(readonly status: StatusError) {
    super(status.message)
  }
}

export interface Shown {
  form: AnyKind
  object: KubernetesObject | undefined
  old: KubernetesObject | undefined
}

const DEFAULT_TIMEOUT_SECONDS = 10
const NO_SIDE_EFFECTS = ['None', 'NoneOnDryRun']

/** What the webhook allows. Throws CallFailure, Rejection, StatusError. */
export const callHook = async (
  attributes: AdmissionAttributes,
  { webhook }: WebhookHook,
  isMutating: boolean,
  { form, object, old }: Shown,
): Promise<Verdict> => {
  const { name, sideEffects, admissionReviewVersions } = webhook
  if (attributes.dryRun && !NO_SIDE_EFFECTS.includes(sideEffects))
    throw badRequest(`admission webhook ${JSON.stringify(name)} does not support dry run`)
  const version = versionFor(admissionReviewVersions)
  if (!version) {
    const why = 'webhook does not accept known AdmissionReview versions (v1, v1beta1)'
    throw new CallFailure(name, `could not create admission objects: ${why}`, 400)
  }
  const uid = newUid()
  const review = reviewOf(version, uid, admissionRequest(attributes, form), object, old)
  const verdict = await ask(attributes, webhook, review, (answer) =>
    verdictOf(version, uid, isMutating, answer),
  )
  const { request } = attributes
  for (const [key, value] of Object.entries(verdict.auditAnnotations))
    annotate(request, `${name}/${key}`, value)
  for (const text of verdict.warnings) warn(request, text)
  if (!verdict.isAllowed) throw new Rejection(refusalOf(name, verdict.status))
  return verdict
}

const ask = async (
  { services }: AdmissionAttributes,
  { name, clientConfig, timeoutSeconds = DEFAULT_TIMEOUT_SECONDS }: WebhookHook['webhook'],
  review: object,
  read: (answer: Json) => Verdict,
): Promise<Verdict> => {
  let answer: Json
  try {
    answer = await services.webhooks.call(clientConfig, review, timeoutSeconds * 1000)
  } catch (error) {
    const code = error instanceof WebhookAnswerError ? error.code : 503
    throw new CallFailure(name, `failed to call webhook: ${(error as Error).message}`, code)
  }
  try {
    return read(answer)
  } catch (error) {
    if (!(error instanceof InvalidReview)) throw error
    throw new CallFailure(name, `received invalid webhook response: ${error.message}`, 503)
  }
}

/** The status of the webhook's answer, as the client is told it. */
const refusalOf = (name: string, status: Verdict['status'] = {}): StatusError => {
  const { code = 0, message, reason, details } = status
  const denied = `admission webhook ${JSON.stringify(name)} denied the request`
  const why = message || reason
  return StatusError.from({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: why ? `${denied}: ${why}` : `${denied} without explanation`,
    reason: reason ?? '',
    ...(details ? { details: details as NonNullable<Status['details']> } : {}),
    code: Math.max(code, 400),
  })
}

/** What a call came to, for the figures. */
export const outcomeOf = (error: unknown): { code: number; error: RejectionError | undefined } => {
  if (error === undefined) return { code: 200, error: undefined }
  if (error instanceof CallFailure) return { code: error.code, error: 'calling_webhook_error' }
  if (error instanceof Rejection) return { code: error.status.code, error: 'no_error' }
  return { code: 0, error: 'apiserver_internal_error' }
}

/** Counts a call that took `seconds` and failed with `error`, if it did. */
export const count = (
  { services, operation }: AdmissionAttributes,
  { webhook }: WebhookHook,
  step: WebhookStep,
  failure: unknown,
  seconds: number,
): void => {
  const { metrics } = services.dynamicAdmission
  const { name, failurePolicy } = webhook
  const { code, error } = outcomeOf(failure)
  const isIgnored = failure instanceof CallFailure && failurePolicy === 'Ignore'
  const isRejected = error !== undefined && !isIgnored
  if (isRejected) metrics.rejection(name, step, operation, error, code)
  if (isIgnored) metrics.failedOpen(name, step)
  metrics.webhook(name, step, operation, isRejected, code, seconds)
}
