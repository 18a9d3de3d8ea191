/**
 * Which ReplicaSet stands for which revision of a Deployment's template.
 *
 * Rules and annotations are those of Kubernetes' `deployment_util.go` and `sync.go`. Invariant: the newest
 * revision is the ReplicaSet whose template equals the Deployment's, so undoing a rollout finds the old
 * ReplicaSet again and gives it the next revision number.
 */
import { Deployment } from '../../../api/apps/deployment.ts'
import { ReplicaSet } from '../../../api/apps/replica-set.ts'
import { deepEqual } from '../../../api/equality.ts'
import { controllerOf } from '../../../api/meta.ts'
import { podTemplateHash } from '../../../api/template-hash.ts'
import type { View } from '../../../client/view.ts'
import { isTerminating } from '../apply.ts'
import { controllerReference } from '../ownership.ts'
import type { Command } from '../plan.ts'
import {
  byCreation,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  newestReplicas,
  type ReplicaSets,
  replicaAnnotations,
} from './sizes.ts'
import { condition, hasDeadline, withCondition } from './status.ts'

const HASH_LABEL = 'pod-template-hash'
const REVISION = 'deployment.kubernetes.io/revision'
const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history'
const NOT_COPIED = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  'deprecated.deployment.rollback.to',
])
const REVISION_HISTORY_LENGTH_MAX = 2000
const NO_LIMIT = 2_147_483_647

export const findReplicaSets = (
  deployment: Deployment,
  owned: readonly ReplicaSet[],
): ReplicaSets => {
  const sets = [...owned].sort(byCreation)
  const template = comparable(deployment.spec?.template)
  const newest = sets.find((set) => deepEqual(comparable(set.spec?.template), template))
  return { newest, old: sets.filter((set) => set !== newest) }
}

type Template = NonNullable<ReplicaSet['spec']>['template']

/** A template without the hash label; labels and annotations that are empty count as absent. */
const comparable = (template: Template) => {
  const { [HASH_LABEL]: _hash, ...labels } = template?.metadata?.labels ?? {}
  const { annotations, finalizers } = template?.metadata ?? {}
  return { labels, annotations: annotations ?? {}, finalizers, spec: template?.spec }
}

/** Revisions are Go's int64, and may be set by hand: what a Number cannot hold counts. */
const revisionOf = (set: ReplicaSet): bigint => {
  const text = set.metadata.annotations?.[REVISION] ?? ''
  const revision = /^[+-]?\d{1,19}$/.test(text) ? BigInt(text.replace('+', '')) : 0n
  return BigInt.asIntN(64, revision) === revision ? revision : 0n
}

const revisionAfter = (old: readonly ReplicaSet[]): bigint => {
  let highest = 0n
  for (const revision of old.map(revisionOf)) if (revision > highest) highest = revision
  return highest + 1n
}

const byRevision = (one: ReplicaSet, other: ReplicaSet): number =>
  Number(revisionOf(one) - revisionOf(other))

const newestName = (deployment: Deployment): string =>
  `${deployment.metadata.name}-${hashOf(deployment)}`

const hashOf = ({ spec, status }: Deployment): string =>
  podTemplateHash(spec?.template, status?.collisionCount)

/** Whether the name of the next ReplicaSet belongs to another one. */
export const isTaken = (deployment: Deployment, view: View): boolean => {
  const taken = view.get(ReplicaSet, deployment.metadata.namespace, newestName(deployment))
  return taken !== undefined && !isSame(deployment, taken)
}

const isSame = (deployment: Deployment, set: ReplicaSet): boolean =>
  controllerOf(set)?.uid === deployment.metadata.uid &&
  deepEqual(comparable(set.spec?.template), comparable(deployment.spec?.template))

/** Raises status.collisionCount, which gives the next ReplicaSet another name. */
export const collisionCommand = (deployment: Deployment): Command => {
  const collisionCount = (deployment.status?.collisionCount ?? 0) + 1
  const status = { ...deployment.status, collisionCount }
  return { verb: 'updateStatus', kind: Deployment, object: { ...deployment, status } as Deployment }
}

/** Creates the ReplicaSet of the current template, sized as the rollout allows at once. */
export const createNewest = (
  stored: Deployment,
  wanted: Deployment,
  old: readonly ReplicaSet[],
  now: number,
): Command[] => {
  const name = newestName(wanted)
  const replicas = newestReplicas(wanted, 0, old)
  const revision = String(revisionAfter(old))
  const report = (message: string, type: 'Normal' | 'Warning', reason: string) => ({
    object: stored,
    type,
    reason,
    message,
  })
  const progress = (status: 'True' | 'False', reason: string, message: string): Command[] =>
    hasDeadline(wanted)
      ? [progressStatus(stored, wanted, condition('Progressing', status, reason, message, now))]
      : []
  const failed = (error: Error) => `Failed to create new replica set "${name}": ${error.message}`
  return [
    {
      verb: 'create',
      kind: ReplicaSet,
      object: newestDraft(wanted, name, replicas, revision),
      onSuccess: () =>
        replicas > 0
          ? report(
              `Scaled up replica set ${name} from 0 to ${replicas}`,
              'Normal',
              'ScalingReplicaSet',
            )
          : undefined,
      onFailure: (error) =>
        isTerminating(error)
          ? undefined
          : {
              report: report(failed(error), 'Warning', 'ReplicaSetCreateError'),
              commands: progress('False', 'ReplicaSetCreateError', failed(error)),
            },
    },
    ...progress('True', 'NewReplicaSetCreated', `Created new replica set "${name}"`),
    revisionCommand(stored, revision),
  ]
}

