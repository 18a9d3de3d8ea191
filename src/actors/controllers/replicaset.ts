/**
 * Keeps spec.replicas pods alive for each ReplicaSet (Kubernetes' `pkg/controller/replicaset`).
 *
 * Invariant: it counts what the view shows and plans at most BURST_MAX writes a look. It writes status only
 * when nothing else is left to do; a failed burst writes the ReplicaFailure condition.
 */
import { ReplicaSet } from '../../api/apps/replica-set.ts'
import { Pod } from '../../api/core/pod.ts'
import { deepEqual } from '../../api/equality.ts'
import { controllerOf, objectKey } from '../../api/meta.ts'
import { labelSelectorOf, matchesLabels } from '../../api/selector.ts'
import type { Change, View } from '../../client/view.ts'
import { timestamp } from '../../std/clock.ts'
import { isTerminating as isNamespaceTerminating } from './apply.ts'
import { defineController } from './controller.ts'
import { claim, controllerReference } from './ownership.ts'
import { type Command, NOTHING } from './plan.ts'
import {
  availableInMs,
  isActive,
  isReady,
  isTerminating,
  podsPerNode,
  podsToDelete,
} from './pods.ts'

const BURST_MAX = 500

export const replicaSet = defineController<ReplicaSet>({
  name: 'replicaset',
  component: 'replicaset-controller',
  for: ReplicaSet,
  owns: [Pod],
  watches: [{ kind: Pod, keys: (change, cache) => orphanKeys(change, cache) }],
  intervalMs: 25,
  reconcile: (set, _key, view, now) => {
    if (!set) return NOTHING
    const selector = labelSelectorOf(set.spec?.selector)
    const { namespace, uid } = set.metadata
    const claimed = claim(
      set,
      selector,
      Pod,
      view.list(Pod, { owner: uid }),
      view.list(Pod, { namespace: namespace!, labels: selector }),
    )
    if (claimed.commands.length > 0) return { commands: claimed.commands }
    const active = claimed.owned.filter(isActive)
    const status = statusOf(set, active, claimed.owned.filter(isTerminating).length, now)
    const requeueAfterMs = nextAvailableMs(set, active, now)
    const commands = set.metadata.deletionTimestamp
      ? []
      : replicaCommands(set, active, status, view, now)
    if (commands.length === 0) {
      const next = withoutFailure(status)
      if (!deepEqual(next, set.status)) commands.push(updateStatus(set, next))
    }
    return { commands, ...(requeueAfterMs === undefined ? {} : { requeueAfterMs }) }
  },
})

type Status = NonNullable<ReplicaSet['status']>

/** Creates what is missing, or deletes what is too much. */
const replicaCommands = (
  set: ReplicaSet,
  active: readonly Pod[],
  status: Status,
  view: View,
  now: number,
): Command[] => {
  const difference = active.length - (set.spec?.replicas ?? 1)
  if (difference < 0) {
    const draft = podDraft(set)
    const create = createPod(set, draft, status, now)
    return Array.from({ length: Math.min(-difference, BURST_MAX) }, () => create)
  }
  if (difference === 0) return []
  return podsToDelete(
    active,
    Math.min(difference, BURST_MAX),
    podsPerNode(relatedPods(set, active, view)),
    now,
  ).map((pod) => deletePod(set, pod, status, now))
}

/** The pods of all ReplicaSets with the same controller, e.g. of one Deployment. */
const relatedPods = (set: ReplicaSet, own: readonly Pod[], view: View): readonly Pod[] => {
  const owner = controllerOf(set)
  if (!owner) return own
  return view
    .list(ReplicaSet, { owner: owner.uid })
    .flatMap((sibling) => view.list(Pod, { owner: sibling.metadata.uid }))
}

const podDraft = (set: ReplicaSet) => {
  const template = set.spec?.template
  const { labels, annotations, finalizers } = template?.metadata ?? {}
  return {
    metadata: {
      namespace: set.metadata.namespace!,
      generateName: `${set.metadata.name}-`,
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ...(finalizers ? { finalizers } : {}),
      ownerReferences: [controllerReference(set)],
    },
    spec: template?.spec,
  }
}

