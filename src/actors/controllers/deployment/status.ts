/**
 * A Deployment's status and conditions, from its ReplicaSets' statuses.
 *
 * Reasons, messages and rules are those of Kubernetes' `progress.go` and `deployment_util.go`. Invariant: a
 * condition's lastTransitionTime moves only when its status does. Writes nothing.
 */
import type { Deployment } from '../../../api/apps/deployment.ts'
import type { ReplicaSet } from '../../../api/apps/replica-set.ts'
import { timestamp } from '../../../std/clock.ts'
import { maxUnavailable, type ReplicaSets, replicasOf } from './sizes.ts'

export type DeploymentStatus = NonNullable<Deployment['status']>
type Condition = NonNullable<DeploymentStatus['conditions']>[number]

const NO_DEADLINE = 2_147_483_647

export const hasDeadline = ({ spec }: Deployment): boolean =>
  spec?.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== NO_DEADLINE

export const condition = (
  type: string,
  status: 'True' | 'False' | 'Unknown',
  reason: string,
  message: string,
  now: number,
): Condition => ({
  type,
  status,
  reason,
  message,
  lastUpdateTime: timestamp(now),
  lastTransitionTime: timestamp(now),
})

/** `conditions` with `next` at their end; unchanged when status and reason are the same. */
export const withCondition = (conditions: readonly Condition[], next: Condition): Condition[] => {
  const current = conditions.find(({ type }) => type === next.type)
  if (current?.status === next.status && current.reason === next.reason) return [...conditions]
  const lastTransitionTime =
    current?.status === next.status ? current.lastTransitionTime : next.lastTransitionTime
  return [
    ...without(conditions, next.type),
    { ...next, ...(lastTransitionTime ? { lastTransitionTime } : {}) },
  ]
}

const without = (conditions: readonly Condition[], type: string): Condition[] =>
  conditions.filter((item) => item.type !== type)

const progressing = ({ status }: { status?: DeploymentStatus }): Condition | undefined =>
  status?.conditions?.find(({ type }) => type === 'Progressing')

const adding = (deployment: Deployment, next: Condition): Deployment => ({
  ...deployment,
  status: {
    ...deployment.status,
    conditions: withCondition(deployment.status?.conditions ?? [], next),
  },
})

/** The Deployment with Progressing told apart from paused, when it is estimated at all. */
export const pausedConditions = (deployment: Deployment, now: number): Deployment => {
  const current = progressing(deployment)
  if (!hasDeadline(deployment) || current?.reason === 'ProgressDeadlineExceeded') return deployment
  const isMarked = current?.reason === 'DeploymentPaused'
  const tell = (reason: string, message: string) =>
    adding(deployment, condition('Progressing', 'Unknown', reason, message, now))
  if (deployment.spec?.paused && !isMarked) return tell('DeploymentPaused', 'Deployment is paused')
  if (!deployment.spec?.paused && isMarked)
    return tell('DeploymentResumed', 'Deployment is resumed')
  return deployment
}

/** The Deployment with Progressing begun, when its newest ReplicaSet was there before anybody estimated. */
export const foundNewest = (
  deployment: Deployment,
  newest: ReplicaSet | undefined,
  now: number,
): Deployment => {
  if (!newest || !hasDeadline(deployment) || progressing(deployment)) return deployment
  const message = `Found new replica set "${newest.metadata.name}"`
  return adding(deployment, condition('Progressing', 'True', 'FoundNewReplicaSet', message, now))
}

/** Counts and Available, without estimating progress. */
export const plainStatus = (
  deployment: Deployment,
  { newest, old }: ReplicaSets,
  now: number,
): DeploymentStatus => {
  const all = [...old, ...(newest ? [newest] : [])]
  const total = (count: (set: ReplicaSet) => number | undefined): number =>
    all.reduce((so, set) => so + (count(set) ?? 0), 0)
  const available = total(({ status }) => status?.availableReplicas)
  const isAvailable = available >= replicasOf(deployment) - maxUnavailable(deployment)
  const terminating = all.every(({ status }) => status?.terminatingReplicas !== undefined)
    ? { terminatingReplicas: total(({ status }) => status?.terminatingReplicas) }
    : {}
  return {
    ...counted({
      observedGeneration: deployment.metadata.generation ?? 0,
      replicas: total(({ status }) => status?.replicas),
      updatedReplicas: newest?.status?.replicas ?? 0,
      readyReplicas: total(({ status }) => status?.readyReplicas),
      availableReplicas: available,
      unavailableReplicas: Math.max(0, total(replicasOf) - available),
    }),
    ...terminating,
    ...(deployment.status?.collisionCount === undefined
      ? {}
      : { collisionCount: deployment.status.collisionCount }),
    conditions: withCondition(
      deployment.status?.conditions ?? [],
      isAvailable
        ? condition(
            'Available',
            'True',
            'MinimumReplicasAvailable',
            'Deployment has minimum availability.',
            now,
          )
        : condition(
            'Available',
            'False',
            'MinimumReplicasUnavailable',
            'Deployment does not have minimum availability.',
            now,
          ),
    ),
  }
}

