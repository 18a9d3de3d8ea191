/**
 * What controllers ask about pods: are they active, ready, available, and which leaves first; and how they write a pod's
 * status.
 *
 * The rules are those of Kubernetes' `pkg/api/v1/pod` and `pkg/controller/controller_utils.go`. Pure.
 */
import { Pod } from '../../api/core/pod.ts'
import type { Command } from './plan.ts'

/** Whether the pod counts as a replica: neither finished nor terminating. */
export const isActive = (pod: Pod): boolean => !isFinished(pod) && !pod.metadata.deletionTimestamp

export const isFinished = (pod: Pod): boolean =>
  pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

/** Being deleted, and its containers may still run. */
export const isTerminating = (pod: Pod): boolean =>
  !isFinished(pod) && pod.metadata.deletionTimestamp !== undefined

const readyCondition = (pod: Pod) => pod.status?.conditions?.find(({ type }) => type === 'Ready')

export const isReady = (pod: Pod): boolean => readyCondition(pod)?.status === 'True'

/** Milliseconds until a ready pod counts as available; 0 when it does; undefined when it is not ready. */
export const availableInMs = (pod: Pod, minReadySeconds: number, now: number) => {
  const ready = readyCondition(pod)
  if (ready?.status !== 'True') return undefined
  if (minReadySeconds === 0) return 0
  if (!ready.lastTransitionTime) return undefined
  return Math.max(0, Date.parse(ready.lastTransitionTime) + minReadySeconds * 1000 - now)
}

/** How many active pods of `related` each node runs. */
export const podsPerNode = (related: readonly Pod[]): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const pod of related) {
    const node = pod.spec?.nodeName
    if (node && isActive(pod)) counts.set(node, (counts.get(node) ?? 0) + 1)
  }
  return counts
}

/** The `count` pods that leave first (`ActivePodsWithRanks`), best candidates first. */
export const podsToDelete = (
  pods: readonly Pod[],
  count: number,
  perNode: ReadonlyMap<string, number>,
  now: number,
): Pod[] => {
  if (count >= pods.length) return [...pods]
  return pods
    .map((pod) => ({ pod, rank: leavingRank(pod, perNode, now) }))
    .sort((one, other) => {
      for (let i = 0; i < one.rank.length; i++) {
        const difference = one.rank[i]! - other.rank[i]!
        if (difference !== 0) return difference
      }
      return one.pod.metadata.uid < other.pod.metadata.uid ? -1 : 1
    })
    .slice(0, count)
    .map(({ pod }) => pod)
}

const PHASES: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 }
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost'

/** Compared from left to right; the lower leaves first. Times count by powers of two of their age. */
const leavingRank = (pod: Pod, perNode: ReadonlyMap<string, number>, now: number): number[] => {
  const node = pod.spec?.nodeName
  const ready = readyCondition(pod)
  const isUp = ready?.status === 'True'
  return [
    node ? 1 : 0,
    PHASES[pod.status?.phase ?? 'Pending'] ?? 0,
    isUp ? 1 : 0,
    deletionCost(pod),
    -(perNode.get(node ?? '') ?? 0),
    isUp ? ageRank(ready.lastTransitionTime, now) : 0,
    -restarts(pod),
    ageRank(pod.metadata.creationTimestamp, now),
  ]
}

const deletionCost = (pod: Pod): number => {
  const text = pod.metadata.annotations?.[DELETION_COST] ?? ''
  return /^(0|-?[1-9][0-9]*)$/.test(text) ? Number(text) : 0
}

const restarts = (pod: Pod): number =>
  Math.max(0, ...(pod.status?.containerStatuses ?? []).map(({ restartCount }) => restartCount))

const ageRank = (time: string | undefined, now: number): number => {
  const ageMs = now - (time ? Date.parse(time) : 0)
  return ageMs <= 0 ? -1 : Math.floor(Math.log2(ageMs * 1_000_000))
}

/** Changes the named fields of a pod's status; conditions are merged by type. */
export const patchPodStatus = (pod: Pod, status: Partial<NonNullable<Pod['status']>>): Command => ({
  verb: 'patch',
  kind: Pod,
  object: pod,
  type: 'strategic',
  subresource: 'status',
  patch: { metadata: { uid: pod.metadata.uid }, status },
})
