/**
 * update: replaces an object, or its status alone through the `status` subresource.
 *
 * Invariant: spec and status never cross; what changes nothing is not written; an update that removes the
 * last finalizer of a deleted object removes the object; admission never writes what the request may not. Patches
 * end here too, see `patch.ts`.
 */
import { deepCopy, deepEqual } from '../../api/equality.ts'
import type { AnyKind } from '../../api/kind.ts'
import {
  type Managers,
  managersOf,
  sameOwnership,
  setManagers,
} from '../../api/managed-fields/manager-entry.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import { validateObjectMetaUpdate } from '../../api/object-meta.ts'
import {
  conflict,
  invalid,
  invalidField,
  MODIFIED,
  type StatusError,
} from '../../api/status-error.ts'
import { type Admission, admissionOf, admitted } from './admission/chain.ts'
import { commit, isDryRun, remove, revisionOf, withRetries } from './commit.ts'
import { checkName } from './create.ts'
import { decodeObject, dropRepeatedOwners } from './decode-object.ts'
import { knownManagers, managersAfterUpdate, takeManagedFields } from './field-managers.ts'
import { countGeneration, isReadyToGo, keepMetadata } from './object-meta.ts'
import { type ApiRequest, type ApiResult, warnAbout } from './request.ts'
import { checkOptions } from './request-options.ts'
import type { Services } from './services.ts'

export const update = async (services: Services, request: ApiRequest): Promise<ApiResult> => {
  checkOptions(request)
  const first = decodeNamed(request)
  const given = first.metadata.resourceVersion
  const isPinned = Boolean(given) && given !== '0'
  if (isPinned) await catchUp(services, request, given)
  let fresh: KubernetesObject | undefined = first
  const stored = await withRetries(
    services,
    request,
    () => isPinned,
    (current) => {
      const next = fresh ?? decodeNamed(request)
      fresh = undefined
      if (!isPinned && request.kind.needsRevision) throw withoutRevision(request)
      return replace(services, request, current, next, isPinned ? given : undefined)
    },
  )
  return { type: 'object', code: 200, kind: request.kind, object: stored }
}

/** A new one for every try: each changes its own. */
const decodeNamed = (request: ApiRequest): KubernetesObject => {
  const object = decodeObject(request)
  checkName(request, object)
  return object
}

const withoutRevision = ({ kind, name }: ApiRequest): StatusError =>
  invalid(kind, name ?? '', [
    invalidField('metadata.resourceVersion', 0, 'must be specified for an update'),
  ])

/** Waits for the revision a client has seen elsewhere, so that its update is not refused as stale. */
export const catchUp = async (
  { storage }: Services,
  { kind }: ApiRequest,
  given: string,
): Promise<void> => {
  if (!/^\d{1,15}$/.test(given))
    throw invalid(kind, '', [
      {
        reason: 'FieldValueInvalid',
        field: 'metadata.resourceVersion',
        message: `Invalid value: ${JSON.stringify(given)}: must be an unsigned integer`,
      },
    ])
  if (Number(given) > storage.cache.revision(kind)) await storage.barrier(kind)
}

/**
 * Stores `next` in the place of `current`. `next` is the pipeline's, `current` is shared.
 * `pinned` is the resourceVersion the client insists on. Managers of fields that `next` carries are what an apply
 * came to. `admission`: where plug-ins are shown something else than the object. RevisionConflict passes through.
 */
export const replace = async (
  services: Services,
  request: ApiRequest,
  current: KubernetesObject,
  next: KubernetesObject,
  pinned: string | undefined,
  admission: Admission | undefined = admissionOf(services, request, 'UPDATE'),
): Promise<KubernetesObject> => {
  const { kind } = request
  const { name } = current.metadata
  if (pinned !== undefined && pinned !== current.metadata.resourceVersion)
    throw conflict(kind, name, MODIFIED)
  if (next.metadata.uid && next.metadata.uid !== current.metadata.uid)
    throw conflict(
      kind,
      name,
      `Precondition failed: UID in precondition: ${next.metadata.uid}, UID in object meta: ${current.metadata.uid}`,
    )
  const { draft, managers } = draftOf(services, request, current, next)
  const mutation = admission?.form ? undefined : admission?.mutate(draft, current)
  if (mutation) {
    await mutation
    dropRepeatedOwners(request, draft, true)
  }
  const prepared = prepare(services, request, current, draft, mutation !== undefined)
  const claim = await services.addresses.claim(kind, prepared, current)
  try {
    validate(request, prepared, current)
    return await admitted(admission, prepared, current, async () => {
      if (isSame(services, kind, prepared, current, managers)) return current
      setManagers(prepared, managers)
      if (isDryRun(request)) return prepared
      if (!isReadyToGo(prepared)) {
        const fence = claim?.fence ?? request.fence
        return commit(services, kind, prepared, revisionOf(current), fence)
      }
      const last = { ...prepared }
      await remove(services, kind, last, request.fence)
      return last
    })
  } finally {
    claim?.release()
  }
}