/** Kubernetes leaves zero counts out. */
const counted = (counts: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0))

/** Counts, Available, Progressing and ReplicaFailure during a rollout. */
export const rolloutStatus = (
  deployment: Deployment,
  sets: ReplicaSets,
  now: number,
): DeploymentStatus => {
  const status = plainStatus(deployment, sets, now)
  let conditions = estimated(deployment, status, sets.newest, now)
  const failure = [sets.newest, ...sets.old]
    .flatMap((set) => set?.status?.conditions ?? [])
    .find(({ type }) => type === 'ReplicaFailure')
  if (failure) {
    const { lastTransitionTime } = failure
    const since = lastTransitionTime ? { lastUpdateTime: lastTransitionTime } : {}
    conditions = withCondition(conditions, { ...failure, ...since })
  } else conditions = without(conditions, 'ReplicaFailure')
  return { ...status, conditions }
}

const estimated = (
  deployment: Deployment,
  status: DeploymentStatus,
  newest: ReplicaSet | undefined,
  now: number,
): Condition[] => {
  const conditions = status.conditions ?? []
  if (!hasDeadline(deployment)) return without(conditions, 'Progressing')
  const current = progressing(deployment)
  const isOld = (status.replicas ?? 0) === (status.updatedReplicas ?? 0)
  if (isOld && current?.reason === 'NewReplicaSetAvailable') return conditions
  const what = newest
    ? `ReplicaSet "${newest.metadata.name}"`
    : `Deployment "${deployment.metadata.name}"`
  const tell = (state: 'True' | 'False', reason: string, does: string) =>
    condition('Progressing', state, reason, `${what} ${does}`, now)
  if (isComplete(deployment, status))
    return withCondition(
      conditions,
      tell('True', 'NewReplicaSetAvailable', 'has successfully progressed.'),
    )
  if (isMoving(deployment, status)) {
    const next = tell('True', 'ReplicaSetUpdated', 'is progressing.')
    const since = current?.status === 'True' ? current.lastTransitionTime : undefined
    return [
      ...without(conditions, 'Progressing'),
      { ...next, ...(since ? { lastTransitionTime: since } : {}) },
    ]
  }
  return isTimedOut(deployment, current, now)
    ? withCondition(
        conditions,
        tell('False', 'ProgressDeadlineExceeded', 'has timed out progressing.'),
      )
    : conditions
}

export const isComplete = (deployment: Deployment, status: DeploymentStatus): boolean => {
  const wanted = replicasOf(deployment)
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  )
}

const isMoving = ({ status: before = {} }: Deployment, status: DeploymentStatus): boolean => {
  const oldOnes = ({ replicas = 0, updatedReplicas = 0 }: DeploymentStatus) =>
    replicas - updatedReplicas
  return (
    (status.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    oldOnes(status) < oldOnes(before) ||
    (status.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (status.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  )
}

const isTimedOut = (deployment: Deployment, current: Condition | undefined, now: number) => {
  if (!current || current.reason === 'NewReplicaSetAvailable') return false
  if (current.reason === 'ProgressDeadlineExceeded') return true
  return deadlineMs(deployment, current) < now
}

const deadlineMs = ({ spec }: Deployment, { lastUpdateTime }: Condition): number =>
  Date.parse(lastUpdateTime ?? '') + (spec?.progressDeadlineSeconds ?? 0) * 1000

/** When to look again whether the rollout is stuck, in ms; a second late, since times are whole seconds. */
export const progressCheckMs = (
  deployment: Deployment,
  status: DeploymentStatus,
  now: number,
): number | undefined => {
  const current = progressing(deployment)
  if (!current || !hasDeadline(deployment) || isComplete(deployment, status)) return undefined
  if (current.reason === 'ProgressDeadlineExceeded') return undefined
  return Math.max(0, deadlineMs(deployment, current) - now) + 1000
}
