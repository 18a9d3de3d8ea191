/**
 * Sizes of a Deployment's ReplicaSets: rolling, recreating, and scaling in proportion.
 *
 * The arithmetic is that of Kubernetes' `rolling.go`, `recreate.go` and `deployment_util.go`. Invariants of a
 * rolling step: never more pods wanted than replicas + maxSurge, never fewer available than replicas -
 * maxUnavailable because of it.
 */
import type { Deployment } from '../../../api/apps/deployment.ts'
import { ReplicaSet } from '../../../api/apps/replica-set.ts'
import type { Command } from '../plan.ts'
import {
  byCreation,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  maxSurge,
  maxUnavailable,
  newestReplicas,
  type ReplicaSets,
  replicaAnnotations,
  replicasOf,
  sum,
} from './sizes.ts'

const availableOf = (set: ReplicaSet): number => set.status?.availableReplicas ?? 0
/** The next step of a rolling update: scale the newest up, or else the old ones down. */
export const rollingStep = (
  deployment: Deployment,
  newest: ReplicaSet,
  old: readonly ReplicaSet[],
): Command[] => {
  const wanted = replicasOf(deployment)
  const current = replicasOf(newest)
  const next = current > wanted ? wanted : newestReplicas(deployment, current, old)
  if (next !== current) return [scale(deployment, newest, next)]
  return oldSizes(deployment, newest, old).map(([set, size]) => scale(deployment, set, size))
}

/** Unhealthy old replicas go first, then as many healthy ones as availability allows. */
const oldSizes = (
  deployment: Deployment,
  newest: ReplicaSet,
  old: readonly ReplicaSet[],
): [ReplicaSet, number][] => {
  const active = old.filter((set) => replicasOf(set) > 0).sort(byCreation)
  if (active.length === 0) return []
  const all = [...active, newest]
  const minAvailable = replicasOf(deployment) - maxUnavailable(deployment)
  const unavailableNew = replicasOf(newest) - availableOf(newest)
  const removable = sum(all, replicasOf) - minAvailable - unavailableNew
  if (removable <= 0) return []
  const sizes = new Map(active.map((set) => [set, replicasOf(set)]))
  shrink(sizes, removable, (set, size) => size - availableOf(set))
  const healthy = sum(all, availableOf) - minAvailable
  if (healthy > 0) shrink(sizes, healthy, (_set, size) => size)
  return [...sizes].filter(([set, size]) => size !== replicasOf(set))
}

/** Takes at most `budget` replicas away, `spare` of each, in the order of the map. */
const shrink = (
  sizes: Map<ReplicaSet, number>,
  budget: number,
  spare: (set: ReplicaSet, size: number) => number,
): void => {
  let left = budget
  for (const [set, size] of sizes) {
    const less = Math.min(left, Math.max(0, spare(set, size)))
    if (less === 0) continue
    sizes.set(set, size - less)
    left -= less
  }
}

/** A recreation scales all old ReplicaSets down before the new one comes up. */
export const recreateStep = (deployment: Deployment, old: readonly ReplicaSet[]): Command[] =>
  old.filter((set) => replicasOf(set) > 0).map((set) => scale(deployment, set, 0))

/** Whether the Deployment's size changed since its ReplicaSets were last scaled. */
export const isScalingEvent = (deployment: Deployment, { newest, old }: ReplicaSets): boolean =>
  [...old, ...(newest ? [newest] : [])].some((set) => {
    const desired = annotation(set, DESIRED_REPLICAS)
    return replicasOf(set) > 0 && desired !== undefined && desired !== replicasOf(deployment)
  })

/** Spreads a change of size over all active ReplicaSets by their share. */
export const scaleProportionally = (deployment: Deployment, sets: ReplicaSets): Command[] => {
  const wanted = replicasOf(deployment)
  const { newest, old } = sets
  const active = [...old, ...(newest ? [newest] : [])].filter((set) => replicasOf(set) > 0)
  if (active.length <= 1) {
    const only = active[0] ?? newest ?? old.at(-1)
    return only && needsScale(deployment, only, wanted) ? [scale(deployment, only, wanted)] : []
  }
  if (newest && isSaturated(deployment, newest))
    return active.filter((set) => set !== newest).map((set) => scale(deployment, set, 0))
  if (deployment.spec?.strategy?.type === 'Recreate') return []
  return proportionalSizes(deployment, active)
    .filter(([set, size]) => needsScale(deployment, set, size))
    .map(([set, size]) => scale(deployment, set, size))
}

const isSaturated = (deployment: Deployment, set: ReplicaSet): boolean => {
  const wanted = replicasOf(deployment)
  return (
    annotation(set, DESIRED_REPLICAS) === wanted &&
    replicasOf(set) === wanted &&
    availableOf(set) === wanted
  )
}

const proportionalSizes = (
  deployment: Deployment,
  active: readonly ReplicaSet[],
): [ReplicaSet, number][] => {
  const wanted = replicasOf(deployment)
  const allowed = wanted > 0 ? wanted + maxSurge(deployment) : 0
  const toAdd = allowed - sum(active, replicasOf)
  const newerFirst = toAdd > 0 ? -1 : 1
  const sorted = [...active].sort(
    (one, other) => replicasOf(other) - replicasOf(one) || newerFirst * byCreation(one, other),
  )
  let added = 0
  const sizes = sorted.map((set): [ReplicaSet, number] => {
    const share = toAdd === 0 ? 0 : proportion(deployment, set, toAdd, added)
    added += share
    return [set, replicasOf(set) + share]
  })
  const largest = sizes[0]
  if (largest) largest[1] = Math.max(0, largest[1] + toAdd - added)
  return sizes
}

const proportion = (
  deployment: Deployment,
  set: ReplicaSet,
  toAdd: number,
  added: number,
): number => {
  const share = fraction(deployment, set)
  return toAdd > 0 ? Math.min(share, toAdd - added) : Math.max(share, toAdd - added)
}

/** What the set grows by when the whole Deployment goes from its former maximum to its present one. */
const fraction = (deployment: Deployment, set: ReplicaSet): number => {
  const wanted = replicasOf(deployment)
  if (wanted === 0) return -replicasOf(set)
  const before = annotation(set, MAX_REPLICAS) || deployment.status?.replicas
  if (!before) return 0
  return Math.round((replicasOf(set) * (wanted + maxSurge(deployment))) / before) - replicasOf(set)
}

const annotation = (set: ReplicaSet, key: string): number | undefined => {
  const text = set.metadata.annotations?.[key]
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined
}

const needsScale = (deployment: Deployment, set: ReplicaSet, size: number): boolean => {
  const annotations = replicaAnnotations(deployment)
  return (
    replicasOf(set) !== size ||
    Object.entries(annotations).some(([key, value]) => set.metadata.annotations?.[key] !== value)
  )
}

const scale = (deployment: Deployment, set: ReplicaSet, size: number): Command => {
  const before = replicasOf(set)
  const annotations = { ...set.metadata.annotations, ...replicaAnnotations(deployment) }
  return {
    verb: 'update',
    kind: ReplicaSet,
    object: {
      ...set,
      metadata: { ...set.metadata, annotations },
      spec: { ...set.spec, replicas: size },
    } as ReplicaSet,
    onSuccess: () =>
      before === size
        ? undefined
        : {
            object: deployment,
            type: 'Normal',
            reason: 'ScalingReplicaSet',
            message: `Scaled ${size > before ? 'up' : 'down'} replica set ${set.metadata.name} from ${before} to ${size}`,
          },
  }
}
