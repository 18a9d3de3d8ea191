/**
 * Keeps a number of equal pods alive (Kubernetes' `pkg/controller/replicaset`): what the controllers of
 * ReplicaSets and of ReplicationControllers share. The two differ in the form of their selectors.
 *
 * Invariant: it counts what the view shows and plans at most BURST_MAX writes a look. It writes status only
 * when nothing else is left to do; a failed burst writes the ReplicaFailure condition.
 */
import type { ReplicaSet } from '../../api/apps/replica-set.ts'
import { Pod } from '../../api/core/pod.ts'
import type { ReplicationController } from '../../api/core/replication-controller.ts'
import { deepEqual } from '../../api/equality.ts'
import type { AnyKind, Kind } from '../../api/kind.ts'
import { controllerOf, objectKey } from '../../api/meta.ts'
import { type LabelSelector, matchesLabels } from '../../api/selector.ts'
import type { Change, View } from '../../client/view.ts'
import { timestamp } from '../../std/clock.ts'
import { isTerminating as isNamespaceTerminating } from './apply.ts'
import { defineController } from './controller.ts'
import { claim, controllerReference } from './ownership.ts'
import { type Command, NOTHING, type Plan } from './plan.ts'
import {
  availableInMs,
  isActive,
  isReady,
  isTerminating,
  podsPerNode,
  podsToDelete,
} from './pods.ts'

const BURST_MAX = 500

type ReplicaOwner = ReplicaSet | ReplicationController

export interface ReplicaOwnerRules<T extends ReplicaOwner> {
  name: string
  /** `source.component` of its events. */
  component: string
  kind: Kind<T>
  selectorOf(owner: T): LabelSelector
  /** Whether the kind's status tells `terminatingReplicas`. */
  countsTerminating: boolean
}

/** The controller of a kind whose objects own a number of equal pods. */
export const replicasController = <T extends ReplicaOwner>(rules: ReplicaOwnerRules<T>) =>
  defineController<T>({
    name: rules.name,
    component: rules.component,
    for: rules.kind,
    owns: [Pod],
    watches: [{ kind: Pod, keys: (change, cache) => orphanKeys(rules, change, cache) }],
    intervalMs: 25,
    reconcile: (owner, _key, view, now) => (owner ? reconcile(rules, owner, view, now) : NOTHING),
  })

const reconcile = <T extends ReplicaOwner>(
  { kind, selectorOf, countsTerminating }: ReplicaOwnerRules<T>,
  owner: T,
  view: View,
  now: number,
): Plan => {
  const selector = selectorOf(owner)
  const { namespace, uid } = owner.metadata
  const claimed = claim(
    owner,
    selector,
    Pod,
    view.list(Pod, { owner: uid }),
    view.list(Pod, { namespace: namespace!, labels: selector }),
  )
  if (claimed.commands.length > 0) return { commands: claimed.commands }
  const active = claimed.owned.filter(isActive)
  const terminating = claimed.owned.filter(isTerminating).length
  const status = statusOf(owner, active, countsTerminating ? terminating : undefined, now)
  const requeueAfterMs = nextAvailableMs(owner, active, now)
  const commands = owner.metadata.deletionTimestamp
    ? []
    : replicaCommands({ kind, owner, status, now }, active, view)
  if (commands.length === 0) {
    const next = withoutFailure(status)
    if (!deepEqual(next, owner.status)) commands.push(updateStatus(kind, owner, next))
  }
  return { commands, ...(requeueAfterMs === undefined ? {} : { requeueAfterMs }) }
}

type Status = NonNullable<ReplicaSet['status']>

/** One look at one owner. */
interface Look {
  kind: AnyKind
  owner: ReplicaOwner
  status: Status
  now: number
}

/** Creates what is missing, or deletes what is too much. */
const replicaCommands = (look: Look, active: readonly Pod[], view: View): Command[] => {
  const difference = active.length - (look.owner.spec?.replicas ?? 1)
  if (difference < 0) {
    const create = createPod(look, podDraft(look.owner))
    return Array.from({ length: Math.min(-difference, BURST_MAX) }, () => create)
  }
  if (difference === 0) return []
  return podsToDelete(
    active,
    Math.min(difference, BURST_MAX),
    podsPerNode(relatedPods(look, active, view)),
    look.now,
  ).map((pod) => deletePod(look, pod))
}

/** The pods of all owners of this kind with the same controller, e.g. of one Deployment. */
const relatedPods = ({ kind, owner }: Look, own: readonly Pod[], view: View): readonly Pod[] => {
  const controller = controllerOf(owner)
  if (!controller) return own
  return view
    .list(kind, { owner: controller.uid })
    .flatMap((sibling) => view.list(Pod, { owner: sibling.metadata.uid }))
}

