/**
 * Deletes pods that do not tolerate a NoExecute taint of their node, or no longer (Kubernetes'
 * `pkg/controller/tainteviction`).
 *
 * Invariant: a pod goes at the earliest time that one of the tolerations it needs runs out, counted from when
 * the taint came or the pod did, whichever is later; a taint that goes in time spares it.
 */
import { Node } from '../../../api/core/node.ts'
import { Pod } from '../../../api/core/pod.ts'
import { deepEqual } from '../../../api/equality.ts'
import { objectKey } from '../../../api/meta.ts'
import type { Cache, Change } from '../../../client/view.ts'
import { timestamp } from '../../../std/clock.ts'
import { defineController } from '../controller.ts'
import { type Command, NOTHING } from '../plan.ts'
import { patchPodStatus } from '../pods.ts'
import type { Taint } from './taints.ts'

type Toleration = NonNullable<NonNullable<Pod['spec']>['tolerations']>[number]

export const taintEviction = defineController<Pod>({
  name: 'tainteviction',
  component: 'taint-eviction-controller',
  for: Pod,
  watches: [{ kind: Node, keys: (change, cache) => podsOnTainted(change, cache) }],
  concerns: ({ type, object, previous }) => {
    const pod = object as Pod
    const before = previous as Pod | undefined
    return (
      type !== 'DELETED' &&
      pod.spec?.nodeName !== undefined &&
      (before?.spec?.nodeName !== pod.spec.nodeName ||
        !deepEqual(before.spec.tolerations, pod.spec.tolerations))
    )
  },
  reconcile: (pod, _key, view, now) => {
    const node = pod?.spec?.nodeName
    if (!pod || !node || pod.metadata.deletionTimestamp) return NOTHING
    const taints = noExecute(view.get(Node, undefined, node))
    if (taints.length === 0) return NOTHING
    const dueMs = evictionMs(pod, taints, now)
    if (dueMs === undefined) return NOTHING
    if (dueMs > now) return { commands: [], requeueAfterMs: dueMs - now }
    return { commands: evict(pod, now) }
  },
})

const noExecute = (node: Node | undefined): Taint[] =>
  (node?.spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute')

/** When the pod must go, in ms since the epoch; undefined: it may stay. */
const evictionMs = (pod: Pod, taints: readonly Taint[], now: number): number | undefined => {
  const cameMs = Date.parse(pod.status?.startTime ?? pod.metadata.creationTimestamp)
  let dueMs: number | undefined
  for (const taint of taints) {
    const toleration = (pod.spec?.tolerations ?? []).find((item) => tolerates(item, taint))
    if (!toleration) return now
    const { tolerationSeconds } = toleration
    if (tolerationSeconds === undefined) continue
    const sinceMs = Math.max(cameMs, taint.timeAdded ? Date.parse(taint.timeAdded) : cameMs)
    const untilMs = sinceMs + Math.max(0, tolerationSeconds) * 1000
    if (dueMs === undefined || untilMs < dueMs) dueMs = untilMs
  }
  return dueMs
}

const tolerates = (toleration: Toleration, taint: Taint): boolean =>
  (!toleration.effect || toleration.effect === taint.effect) &&
  (!toleration.key || toleration.key === taint.key) &&
  (toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? ''))

const evict = (pod: Pod, now: number): Command[] => [
  patchPodStatus(pod, {
    conditions: [
      {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'DeletionByTaintManager',
        message: 'Taint manager: deleting due to NoExecute taint',
        lastTransitionTime: timestamp(now),
      },
    ],
  }),
  {
    verb: 'delete',
    kind: Pod,
    object: pod,
    onSuccess: () => ({
      object: pod,
      type: 'Normal',
      reason: 'TaintManagerEviction',
      message: `Marking for deletion Pod ${objectKey(pod)}`,
    }),
  },
]

const podsOnTainted = ({ type, object, previous }: Change, cache: Cache): string[] => {
  const node = object as Node
  const taints = noExecute(node)
  if (type === 'DELETED' || taints.length === 0) return []
  if (previous && deepEqual(noExecute(previous as Node), taints)) return []
  return cache.list(Pod, { node: node.metadata.name }).map(objectKey)
}
