/**
 * Removes pods that nobody will ever end: on nodes that are gone, terminating without a node, and the oldest
 * finished ones beyond a threshold (Kubernetes' `pkg/controller/podgc`).
 *
 * A node must be gone for a while first, since an agent that comes back finds its pods again. Keys are
 * `node:<name>`, `pod:<namespace>/<name>` and `finished`. Invariant: a pod that may still run on a living node
 * is never force-deleted.
 */
import { Node } from '../../api/core/node.ts'
import { Pod } from '../../api/core/pod.ts'
import { objectKey } from '../../api/meta.ts'
import type { Change, View } from '../../client/view.ts'
import { timestamp } from '../../std/clock.ts'
import { type Controller, splitKey } from './controller.ts'
import { type Command, NOTHING, type Plan } from './plan.ts'
import { isFinished, patchPodStatus } from './pods.ts'

const QUARANTINE_MS = 40_000
const DELETIONS_MAX = 500

export interface PodGarbageOptions {
  /** Finished pods that may stay; Kubernetes' `--terminated-pod-gc-threshold`. */
  finishedMax: number
}

export const podGarbage = ({ finishedMax }: PodGarbageOptions): Controller => {
  /** When each missing node was first missed, in ms. */
  const missed = new Map<string, number>()
  const finished = new Set<string>()

  const count = ({ type, object }: Change): string[] => {
    const key = objectKey(object)
    if (type === 'DELETED' || !isFinished(object as Pod)) finished.delete(key)
    else finished.add(key)
    return finished.size > finishedMax ? ['finished'] : []
  }

  return {
    name: 'podgarbage',
    component: 'pod-garbage-collector',
    watches: [
      { kind: Node, keys: ({ object }) => [`node:${object.metadata.name}`] },
      { kind: Pod, keys: (change, cache) => [...count(change), ...podKeys(change, cache)] },
    ],
    intervalMs: 100,
    reconcile: (_object, key, view, now) => {
      if (key === 'finished') return { commands: oldestFinished(finished, finishedMax, view) }
      const name = key.slice(key.indexOf(':') + 1)
      if (key.startsWith('pod:')) return { commands: unscheduled(name, view) }
      const since = missed.get(name)
      if (view.get(Node, undefined, name)) missed.delete(name)
      else if (since === undefined) missed.set(name, now)
      return ofNode(name, view, missed.get(name), now)
    },
  }
}

const podKeys = ({ type, object }: Change, cache: View): string[] => {
  const pod = object as Pod
  const node = pod.spec?.nodeName
  if (type === 'DELETED') return []
  if (node) return cache.get(Node, undefined, node) ? [] : [`node:${node}`]
  return pod.metadata.deletionTimestamp ? [`pod:${objectKey(pod)}`] : []
}

const ofNode = (name: string, view: View, since: number | undefined, now: number): Plan => {
  if (since === undefined) return NOTHING
  const pods = view.list(Pod, { node: name })
  if (pods.length === 0) return NOTHING
  const waitMs = since + QUARANTINE_MS - now
  if (waitMs > 0) return { commands: [], requeueAfterMs: waitMs }
  const some = pods.slice(0, DELETIONS_MAX)
  return {
    commands: [
      ...some.filter((pod) => !isFinished(pod)).map(failed(now)),
      ...some.map(forceDelete),
    ],
    requeueAfterMs: 1000,
  }
}

const failed =
  (now: number) =>
  (pod: Pod): Command =>
    patchPodStatus(pod, {
      phase: 'Failed',
      conditions: [
        {
          type: 'DisruptionTarget',
          status: 'True',
          reason: 'DeletionByPodGC',
          message: 'PodGC: node no longer exists',
          lastTransitionTime: timestamp(now),
        },
      ],
    })

const forceDelete = (pod: Pod): Command => ({
  verb: 'delete',
  kind: Pod,
  object: pod,
  options: { gracePeriodSeconds: 0 },
})

const unscheduled = (key: string, view: View): Command[] => {
  const { namespace, name } = splitKey(key)
  const pod = view.get(Pod, namespace, name)
  return pod?.metadata.deletionTimestamp && !pod.spec?.nodeName ? [forceDelete(pod)] : []
}

/** Keys whose pods went while nobody counted are dropped on the way. */
const oldestFinished = (finished: Set<string>, finishedMax: number, view: View) => {
  const pods = [...finished].flatMap((key) => {
    const { namespace, name } = splitKey(key)
    const pod = view.get(Pod, namespace, name)
    if (!pod) finished.delete(key)
    return pod ? [pod] : []
  })
  const isEvicted = ({ status }: Pod) => status?.reason === 'Evicted'
  return pods
    .sort(
      (one, other) =>
        Number(isEvicted(other)) - Number(isEvicted(one)) ||
        (one.metadata.creationTimestamp < other.metadata.creationTimestamp ? -1 : 1),
    )
    .slice(0, Math.min(DELETIONS_MAX, Math.max(0, pods.length - finishedMax)))
    .map(forceDelete)
}
