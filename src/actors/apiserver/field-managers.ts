/**
 * Whose write a request is, and who manages which fields after it.
 *
 * The algorithms are `api/managed-fields`; here they meet requests and kinds. Invariant: a write that changes
 * no field leaves the managers as they are.
 */
import { type AnyKind, storedKind } from '../../api/kind.ts'
import type { StructShape } from '../../api/managed-fields/field-shape.ts'
import { shapeOfModel } from '../../api/managed-fields/field-shape.ts'
import {
  type Authorship,
  managersOfCreated,
  managersOfUpdated,
} from '../../api/managed-fields/manage.ts'
import {
  isReset,
  type ManagedFieldsEntry,
  type Managers,
  managersOf,
  NOBODY,
  parseEntries,
} from '../../api/managed-fields/manager-entry.ts'
import { shapeOfSchema } from '../../api/managed-fields/schema-shape.ts'
import type { OtherVersions } from '../../api/managed-fields/version-comparisons.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import type { ApiRequest } from './request.ts'
import type { Services } from './services.ts'

/** Kubernetes' FieldManagerMaxLength, in bytes. */
export const MANAGER_BYTES_MAX = 128

export const authorOf = (services: Services, request: ApiRequest): Authorship => ({
  manager: request.query.get('fieldManager') || request.manager || 'unknown',
  apiVersion: request.kind.apiVersion,
  subresource: request.writtenThrough ?? request.subresource ?? '',
  now: services.clock.now(),
})

/** A manager's name from a user agent: what stands before the first slash, without what cannot be printed. */
export const managerOfAgent = (agent: string): string => {
  const end = agent.indexOf('/')
  const name = end < 0 ? agent : agent.slice(0, end)
  if (/^[\x20-\x7e]{0,128}$/.test(name)) return name
  let kept = ''
  for (const character of name) {
    if (!/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(character)) continue
    if (Buffer.byteLength(kept + character) > MANAGER_BYTES_MAX) break
    kept += character
  }
  return kept
}

const shapes = new WeakMap<AnyKind, StructShape>()

export const shapeOf = (kind: AnyKind): StructShape => {
  if (!kind.isCustom) return shapeOfModel(kind.model)
  let shape = shapes.get(kind)
  if (!shape) {
    shape = shapeOfSchema(kind.schema ?? {})
    shapes.set(kind, shape)
  }
  return shape
}

/** How other versions show objects of `kind`. */
export const otherVersions =
  ({ storage }: Services, kind: AnyKind): OtherVersions =>
  (apiVersion) => {
    const other = storage.cache.kinds.byName(apiVersion, kind.kind)
    if (!other || storedKind(other) !== storedKind(kind)) return undefined
    return {
      shape: shapeOf(other),
      show: (object) => {
        const stored = kind.storedAs ? kind.storedAs.store(object) : object
        if (stored instanceof Promise) return undefined
        return other.storedAs ? other.storedAs.show(stored) : stored
      },
    }
  }

/** Top-level fields that the request cannot set: the status, or all but the status. */
export const ignoredBy = ({ kind, subresource }: ApiRequest): ((field: string) => boolean) => {
  if (subresource === 'status') return isNoStatus
  return subresource === undefined && kind.statusSubresource ? isStatus : isNothing
}

const isStatus = (field: string): boolean => field === 'status'
const isNoStatus = (field: string): boolean => field !== 'status' && field !== 'metadata'
const isNothing = (): boolean => false

/** The managers of an object that exists; of a form that lost them on its way, those of the stored one. */
export const knownManagers = (
  { storage }: Services,
  kind: AnyKind,
  object: KubernetesObject,
): Managers => {
  const { namespace, name } = object.metadata
  const known = managersOf(object)
  if (known || !kind.storedAs) return known ?? NOBODY
  const stored = storage.cache.get(kind, namespace, name)
  return (stored && managersOf(stored)) ?? NOBODY
}

/** Of an object about to be created: decoded and with its defaults, before the server adds what is its own. */
export const managersAfterCreate = (
  services: Services,
  request: ApiRequest,
  object: KubernetesObject,
): Managers => {
  const given = takeManagedFields(object)
  if (given && isReset(given)) return NOBODY
  const parsed = given && parseEntries(given)
  const by = authorOf(services, request)
  const shape = shapeOf(request.kind)
  if (!parsed) return managersOfCreated(shape, object, by, ignoredBy(request))
  const nothing = { metadata: {} } as unknown as KubernetesObject
  return managersOfUpdated(shape, parsed, nothing, object, by, ignoredBy(request))
}

/** Of `current` when it becomes `next`: with its defaults, before the server adds what is its own. */
export const managersAfterUpdate = (
  services: Services,
  request: ApiRequest,
  current: KubernetesObject,
  next: KubernetesObject,
  given: readonly ManagedFieldsEntry[] | undefined,
): Managers => {
  const known = knownManagers(services, request.kind, current)
  const isSubresource = request.subresource !== undefined
  if (given && !isSubresource && isReset(given)) return NOBODY
  const managers = (given && !isSubresource && parseEntries(given)) || known
  if (managers.length === 0) return managers
  return managersOfUpdated(
    shapeOf(request.kind),
    managers,
    current,
    next,
    authorOf(services, request),
    ignoredBy(request),
    otherVersions(services, request.kind),
  )
}

/** What a client says of the managers, taken out of its object. */
export const takeManagedFields = (
  object: KubernetesObject,
): readonly ManagedFieldsEntry[] | undefined => {
  const metadata = object.metadata as { managedFields?: readonly ManagedFieldsEntry[] }
  const given = metadata.managedFields
  if (given !== undefined) delete metadata.managedFields
  return given
}
