/**
 * `AdmissionReview`: the question to a webhook, and what may be made of its answer.
 *
 * Versions v1 and v1beta1, in the order in which the webhook names them. After Kubernetes'
 * `apiserver/pkg/admission/plugin/webhook/request`. Pure.
 */

import { managersOf, withManagedFields } from '../../../../api/managed-fields/manager-entry.ts'
import type { Json, KubernetesObject } from '../../../../api/meta.ts'

const VERSIONS = ['v1', 'v1beta1'] as const
export type ReviewVersion = (typeof VERSIONS)[number]

/** The first of a webhook's versions that is spoken here. */
export const versionFor = (versions: readonly string[] | undefined): ReviewVersion | undefined => {
  for (const version of versions ?? []) {
    const known = VERSIONS.find((each) => each === version)
    if (known) return known
  }
  return undefined
}

export const reviewOf = (
  version: ReviewVersion,
  uid: string,
  request: object,
  object: KubernetesObject | undefined,
  old: KubernetesObject | undefined,
): object => ({
  kind: 'AdmissionReview',
  apiVersion: `admission.k8s.io/${version}`,
  request: { uid, ...request, object: shown(object), oldObject: shown(old) },
})

const shown = (object: KubernetesObject | undefined): object | null => {
  if (!object) return null
  return object.metadata && managersOf(object) ? withManagedFields(object) : object
}

interface Response {
  uid?: string
  allowed?: boolean
  patch?: string | null
  patchType?: string | null
  status?: { code?: number; status?: string; message?: string; reason?: string; details?: object }
  auditAnnotations?: Record<string, string> | null
  warnings?: string[] | null
}

/** What a webhook has decided. */
export interface Verdict {
  isAllowed: boolean
  /** Operations of a JSON patch, as text; `''`: none. */
  patch: string
  patchType: string
  status: NonNullable<Response['status']> | undefined
  auditAnnotations: Readonly<Record<string, string>>
  warnings: readonly string[]
}

/** The answer is not what a webhook may answer; the message is Kubernetes'. */
export class InvalidReview extends Error {}

/** Throws InvalidReview. */
export const verdictOf = (
  version: ReviewVersion,
  uid: string,
  isMutating: boolean,
  answer: Json,
): Verdict => {
  const { apiVersion, kind, response } = (answer ?? {}) as {
    apiVersion?: string
    kind?: string
    response?: Response | null
  }
  if (!response) throw new InvalidReview('webhook response was absent')
  if (version === 'v1') {
    checkIdentity(response, uid, apiVersion, kind)
    if (isMutating) checkPatch(response)
    else if (response.patch)
      throw new InvalidReview('validating webhook may not return response.patch')
    else if (response.patchType != null)
      throw new InvalidReview('validating webhook may not return response.patchType')
  }
  const patch = isMutating ? Buffer.from(response.patch ?? '', 'base64').toString() : ''
  return {
    isAllowed: response.allowed === true,
    patch,
    patchType: version === 'v1' ? (response.patchType ?? '') : patch ? 'JSONPatch' : '',
    status: response.status,
    auditAnnotations: response.auditAnnotations ?? {},
    warnings: response.warnings ?? [],
  }
}

const EXPECTED = 'admission.k8s.io/v1, Kind=AdmissionReview'

const checkIdentity = (response: Response, uid: string, apiVersion = '/', kind = ''): void => {
  if (response.uid !== uid)
    throw new InvalidReview(
      `expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? '')}`,
    )
  const given = `${apiVersion}, Kind=${kind}`
  if (given !== EXPECTED)
    throw new InvalidReview(`expected webhook response of ${EXPECTED}, got ${given}`)
}

const checkPatch = ({ patch, patchType }: Response): void => {
  if (patch && patchType == null)
    throw new InvalidReview('webhook returned response.patch but not response.patchType')
  if (!patch && patchType != null)
    throw new InvalidReview('webhook returned response.patchType but not response.patch')
  if (patchType === '') throw new InvalidReview('webhook returned invalid response.patchType of ""')
}