const createPod = (
  set: ReplicaSet,
  object: ReturnType<typeof podDraft>,
  status: Status,
  now: number,
): Command => ({
  verb: 'create',
  kind: Pod,
  object,
  onSuccess: (pod) => ({
    object: set,
    type: 'Normal',
    reason: 'SuccessfulCreate',
    message: `Created pod: ${pod?.metadata.name}`,
  }),
  onFailure: (error) =>
    isNamespaceTerminating(error)
      ? undefined
      : {
          report: {
            object: set,
            type: 'Warning',
            reason: 'FailedCreate',
            message: `Error creating: ${error.message}`,
          },
          commands: failureCommands(set, status, 'FailedCreate', error, now),
        },
})

const deletePod = (set: ReplicaSet, pod: Pod, status: Status, now: number): Command => ({
  verb: 'delete',
  kind: Pod,
  object: pod,
  onSuccess: () => ({
    object: set,
    type: 'Normal',
    reason: 'SuccessfulDelete',
    message: `Deleted pod: ${pod.metadata.name}`,
  }),
  onFailure: (error) => ({
    report: {
      object: set,
      type: 'Warning',
      reason: 'FailedDelete',
      message: `Error deleting: ${error.message}`,
    },
    commands: failureCommands(set, status, 'FailedDelete', error, now),
  }),
})

const failureCommands = (
  set: ReplicaSet,
  status: Status,
  reason: string,
  error: Error,
  now: number,
): Command[] => {
  if (status.conditions?.some(({ type }) => type === 'ReplicaFailure')) return []
  const failure = {
    type: 'ReplicaFailure',
    status: 'True',
    lastTransitionTime: timestamp(now),
    reason,
    message: error.message,
  }
  return [updateStatus(set, { ...status, conditions: [...(status.conditions ?? []), failure] })]
}

const updateStatus = (set: ReplicaSet, status: Status): Command => ({
  verb: 'updateStatus',
  kind: ReplicaSet,
  object: { ...set, status } as ReplicaSet,
})

/** The status that the pods amount to; zero counts that Kubernetes omits are absent. */
const statusOf = (
  set: ReplicaSet,
  active: readonly Pod[],
  terminatingReplicas: number,
  now: number,
): Status => {
  const template = Object.entries(set.spec?.template?.metadata?.labels ?? {})
  const minReadySeconds = set.spec?.minReadySeconds ?? 0
  let labeled = 0
  let ready = 0
  let available = 0
  for (const pod of active) {
    if (template.every(([key, value]) => pod.metadata.labels?.[key] === value)) labeled++
    if (!isReady(pod)) continue
    ready++
    if (availableInMs(pod, minReadySeconds, now) === 0) available++
  }
  const { generation } = set.metadata
  const conditions = set.status?.conditions
  return {
    replicas: active.length,
    ...(labeled ? { fullyLabeledReplicas: labeled } : {}),
    ...(ready ? { readyReplicas: ready } : {}),
    ...(available ? { availableReplicas: available } : {}),
    terminatingReplicas,
    ...(generation ? { observedGeneration: generation } : {}),
    ...(conditions ? { conditions } : {}),
  }
}

const withoutFailure = (status: Status): Status => {
  const { conditions, ...rest } = status
  const kept = (conditions ?? []).filter(({ type }) => type !== 'ReplicaFailure')
  return kept.length > 0 ? { ...rest, conditions: kept } : rest
}

/** Time until the next ready pod has been ready long enough. */
const nextAvailableMs = (set: ReplicaSet, active: readonly Pod[], now: number) => {
  const minReadySeconds = set.spec?.minReadySeconds ?? 0
  if (minReadySeconds === 0) return undefined
  let next: number | undefined
  for (const pod of active) {
    const waitMs = availableInMs(pod, minReadySeconds, now)
    if (waitMs && (next === undefined || waitMs < next)) next = waitMs
  }
  return next
}

/** The ReplicaSets that may adopt a pod without controller. */
const orphanKeys = ({ type, object }: Change, cache: View): string[] => {
  if (type === 'DELETED' || controllerOf(object) || !object.metadata.labels) return []
  return cache
    .list(ReplicaSet, { namespace: object.metadata.namespace! })
    .filter((set) => matchesLabels(labelSelectorOf(set.spec?.selector), object.metadata.labels))
    .map(objectKey)
}
