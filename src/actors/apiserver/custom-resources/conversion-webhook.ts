/**
 * Conversion of custom objects between versions by the webhook that their definition names.
 *
 * Speaks `apiextensions.k8s.io/v1` ConversionReview (Kubernetes' `apiserver/conversion/webhook_converter.go`).
 * Invariant: what comes back has the order, kinds, names and uids of what was sent; of its metadata only
 * labels and annotations may differ. Many objects go in one call.
 */
import type { Converter } from '../../../api/apiextensions/custom-kind.ts'
import type { CustomResourceDefinition } from '../../../api/apiextensions/custom-resource-definition.ts'
import { deepCopy, deepEqual } from '../../../api/equality.ts'
import { managersOf, setManagers } from '../../../api/managed-fields/manager-entry.ts'
import type { KubernetesObject, ObjectMeta } from '../../../api/meta.ts'
import { validateAnnotations, validateLabels } from '../../../api/object-meta.ts'
import { internalError } from '../../../api/status-error.ts'
import { newUid } from '../../../std/ids.ts'
import type { WebhookClient, WebhookTarget } from '../webhook-call.ts'

const TIMEOUT_MS = 30_000

/** Undefined when the definition's versions differ in name only. */
export const conversionWebhook = (
  definition: CustomResourceDefinition,
  webhooks: WebhookClient,
): Converter | undefined => {
  const { conversion } = definition.spec
  const { clientConfig, conversionReviewVersions = [] } = conversion?.webhook ?? {}
  if (conversion?.strategy !== 'Webhook' || !clientConfig) return undefined
  const version = conversionReviewVersions.find((each) => each === 'v1' || each === 'v1beta1')
  return async (objects, apiVersion) => {
    const sent = objects.filter((object) => object.apiVersion !== apiVersion)
    if (sent.length === 0) return objects
    if (!version) throw internalError('no supported conversion review versions')
    const fail = (what: string): Error => {
      const { apiVersion: from, kind } = sent[0]!
      return internalError(`conversion webhook for ${from}, Kind=${kind} ${what}`)
    }
    const converted = await review(webhooks, clientConfig, version, sent, apiVersion, fail)
    const byObject = new Map(
      sent.map((object, at) => [object, checked(object, converted[at], apiVersion, at, fail)]),
    )
    return objects.map((object) => byObject.get(object) ?? object)
  }
}

type Fail = (what: string) => Error

interface Answer {
  apiVersion?: string
  kind?: string
  response?: {
    uid?: string
    convertedObjects?: unknown[]
    result?: { status?: string; message?: string }
  } | null
}

const review = async (
  webhooks: WebhookClient,
  target: WebhookTarget,
  version: string,
  objects: readonly KubernetesObject[],
  desiredAPIVersion: string,
  fail: Fail,
): Promise<unknown[]> => {
  const uid = newUid()
  const apiVersion = `apiextensions.k8s.io/${version}`
  const body = {
    kind: 'ConversionReview',
    apiVersion,
    request: { uid, desiredAPIVersion, objects },
  }
  let answer: Answer
  try {
    answer = (await webhooks.call(target, body, TIMEOUT_MS)) as Answer
  } catch (error) {
    throw fail(`failed: ${(error as Error).message}`)
  }
  const fault = faultOf(answer, version, apiVersion, uid)
  if (fault !== undefined) throw fail(`failed: ${fault}`)
  const converted = answer.response?.convertedObjects ?? []
  if (converted.length !== objects.length)
    throw fail(`returned ${converted.length} objects, expected ${objects.length}`)
  return converted
}

const faultOf = (
  { apiVersion, kind, response }: Answer,
  version: string,
  expected: string,
  uid: string,
): string | undefined => {
  if (version === 'v1' && (apiVersion !== expected || kind !== 'ConversionReview'))
    return `expected webhook response of ${expected}, Kind=ConversionReview, got ${apiVersion ?? ''}, Kind=${kind ?? ''}`
  if (!response) return 'no response provided'
  if (version === 'v1' && response.uid !== uid)
    return `expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? '')}`
  const { status = '', message } = response.result ?? {}
  if (status === 'Success') return undefined
  return message || `response.result.status was '${status}', not 'Success'`
}

/** The converted object with the metadata of the original, but for labels and annotations. */
const checked = (
  original: KubernetesObject,
  given: unknown,
  apiVersion: string,
  at: number,
  fail: Fail,
): KubernetesObject => {
  const refuse = (what: string) => fail(`returned invalid converted object at index ${at}: ${what}`)
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw refuse('it is no object')
  const converted = given as KubernetesObject & { metadata?: Partial<ObjectMeta> }
  if (converted.apiVersion !== apiVersion)
    throw refuse(`invalid groupVersion (expected ${apiVersion}, received ${converted.apiVersion})`)
  if (converted.kind !== original.kind)
    throw refuse(`invalid kind (expected ${original.kind}, received ${converted.kind})`)
  const { metadata } = converted
  if (typeof metadata !== 'object' || metadata === null)
    throw refuse('missing metadata in converted object')
  for (const [field, word] of [
    ['name', 'name'],
    ['namespace', 'namespace'],
    ['uid', 'UID'],
  ] as const)
    if ((metadata[field] ?? '') !== (original.metadata[field] ?? ''))
      throw refuse(
        `must have the same ${word}: ${original.metadata[field]} != ${metadata[field] ?? ''}`,
      )
  return withOriginalMeta(original, converted, (what) =>
    fail(`returned invalid metadata in object at index ${at}: ${what}`),
  )
}

const withOriginalMeta = (
  original: KubernetesObject,
  converted: KubernetesObject,
  refuse: Fail,
): KubernetesObject => {
  const restored = deepCopy(original.metadata)
  for (const field of ['labels', 'annotations'] as const) {
    const given = converted.metadata[field]
    delete restored[field]
    if (!given) continue
    if (!deepEqual(given, original.metadata[field])) {
      const check = field === 'labels' ? validateLabels : validateAnnotations
      const [fault] = check(given, `metadata.${field}`)
      if (fault) throw refuse(`${fault.field}: ${fault.message}`)
    }
    restored[field] = given
  }
  const object = { ...converted, metadata: restored }
  setManagers(object, managersOf(original))
  return object
}
