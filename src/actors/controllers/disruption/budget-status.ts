/**
 * What the status of a PodDisruptionBudget says: how many pods are healthy, have to be, and may be evicted.
 *
 * After Kubernetes' `pkg/controller/disruption` and `component-helpers/apps/poddisruptionbudget`. Pure.
 */
import type { Pod } from '../../../api/core/pod.ts'
import { deepEqual } from '../../../api/equality.ts'
import type { PodDisruptionBudget } from '../../../api/policy/pod-disruption-budget.ts'
import { timestamp } from '../../../std/clock.ts'
import type { Report } from '../plan.ts'
import { isReady } from '../pods.ts'

/** An eviction whose pod was not deleted by then has come to nothing. */
const DELETION_MS = 2 * 60_000

export type BudgetStatus = NonNullable<PodDisruptionBudget['status']>
type Condition = NonNullable<BudgetStatus['conditions']>[number]

/** How many pods there should be, and how many of them healthy. */
export interface Expectation {
  expected: number
  desired: number
}

export interface Disrupted {
  pods: Record<string, string>
  /** Milliseconds until one of them has come to nothing; undefined without any. */
  recheckInMs: number | undefined
  reports: Report[]
}

/** The evictions that were granted and are still to be seen. */
export const disruptedPods = (
  { metadata, status }: PodDisruptionBudget,
  pods: readonly Pod[],
  now: number,
): Disrupted => {
  const found: Disrupted = { pods: {}, recheckInMs: undefined, reports: [] }
  const granted = status?.disruptedPods ?? {}
  for (const pod of pods) {
    const { name, deletionTimestamp } = pod.metadata
    const since = granted[name]
    if (deletionTimestamp !== undefined || since === undefined) continue
    const leftMs = Date.parse(since) + DELETION_MS - now
    if (leftMs < 0) {
      // Kubernetes names the namespace twice.
      const message = `Pod was expected by PDB ${metadata.namespace}/${metadata.namespace} to be deleted but it wasn't`
      found.reports.push({ object: pod, type: 'Warning', reason: 'NotDeleted', message })
      continue
    }
    found.pods[name] = since
    found.recheckInMs = Math.min(found.recheckInMs ?? leftMs, leftMs)
  }
  return found
}

const countHealthy = (
  pods: readonly Pod[],
  disrupted: Readonly<Record<string, string>>,
  now: number,
): number =>
  pods.filter((pod) => {
    const since = disrupted[pod.metadata.name]
    const isGoing = since !== undefined && Date.parse(since) + DELETION_MS > now
    return pod.metadata.deletionTimestamp === undefined && !isGoing && isReady(pod)
  }).length

/** The budget's new status; undefined when it says so already. */
export const statusOf = (
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  { expected, desired }: Expectation,
  disrupted: Readonly<Record<string, string>>,
  now: number,
): BudgetStatus | undefined => {
  const before = budget.status
  const currentHealthy = countHealthy(pods, disrupted, now)
  const spare = currentHealthy - desired
  const disruptionsAllowed = expected > 0 && spare > 0 ? spare : 0
  const observedGeneration = budget.metadata.generation ?? 0
  const counts = {
    observedGeneration,
    disruptionsAllowed,
    currentHealthy,
    desiredHealthy: desired,
    expectedPods: expected,
    ...(Object.keys(disrupted).length > 0 ? { disruptedPods: { ...disrupted } } : {}),
  }
  const { conditions = [], ...stated } = before ?? {}
  const condition = conditions.find(({ type }) => type === 'DisruptionAllowed')
  const [status, reason] =
    disruptionsAllowed > 0 ? ['True', 'SufficientPods'] : ['False', 'InsufficientPods']
  const isSaid = condition?.status === status && condition.reason === reason
  const { disruptedPods: mentioned = {}, ...numbers } = stated
  const { disruptedPods: wanted = {}, ...wantedNumbers } = counts as Omit<
    BudgetStatus,
    'conditions'
  >
  if (isSaid && deepEqual(numbers, wantedNumbers) && deepEqual(mentioned, wanted)) return undefined
  const next = { type: 'DisruptionAllowed', status, reason, message: '', observedGeneration }
  return { ...counts, conditions: withCondition(conditions, next as Draft, now) } as BudgetStatus
}

/** The status when it cannot be worked out: nothing may be evicted. */
export const failedStatus = (
  { status }: PodDisruptionBudget,
  message: string,
  now: number,
): BudgetStatus => {
  const { observedGeneration = 0, conditions = [] } = status ?? {}
  const reason = 'SyncFailed'
  const failed = { type: 'DisruptionAllowed', status: 'False', reason, message, observedGeneration }
  return {
    ...status,
    disruptionsAllowed: 0,
    conditions: withCondition(conditions, failed as Draft, now),
  } as BudgetStatus
}

type Draft = Omit<Condition, 'lastTransitionTime'>

const withCondition = (conditions: readonly Condition[], next: Draft, now: number): Condition[] => {
  const before = conditions.find(({ type }) => type === next.type)
  const isKept = before?.status === next.status
  const lastTransitionTime = isKept ? before.lastTransitionTime : timestamp(now)
  const condition = { ...next, lastTransitionTime } as Condition
  return before
    ? conditions.map((each) => (each === before ? condition : each))
    : [...conditions, condition]
}
