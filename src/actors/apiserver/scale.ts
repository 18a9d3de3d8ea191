/**
 * scale: how many pods a workload should have, read and changed as an `autoscaling/v1` Scale.
 *
 * Invariant: it ends in the same commit as a plain update, and changes nothing but the number. Patches of a
 * Scale are applied in `patch.ts` and `apply.ts`. The selector of its status is printed, not structured.
 */
import { deepCopy } from '../../api/equality.ts'
import { type AnyKind, defineKind } from '../../api/kind.ts'
import { type Managers, setManagers } from '../../api/managed-fields/manager-entry.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import { conflict, invalid, invalidField } from '../../api/status-error.ts'
import { admissionOf } from './admission/chain.ts'
import { withRetries } from './commit.ts'
import { checkName } from './create.ts'
import { decodeObject } from './decode-object.ts'
import { get } from './read.ts'
import type { ApiRequest, ApiResult } from './request.ts'
import { checkOptions } from './request-options.ts'
import type { Services } from './services.ts'
import { catchUp, replace } from './update.ts'

export interface Scale {
  kind: 'Scale'
  apiVersion: 'autoscaling/v1'
  metadata: Partial<KubernetesObject['metadata']>
  /** No replicas are the same as 0. */
  spec: { replicas?: number }
  status: { replicas: number; selector?: string }
}

/** What decoding needs to know; no object of this kind is ever stored. */
const scaleKind = (namespaced: boolean): AnyKind =>
  defineKind({
    group: 'autoscaling',
    version: 'v1',
    kind: 'Scale',
    plural: 'scales',
    singular: 'scale',
    namespaced,
    model: 'V1Scale',
    columns: [],
  })

const NAMESPACED_SCALE = scaleKind(true)
const CLUSTER_SCALE = scaleKind(false)

/** The request as one about the Scale itself. */
export const scaleRequest = (request: ApiRequest): ApiRequest => ({
  ...request,
  kind: request.kind.namespaced ? NAMESPACED_SCALE : CLUSTER_SCALE,
})

const scaleOf = (kind: AnyKind, object: KubernetesObject): Scale => {
  const { replicas, statusReplicas, selector } = kind.scale!.read(object)
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      name,
      ...(namespace ? { namespace } : {}),
      uid,
      resourceVersion,
      creationTimestamp,
    },
    spec: replicas === 0 ? {} : { replicas },
    status: { replicas: statusReplicas, ...(selector ? { selector } : {}) },
  }
}

export const getScale = async (services: Services, request: ApiRequest): Promise<ApiResult> => {
  const result = await get(services, request)
  if (result.type !== 'object') return result
  return { type: 'document', code: 200, document: scaleOf(request.kind, result.object) }
}

/**
 * Sets the replicas `wanted` says, from the Scale as it is now; `managers` are those of the object, where `wanted`
 * knows them.
 */
export const changeScale = async (
  services: Services,
  request: ApiRequest,
  wanted: (scale: Scale, current: KubernetesObject) => { scale: Scale; managers?: Managers },
): Promise<ApiResult> => {
  const { kind, name } = request
  const stored = await withRetries(
    services,
    request,
    () => false,
    async (current) => {
      const before = scaleOf(kind, current)
      const { scale, managers } = wanted(before, current)
      const admission = admissionOf(services, request, 'UPDATE', { subresource: 'scale' })
      const mutation = admission?.mutate(scale as KubernetesObject, before as KubernetesObject)
      if (mutation) await mutation
      if (admission) admission.form = (stored) => scaleOf(kind, stored) as KubernetesObject
      const replicas = scale.spec?.replicas ?? 0
      if (replicas < 0)
        throw invalid({ group: 'autoscaling', kind: 'Scale' }, name!, [
          invalidField('spec.replicas', replicas, 'must be greater than or equal to 0'),
        ])
      const { resourceVersion: given, uid } = scale.metadata ?? {}
      if (uid && uid !== current.metadata.uid) throw wrongUid(name!, uid, current.metadata.uid)
      const next = deepCopy(kind.scale!.write(current, replicas) as KubernetesObject)
      const pinned = given && given !== before.metadata.resourceVersion ? given : undefined
      if (managers) setManagers(next, managers)
      const change = { ...request, subresource: undefined, writtenThrough: 'scale' }
      return replace(services, change, current, next, pinned, admission)
    },
  )
  return { type: 'document', code: 200, document: scaleOf(kind, stored) }
}

const wrongUid = (name: string, given: string, uid: string) =>
  conflict(
    { group: 'autoscaling', resource: 'Scale' },
    name,
    `Precondition failed: UID in precondition: ${given}, UID in object meta: ${uid}`,
  )

export const updateScale = async (services: Services, request: ApiRequest): Promise<ApiResult> => {
  checkOptions(request)
  const attempt = scaleRequest(request)
  const object = decodeObject(attempt)
  if (attempt.warnings) request.warnings = attempt.warnings
  checkName(request, object)
  const { resourceVersion } = object.metadata
  if (resourceVersion) await catchUp(services, request, resourceVersion)
  const scale = object as unknown as Scale
  return changeScale(services, request, () => ({ scale }))
}
