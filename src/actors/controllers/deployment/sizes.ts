/**
 * How large a Deployment and its ReplicaSets want to be: the numbers that every step starts from.
 *
 * Rounding is that of Kubernetes' `deployment_util.go`: maxSurge up, maxUnavailable down. Pure.
 */
import type { Deployment } from '../../../api/apps/deployment.ts'
import type { ReplicaSet } from '../../../api/apps/replica-set.ts'

export interface ReplicaSets {
  newest: ReplicaSet | undefined
  /** Oldest first. */
  old: ReplicaSet[]
}

export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas'
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas'

export const replicasOf = (object: Deployment | ReplicaSet): number => object.spec?.replicas ?? 1

export const sum = (sets: readonly ReplicaSet[], count: (set: ReplicaSet) => number): number =>
  sets.reduce((total, set) => total + count(set), 0)

export const maxSurge = (deployment: Deployment): number => fenceposts(deployment).surge

export const maxUnavailable = (deployment: Deployment): number => {
  const replicas = replicasOf(deployment)
  return replicas === 0 ? 0 : Math.min(fenceposts(deployment).unavailable, replicas)
}

/** maxSurge rounds up, maxUnavailable down; both zero would never get on, so one may be unavailable. */
const fenceposts = (deployment: Deployment): { surge: number; unavailable: number } => {
  const { strategy } = deployment.spec ?? {}
  if (strategy?.type === 'Recreate') return { surge: 0, unavailable: 0 }
  const { maxSurge: surgeOf = '25%', maxUnavailable: unavailableOf = '25%' } =
    strategy?.rollingUpdate ?? {}
  const replicas = replicasOf(deployment)
  const surge = resolve(surgeOf, replicas, Math.ceil)
  const unavailable = resolve(unavailableOf, replicas, Math.floor)
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable }
}

const resolve = (amount: unknown, total: number, round: (value: number) => number): number =>
  typeof amount === 'number' ? amount : round((Number.parseInt(String(amount), 10) * total) / 100)

/** How many replicas the newest ReplicaSet may want now, having `current`. */
export const newestReplicas = (
  deployment: Deployment,
  current: number,
  old: readonly ReplicaSet[],
): number => {
  const wanted = replicasOf(deployment)
  if (deployment.spec?.strategy?.type === 'Recreate') return wanted
  const room = wanted + maxSurge(deployment) - current - sum(old, replicasOf)
  return room <= 0 ? current : current + Math.min(room, wanted - current)
}

/** Oldest first; names decide between equals. */
export const byCreation = (one: ReplicaSet, other: ReplicaSet): number =>
  compare(one.metadata.creationTimestamp, other.metadata.creationTimestamp) ||
  compare(one.metadata.name, other.metadata.name)

const compare = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0)

/** The size the Deployment had when a ReplicaSet was last scaled. */
export const replicaAnnotations = (deployment: Deployment): Record<string, string> => ({
  [DESIRED_REPLICAS]: String(replicasOf(deployment)),
  [MAX_REPLICAS]: String(replicasOf(deployment) + maxSurge(deployment)),
})
