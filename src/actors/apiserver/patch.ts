/**
 * patch: JSON patch, merge patch and strategic merge patch, on an object, its status or its scale.
 *
 * Invariant: a patch is applied to the object it is stored over; when somebody else was faster it is applied
 * again to the newer one, unless the patch itself names a resourceVersion. The result is an update.
 */
import type { UncheckedObject } from '../../api/kind.ts'
import type { Json, KubernetesObject } from '../../api/meta.ts'
import { applyPatch, invalidPatch } from '../../api/patch/patch.ts'
import { StatusError } from '../../api/status-error.ts'
import { withRetries } from './commit.ts'
import { checkName } from './create.ts'
import { decodeObject } from './decode-object.ts'
import type { ApiRequest, ApiResult } from './request.ts'
import type { Services } from './services.ts'
import { changeScale, type Scale } from './subresources.ts'
import { catchUp, replace } from './update.ts'

export const patch = async (services: Services, request: ApiRequest): Promise<ApiResult> => {
  const { kind } = request
  const given = statedRevision(request.body)
  if (given) await catchUp(services, request, given)
  const stored = await withRetries(
    services,
    request,
    (current) => given !== undefined && given === current.metadata.resourceVersion,
    (current) => patchObject(services, request, current),
  )
  return { type: 'object', code: 200, kind, object: stored }
}

/** Patches `current` as the request says. RevisionConflict passes through. */
const patchObject = (
  services: Services,
  request: ApiRequest,
  current: KubernetesObject,
): Promise<KubernetesObject> => {
  const { kind, body } = request
  const before = current as unknown as UncheckedObject
  const patched = applyPatch(request.patch ?? 'strategic', before, body as Json, kind.model)
  const attempt: ApiRequest = { ...request }
  delete attempt.warnings
  const next = decodePatched(attempt, patched)
  if (attempt.warnings) request.warnings = attempt.warnings
  checkName(request, next)
  const { resourceVersion } = next.metadata
  const pinned =
    resourceVersion && resourceVersion !== current.metadata.resourceVersion
      ? resourceVersion
      : undefined
  return replace(services, request, current, next, pinned)
}

/** A result that does not decode is the patch's fault: 422, as Kubernetes says it. */
const decodePatched = (request: ApiRequest, patched: UncheckedObject): KubernetesObject => {
  try {
    return decodeObject(request, patched)
  } catch (error) {
    if (error instanceof StatusError && error.message.includes('json: cannot unmarshal'))
      throw invalidPatch(
        JSON.stringify(request.body),
        error.message.slice(error.message.indexOf('json: ')),
      )
    throw error
  }
}

const statedRevision = (body: unknown): string | undefined => {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return undefined
  const { metadata } = body as { metadata?: { resourceVersion?: unknown } | null }
  const given = metadata?.resourceVersion
  return typeof given === 'string' && given !== '' ? given : undefined
}

export const patchScale = (services: Services, request: ApiRequest): Promise<ApiResult> =>
  changeScale(services, request, (scale) => {
    const before = scale as unknown as UncheckedObject
    const format = request.patch ?? 'strategic'
    return applyPatch(format, before, request.body as Json, 'V1Scale') as unknown as Scale
  })
