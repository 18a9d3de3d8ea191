/**
 * create: a new object, with the name the client gave or one made from generateName.
 *
 * Order as in Kubernetes: decode and defaults, who manages the fields, what admission and the server add, validate,
 * commit.
 * Invariant: two creates of one name never both succeed, on whatever replica. It overwrites nothing.
 */
import { deepCopy } from '../../api/equality.ts'
import { type Managers, managersOf, setManagers } from '../../api/managed-fields/manager-entry.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import { validateObjectMeta } from '../../api/object-meta.ts'
import { alreadyExists, badRequest, invalid, StatusError } from '../../api/status-error.ts'
import { FenceLost, RevisionConflict } from '../../client/storage.ts'
import { type Admission, admissionOf, admitted } from './admission/chain.ts'
import { ATTEMPTS_MAX, commit, isDryRun } from './commit.ts'
import { decodeObject, dropRepeatedOwners } from './decode-object.ts'
import { managersAfterCreate } from './field-managers.ts'
import { fillMetadata, generatedName } from './object-meta.ts'
import { type ApiRequest, type ApiResult, warnAbout } from './request.ts'
import { checkOptions } from './request-options.ts'
import type { Services } from './services.ts'

/** Kubernetes tries a generated name this often. */
const GENERATED_NAMES_MAX = 8

export const create = async (services: Services, request: ApiRequest): Promise<ApiResult> => {
  checkOptions(request)
  const object = await createUnique(services, request)
  return { type: 'object', code: 201, kind: request.kind, object }
}

/** Each try of a generated name begins with the body: what is derived from the name must not be of two. */
const createUnique = async (services: Services, request: ApiRequest): Promise<KubernetesObject> => {
  for (let tries = 1; ; tries++) {
    const object = decodeObject(request)
    const isGenerated = !object.metadata.name && Boolean(object.metadata.generateName)
    try {
      return await createObject(services, request, object)
    } catch (error) {
      if (!isGenerated || tries >= GENERATED_NAMES_MAX) throw error
      if (!(error instanceof StatusError) || error.reason !== 'AlreadyExists') throw error
    }
  }
}

/** Creates `object`, which becomes the pipeline's. `managers`: of its fields, where they are known already. */
export const createObject = async (
  services: Services,
  request: ApiRequest,
  object: KubernetesObject,
  managers?: Managers,
): Promise<KubernetesObject> => {
  const { kind, namespace } = request
  const { metadata } = object
  const generate = !metadata.name && metadata.generateName ? metadata.generateName : undefined
  kind.applyDefaults?.(object)
  const managedBy = managers ?? managersAfterCreate(services, request, object)
  const admission = admissionOf(services, request, 'CREATE')
  const mutation = admission?.mutate(object, undefined)
  if (mutation) {
    await mutation
    dropRepeatedOwners(request, object, true)
  }
  const isVersioned = Boolean(metadata.resourceVersion) && metadata.resourceVersion !== '0'
  fillMetadata(object, kind, namespace, services.clock.now())
  if (generate) metadata.name = generatedName(generate)
  prepare(services, request, object)
  setManagers(object, managedBy)
  return attempt(services, request, object, admission, isVersioned)
}

const prepare = (services: Services, request: ApiRequest, object: KubernetesObject): void => {
  const { kind, user } = request
  kind.prepareForCreate?.(object, { now: services.clock.now(), user })
  const errors = [...validateObjectMeta(kind, object), ...(kind.validate?.(object) ?? [])]
  if (errors.length > 0) throw invalid(kind, object.metadata.name ?? '', errors)
  warnAbout(request, object)
}

const attempt = async (
  services: Services,
  request: ApiRequest,
  draft: KubernetesObject,
  admission: Admission | undefined,
  isVersioned: boolean,
): Promise<KubernetesObject> => {
  const { kind } = request
  const { namespace, name } = draft.metadata
  for (let tries = 1; ; tries++) {
    /** Addresses are chosen anew in every attempt. */
    const object = kind.plural === 'services' ? copyWithManagers(draft) : draft
    const claim = await services.addresses.claim(kind, object, undefined)
    try {
      return await admitted(admission, object, undefined, async () => {
        // As in Kubernetes it is the store that minds, after everybody else.
        if (isVersioned && !isDryRun(request))
          throw new StatusError(
            500,
            '',
            'resourceVersion should not be set on objects to be created',
          )
        if (services.storage.cache.get(kind, namespace, name)) {
          await services.storage.barrier(kind)
          if (services.storage.cache.get(kind, namespace, name)) throw alreadyExists(kind, name)
        }
        if (isDryRun(request)) return object
        return commit(services, kind, object, 0, claim?.fence ?? request.fence)
      })
    } catch (error) {
      const isLost = error instanceof RevisionConflict || error instanceof FenceLost
      if (!isLost) throw error
      if (tries >= ATTEMPTS_MAX) throw alreadyExists(kind, name)
    } finally {
      claim?.release()
    }
  }
}

const copyWithManagers = (object: KubernetesObject): KubernetesObject => {
  const copy = deepCopy(object)
  setManagers(copy, managersOf(object))
  return copy
}

/** The name on the URL and in the body agree. */
export const checkName = (request: ApiRequest, object: KubernetesObject): void => {
  const { name } = object.metadata
  if (!name) object.metadata.name = request.name!
  else if (name !== request.name)
    throw badRequest(
      `the name of the object (${name}) does not match the name on the URL (${request.name})`,
    )
}
