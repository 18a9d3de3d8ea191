/**
 * patch: JSON patch, merge patch and strategic merge patch, on an object, its status, another part or its scale.
 *
 * Invariant: a patch is applied to the object it is stored over; when somebody else was faster it is applied
 * again to the newer one, unless the patch itself names a resourceVersion. The result is an update. Server-side
 * apply comes by here, too, and goes on to `apply.ts`.
 */

import { goText } from '../../api/go-text.ts'
import type { UncheckedObject } from '../../api/kind.ts'
import { withManagedFields } from '../../api/managed-fields/manager-entry.ts'
import type { Json, KubernetesObject } from '../../api/meta.ts'
import { touchesManagedFields, unknownOperationFields } from '../../api/patch/json-patch.ts'
import { acceptedPatches, applyPatch, invalidPatch, type PatchType } from '../../api/patch/patch.ts'
import { StatusError, unsupportedMediaType } from '../../api/status-error.ts'
import { withRetries } from './commit.ts'
import { checkName } from './create.ts'
import { decodeObject } from './decode-object.ts'
import { knownManagers } from './field-managers.ts'
import type { ApiRequest, ApiResult } from './request.ts'
import { checkOptions } from './request-options.ts'
import { changeScale, type Scale, scaleRequest } from './scale.ts'
import type { Services } from './services.ts'
import { catchUp, replace } from './update.ts'

export const patch = async (services: Services, request: ApiRequest): Promise<ApiResult> => {
  const { kind, patch: format = 'strategic' } = request
  checkOptions(request)
  if (format === 'apply') return (await import('./apply.ts')).apply(services, request)
  if (format === 'strategic' && kind.isCustom)
    throw unsupportedMediaType(
      `the body of the request was in an unknown format - accepted media types include: ${acceptedPatches(true).join(', ')}`,
    )
  const given = statedRevision(request.body)
  if (given) await catchUp(services, request, given)
  const stored = await withRetries(
    services,
    request,
    (current) => given !== undefined && given === current.metadata.resourceVersion,
    (current) => patchObject(services, request, format, current),
  )
  return { type: 'object', code: 200, kind, object: stored }
}

/** Patches `current` as the request says. RevisionConflict passes through. */
const patchObject = (
  services: Services,
  request: ApiRequest,
  format: PatchType,
  current: KubernetesObject,
): Promise<KubernetesObject> => {
  const { kind, body } = request
  const isAboutManagers = format === 'json' && touchesManagedFields(body as Json)
  const before = isAboutManagers ? shown(services, request, current) : current
  const patched = applyPatch(format, before as unknown as UncheckedObject, body as Json, kind.model)
  const next = decodePatched(request, format, patched, withoutUnread(request, patched, current))
  checkName(request, next)
  const { resourceVersion } = next.metadata
  const pinned =
    resourceVersion && resourceVersion !== current.metadata.resourceVersion
      ? resourceVersion
      : undefined
  return replace(services, request, current, next, pinned)
}

/** `current` with its managers, which only a JSON patch can refer to. */
const shown = (
  services: Services,
  { kind }: ApiRequest,
  current: KubernetesObject,
): KubernetesObject => withManagedFields(current, knownManagers(services, kind, current))

/**
 * A result that does not decode is the patch's fault: 422, as Kubernetes says it. Warnings are those of the last
 * result that did. `read`: what has to be decoded of it.
 */
const decodePatched = (
  request: ApiRequest,
  format: PatchType,
  patched: UncheckedObject,
  read = patched,
): KubernetesObject => {
  const { verb, kind, namespace, name, user, query, patch, body, inOrder } = request
  const duplicates = inOrder ? () => operationFaults(inOrder, body as Json) : request.duplicates
  const attempt: ApiRequest = { verb, kind, namespace, name, user, query, patch, duplicates }
  try {
    const next = decodeObject(attempt, read)
    if (attempt.warnings) request.warnings = attempt.warnings
    return next
  } catch (error) {
    const fault = error instanceof StatusError ? decodingFault(error.message) : undefined
    if (fault === undefined) throw error
    throw invalidPatch(
      format === 'strategic' ? goText(body as Json) : JSON.stringify(patched),
      fault,
    )
  }
}

/**
 * `patched` without fields that are the stored ones still and that an update of this sort takes from the stored
 * object anyway: there is nothing to find in them. A patch of the status leaves all but the status and metadata; a
 * patch of the object leaves the status.
 */
const withoutUnread = (
  { kind, subresource }: ApiRequest,
  patched: UncheckedObject,
  current: KubernetesObject,
): UncheckedObject => {
  if (kind.decode || !kind.statusSubresource || kind.parts?.['status']) return patched
  const stored = current as unknown as UncheckedObject
  if (subresource === 'status') {
    const read: UncheckedObject = {}
    for (const field in patched)
      if (ALWAYS_READ.has(field) || patched[field] !== stored[field])
        read[field] = patched[field] as Json
    return read
  }
  const { status } = patched
  if (subresource !== undefined || status === undefined || status !== stored['status'])
    return patched
  return { ...patched, status: {} }
}

const ALWAYS_READ: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata', 'status'])

/** What is wrong with the operations of a JSON patch themselves. */
const operationFaults = (inOrder: NonNullable<ApiRequest['inOrder']>, body: Json): string[] =>
  inOrder(unknownOperationFields(body)).map((fault) => `json patch ${fault}`)

/** The part of an error of decoding that says what is wrong; undefined for other errors. */
const decodingFault = (message: string): string | undefined => {
  const at = message.search(/json: cannot unmarshal|strict decoding error: /)
  return at < 0 ? undefined : message.slice(at)
}

const statedRevision = (body: unknown): string | undefined => {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return undefined
  const { metadata } = body as { metadata?: { resourceVersion?: unknown } | null }
  const given = metadata?.resourceVersion
  return typeof given === 'string' && given !== '' ? given : undefined
}

export const patchScale = async (services: Services, request: ApiRequest): Promise<ApiResult> => {
  checkOptions(request)
  const { patch: format = 'strategic' } = request
  if (format === 'apply') {
    const { applyScale } = await import('./apply.ts')
    return changeScale(services, request, (scale, current) =>
      applyScale(services, request, current, scale),
    )
  }
  return changeScale(services, request, (scale) => {
    const before = scale as unknown as UncheckedObject
    const patched = applyPatch(format, before, request.body as Json, 'V1Scale')
    const attempt = scaleRequest(request)
    delete attempt.warnings
    const next = decodePatched(attempt, format, patched)
    if (attempt.warnings) request.warnings = attempt.warnings
    checkName(request, next)
    return { scale: next as unknown as Scale }
  })
}