const podDraft = (owner: ReplicaOwner) => {
  const template = owner.spec?.template
  const { labels, annotations, finalizers } = template?.metadata ?? {}
  return {
    metadata: {
      namespace: owner.metadata.namespace!,
      generateName: `${owner.metadata.name}-`,
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ...(finalizers ? { finalizers } : {}),
      ownerReferences: [controllerReference(owner)],
    },
    spec: template?.spec,
  }
}

const createPod = (look: Look, object: ReturnType<typeof podDraft>): Command => ({
  verb: 'create',
  kind: Pod,
  object,
  onSuccess: (pod) => ({
    object: look.owner,
    type: 'Normal',
    reason: 'SuccessfulCreate',
    message: `Created pod: ${pod?.metadata.name}`,
  }),
  onFailure: (error) =>
    isNamespaceTerminating(error)
      ? undefined
      : {
          report: {
            object: look.owner,
            type: 'Warning',
            reason: 'FailedCreate',
            message: `Error creating: ${error.message}`,
          },
          commands: failureCommands(look, 'FailedCreate', error),
        },
})

const deletePod = (look: Look, pod: Pod): Command => ({
  verb: 'delete',
  kind: Pod,
  object: pod,
  onSuccess: () => ({
    object: look.owner,
    type: 'Normal',
    reason: 'SuccessfulDelete',
    message: `Deleted pod: ${pod.metadata.name}`,
  }),
  onFailure: (error) => ({
    report: {
      object: look.owner,
      type: 'Warning',
      reason: 'FailedDelete',
      message: `Error deleting: ${error.message}`,
    },
    commands: failureCommands(look, 'FailedDelete', error),
  }),
})

const failureCommands = (
  { kind, owner, status, now }: Look,
  reason: string,
  error: Error,
): Command[] => {
  if (status.conditions?.some(({ type }) => type === 'ReplicaFailure')) return []
  const failure = {
    type: 'ReplicaFailure',
    status: 'True',
    lastTransitionTime: timestamp(now),
    reason,
    message: error.message,
  }
  const conditions = [...(status.conditions ?? []), failure]
  return [updateStatus(kind, owner, { ...status, conditions })]
}

const updateStatus = (kind: AnyKind, owner: ReplicaOwner, status: Status): Command => ({
  verb: 'updateStatus',
  kind,
  object: { ...owner, status } as ReplicaOwner,
})

/** The status that the pods amount to; zero counts that Kubernetes omits are absent. */
const statusOf = (
  owner: ReplicaOwner,
  active: readonly Pod[],
  terminatingReplicas: number | undefined,
  now: number,
): Status => {
  const template = Object.entries(owner.spec?.template?.metadata?.labels ?? {})
  const minReadySeconds = owner.spec?.minReadySeconds ?? 0
  let labeled = 0
  let ready = 0
  let available = 0
  for (const pod of active) {
    if (template.every(([key, value]) => pod.metadata.labels?.[key] === value)) labeled++
    if (!isReady(pod)) continue
    ready++
    if (availableInMs(pod, minReadySeconds, now) === 0) available++
  }
  const { generation } = owner.metadata
  const conditions = owner.status?.conditions
  return {
    replicas: active.length,
    ...(labeled ? { fullyLabeledReplicas: labeled } : {}),
    ...(ready ? { readyReplicas: ready } : {}),
    ...(available ? { availableReplicas: available } : {}),
    ...(terminatingReplicas === undefined ? {} : { terminatingReplicas }),
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
const nextAvailableMs = (owner: ReplicaOwner, active: readonly Pod[], now: number) => {
  const minReadySeconds = owner.spec?.minReadySeconds ?? 0
  if (minReadySeconds === 0) return undefined
  let next: number | undefined
  for (const pod of active) {
    const waitMs = availableInMs(pod, minReadySeconds, now)
    if (waitMs && (next === undefined || waitMs < next)) next = waitMs
  }
  return next
}

/** Those that may adopt a pod without controller. */
const orphanKeys = <T extends ReplicaOwner>(
  { kind, selectorOf }: ReplicaOwnerRules<T>,
  { type, object }: Change,
  view: View,
): string[] => {
  if (type === 'DELETED' || controllerOf(object) || !object.metadata.labels) return []
  return view
    .list(kind, { namespace: object.metadata.namespace! })
    .filter((owner) => matchesLabels(selectorOf(owner), object.metadata.labels))
    .map(objectKey)
}