/** Nothing to write: at most the times of managers differ. */
const isSame = (
  services: Services,
  kind: AnyKind,
  prepared: KubernetesObject,
  current: KubernetesObject,
  managers: Managers,
): boolean =>
  deepEqual(prepared, current) && sameOwnership(managers, knownManagers(services, kind, current))

interface Draft {
  draft: KubernetesObject
  /** Of the fields as the client set them: what admission and the server add is nobody's. */
  managers: Managers
}

/** What the request may change of `current`, with defaults. */
const draftOf = (
  services: Services,
  request: ApiRequest,
  current: KubernetesObject,
  next: KubernetesObject,
): Draft => {
  const { kind, subresource } = request
  const given = takeManagedFields(next)
  const applied = managersOf(next)
  const managersOfChange = (changed: KubernetesObject) =>
    applied ?? managersAfterUpdate(services, request, current, changed, given)
  keepMetadata(next, current)
  if (isDecree(request)) return { draft: next, managers: managersOfChange(next) }
  const part = partOf(request)
  if (!part && subresource === 'status') {
    const draft = onlyStatus(next, current)
    kind.applyDefaults?.(draft)
    return { draft, managers: managersOfChange(draft) }
  }
  if (!part && kind.statusSubresource) takeField(next, current, 'status')
  kind.applyDefaults?.(next)
  if (part) part.prepareForUpdate(next, current, contextOf(services, request))
  return { draft: next, managers: managersOfChange(next) }
}

/**
 * The draft with what the server adds. `isMutated`: plug-ins that had to be waited for may have gone beyond what the
 * request may change.
 */
const prepare = (
  services: Services,
  request: ApiRequest,
  current: KubernetesObject,
  draft: KubernetesObject,
  isMutated: boolean,
): KubernetesObject => {
  if (isDecree(request)) return draft
  const { kind, subresource } = request
  const context = contextOf(services, request)
  const part = partOf(request)
  if (!part && subresource === 'status') {
    const prepared = isMutated ? onlyStatus(draft, current) : draft
    kind.prepareForStatusUpdate?.(prepared, current, context)
    return prepared
  }
  if (part) {
    if (isMutated) part.prepareForUpdate(draft, current, context)
  } else {
    if (isMutated && kind.statusSubresource) takeField(draft, current, 'status')
    kind.prepareForUpdate?.(draft, current, context)
  }
  countGeneration(kind, draft, current)
  return draft
}

const contextOf = ({ clock }: Services, { user }: ApiRequest) => ({ now: clock.now(), user })

const partOf = ({ kind, subresource }: ApiRequest) =>
  subresource === undefined ? undefined : kind.parts?.[subresource]

/** Finalizing sets what a kind's rules forbid to everybody else. */
const isDecree = ({ subresource }: ApiRequest): boolean => subresource === 'finalize'

type Loose = Record<string, unknown>

const takeField = (to: KubernetesObject, from: KubernetesObject, field: string): void => {
  const value = (from as unknown as Loose)[field]
  if (value === undefined) delete (to as unknown as Loose)[field]
  else (to as unknown as Loose)[field] = deepCopy(value)
}

/** The current object with the status (and labels and annotations) of `next`. */
const onlyStatus = (next: KubernetesObject, current: KubernetesObject): KubernetesObject => {
  const { status } = next as unknown as Loose
  const fields: Loose = {}
  for (const field in current)
    if (field !== 'status') fields[field] = deepCopy((current as unknown as Loose)[field])
    else if (status !== undefined) fields['status'] = status
  if (status !== undefined) fields['status'] = status
  const prepared = fields as unknown as KubernetesObject
  for (const field of ['labels', 'annotations', 'finalizers'] as const) {
    const value = next.metadata[field]
    if (value === undefined) delete prepared.metadata[field]
    else Object.assign(prepared.metadata, { [field]: value })
  }
  return prepared
}

const validate = (
  request: ApiRequest,
  prepared: KubernetesObject,
  current: KubernetesObject,
): void => {
  if (isDecree(request)) return
  const { kind } = request
  const part = partOf(request)
  const own = part
    ? (part.validateUpdate?.(prepared, current) ?? [])
    : request.subresource === 'status'
      ? (kind.validateStatusUpdate?.(prepared, current) ?? [])
      : [
          ...(kind.validate?.(prepared, current) ?? []),
          ...(kind.validateUpdate?.(prepared, current) ?? []),
        ]
  const errors = [...validateObjectMetaUpdate(prepared, current, 'metadata', kind.isCustom), ...own]
  if (errors.length > 0) throw invalid(kind, current.metadata.name, errors)
  if (request.subresource === undefined) warnAbout(request, prepared, current)
}
