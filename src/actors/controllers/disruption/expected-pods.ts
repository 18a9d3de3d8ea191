/**
 * How many pods a PodDisruptionBudget's selection should have: what their controllers ask for together.
 *
 * After Kubernetes' `getExpectedPodCount`. A number in `minAvailable` needs no controllers; what else there is, is a
 * share of their scale. Pure: scales that are not in the cache are asked of `ScaleOf`.
 */
import { Deployment } from '../../../api/apps/deployment.ts'
import { ReplicaSet } from '../../../api/apps/replica-set.ts'
import type { Pod } from '../../../api/core/pod.ts'
import type { AnyKind } from '../../../api/kind.ts'
import { controllerOf, type KubernetesObject, type OwnerReference } from '../../../api/meta.ts'
import type { PodDisruptionBudget } from '../../../api/policy/pod-disruption-budget.ts'
import { qualifiedResource } from '../../../api/status-error.ts'
import type { Cache } from '../../../client/view.ts'
import type { Expectation } from './budget-status.ts'

/** The replicas that a custom object asks for; `unknown` until somebody has been asked. Throws an Error. */
export type ScaleOf = (kind: AnyKind, owner: KubernetesObject) => number | 'unknown'

export interface ExpectedPods extends Expectation {
  /** Names of pods without a controller, where controllers count. */
  unmanaged: string[]
}

/** Undefined while a scale is unknown. Throws an Error in Kubernetes' words. */
export const expectedPods = (
  { spec }: PodDisruptionBudget,
  pods: readonly Pod[],
  view: Cache,
  scaleOf: ScaleOf,
): ExpectedPods | undefined => {
  const { minAvailable, maxUnavailable } = spec ?? {}
  if (maxUnavailable == null && minAvailable == null)
    return { expected: 0, desired: 0, unmanaged: [] }
  if (maxUnavailable == null && typeof minAvailable === 'number')
    return { expected: pods.length, desired: minAvailable, unmanaged: [] }
  const scale = scaleOfAll(pods, view, scaleOf)
  if (!scale) return undefined
  const { expected, unmanaged } = scale
  const desired =
    maxUnavailable == null
      ? shareOf(minAvailable!, expected)
      : Math.max(0, expected - shareOf(maxUnavailable, expected))
  return { expected, desired, unmanaged }
}

/** Rounded up. */
const shareOf = (share: number | string, total: number): number => {
  if (typeof share === 'number') return share
  const percent = /^(\d+)%$/.exec(share)
  if (!percent)
    throw new Error('invalid value for IntOrString: invalid type: string is not a percentage')
  return Math.ceil((Number(percent[1]) * total) / 100)
}

const scaleOfAll = (
  pods: readonly Pod[],
  view: Cache,
  scaleOf: ScaleOf,
): { expected: number; unmanaged: string[] } | undefined => {
  const unmanaged: string[] = []
  const scales = new Map<string, number>()
  const seen = new Set<string>()
  let isUnknown = false
  for (const pod of pods) {
    const reference = controllerOf(pod)
    if (!reference) {
      unmanaged.push(pod.metadata.name)
      continue
    }
    if (seen.has(reference.uid)) continue
    seen.add(reference.uid)
    const found = findController(pod, reference, view)
    if (!found) throw new Error(`found no controllers for pod ${JSON.stringify(pod.metadata.name)}`)
    const replicas = scaleOf(found.kind, found.owner)
    if (replicas === 'unknown') isUnknown = true
    else scales.set(found.owner.metadata.uid, replicas)
  }
  if (isUnknown) return undefined
  let expected = 0
  for (const replicas of scales.values()) expected += replicas
  return { expected, unmanaged }
}

interface Found {
  kind: AnyKind
  owner: KubernetesObject
}

/** The pod's controller; of a Deployment's ReplicaSet the Deployment. */
const findController = (pod: Pod, reference: OwnerReference, view: Cache): Found | undefined => {
  const { namespace } = pod.metadata
  const { apiVersion, kind: name } = reference
  const kind = view.kinds.storedByName(apiVersion, name)
  if (!kind) throw new Error(`no matches for kind "${name}" in version "${apiVersion}"`)
  const owner = view.get(kind, kind.namespaced ? namespace : undefined, reference.name) as
    | KubernetesObject
    | undefined
  if (!owner || owner.metadata.uid !== reference.uid) return undefined
  if (kind !== ReplicaSet) return { kind, owner }
  const above = controllerOf(owner)
  if (above?.kind !== 'Deployment') return { kind, owner }
  const deployment = view.get(Deployment, namespace, above.name)
  if (!deployment || deployment.metadata.uid !== above.uid) return undefined
  return { kind: Deployment, owner: deployment }
}

/** Throws for a kind that has no scale. */
export const noScale = (kind: AnyKind): Error =>
  new Error(`${qualifiedResource(kind)} does not implement the scale subresource`)