const progressStatus = (
  stored: Deployment,
  wanted: Deployment,
  progressing: ReturnType<typeof condition>,
): Command => ({
  verb: 'updateStatus',
  kind: Deployment,
  object: {
    ...stored,
    status: {
      ...stored.status,
      conditions: withCondition(wanted.status?.conditions ?? [], progressing),
    },
  } as Deployment,
})

const newestDraft = (deployment: Deployment, name: string, replicas: number, revision: string) => {
  const { template, selector, minReadySeconds } = deployment.spec!
  const hash = hashOf(deployment)
  const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash }
  const { creationTimestamp: _none, ...metadata } = template.metadata ?? {}
  return {
    metadata: {
      name,
      namespace: deployment.metadata.namespace!,
      labels,
      annotations: {
        ...copiedAnnotations(deployment),
        [REVISION]: revision,
        ...replicaAnnotations(deployment),
      },
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas,
      ...(minReadySeconds ? { minReadySeconds } : {}),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } },
      template: { ...template, metadata: { ...metadata, labels } },
    },
  }
}

const copiedAnnotations = ({ metadata }: Deployment): Record<string, string> =>
  Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).filter(([key]) => !NOT_COPIED.has(key)),
  )

/** Brings annotations and minReadySeconds of the newest ReplicaSet up to date, if they are not. */
export const annotateNewest = (
  deployment: Deployment,
  newest: ReplicaSet,
  old: readonly ReplicaSet[],
): Command | undefined => {
  const before = newest.metadata.annotations ?? {}
  const annotations = { ...before, ...copiedAnnotations(deployment) }
  const revision = revisionAfter(old)
  if (revisionOf(newest) < revision) {
    annotations[REVISION] = String(revision)
    if (before[REVISION])
      annotations[REVISION_HISTORY] = historyWith(before[REVISION_HISTORY], before[REVISION])
  }
  const minReadySeconds = deployment.spec?.minReadySeconds ?? 0
  if (deepEqual(before, annotations) && (newest.spec?.minReadySeconds ?? 0) === minReadySeconds)
    return undefined
  const object = {
    ...newest,
    metadata: { ...newest.metadata, annotations },
    spec: { ...newest.spec!, minReadySeconds },
  }
  return { verb: 'update', kind: ReplicaSet, object }
}

/** The oldest revisions go when the list grows too long. */
const historyWith = (history: string | undefined, revision: string): string => {
  const revisions = [...(history ? history.split(',') : []), revision]
  while (revisions.join(',').length > REVISION_HISTORY_LENGTH_MAX) revisions.shift()
  return revisions.join(',')
}

/** Writes the newest revision on the Deployment, if it is not there. */
export const setRevision = (
  deployment: Deployment,
  newest: ReplicaSet | undefined,
): Command | undefined => {
  const revision = newest?.metadata.annotations?.[REVISION]
  return revision === undefined || deployment.metadata.annotations?.[REVISION] === revision
    ? undefined
    : revisionCommand(deployment, revision)
}

/** By way of the status, as in Kubernetes: an annotation written otherwise raises the generation. */
const revisionCommand = (deployment: Deployment, revision: string): Command => ({
  verb: 'patch',
  kind: Deployment,
  object: deployment,
  type: 'merge',
  subresource: 'status',
  patch: { metadata: { annotations: { [REVISION]: revision } } },
})

/** Deletes the oldest unused revisions beyond revisionHistoryLimit. */
export const cleanUp = (deployment: Deployment, old: readonly ReplicaSet[]): Command[] => {
  const limit = deployment.spec?.revisionHistoryLimit
  if (limit === undefined || limit === NO_LIMIT) return []
  const alive = old.filter(({ metadata }) => !metadata.deletionTimestamp)
  return [...alive]
    .sort((one, other) => byRevision(one, other) || byCreation(one, other))
    .slice(0, Math.max(0, alive.length - limit))
    .filter(
      ({ spec, status, metadata }) =>
        !spec?.replicas &&
        !status?.replicas &&
        (metadata.generation ?? 0) <= (status?.observedGeneration ?? 0),
    )
    .map((object) => ({ verb: 'delete', kind: ReplicaSet, object }))
}
