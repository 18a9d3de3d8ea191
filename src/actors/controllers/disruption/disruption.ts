/**
 * Keeps the status of PodDisruptionBudgets, which evictions ask (Kubernetes' `pkg/controller/disruption`).
 *
 * Invariant: a status is written only over the revision of the budget that was seen, so an eviction that was granted
 * meanwhile is never forgotten. When it cannot be worked out nothing may be evicted.
 */
import { Pod } from '../../../api/core/pod.ts'
import { deepEqual } from '../../../api/equality.ts'
import { objectKey } from '../../../api/meta.ts'
import { PodDisruptionBudget } from '../../../api/policy/pod-disruption-budget.ts'
import { type LabelSelector, labelSelectorOf, matchesLabels } from '../../../api/selector.ts'
import type { Client } from '../../../client/client.ts'
import type { Cache, Change, View } from '../../../client/view.ts'
import { type Controller, defineController } from '../controller.ts'
import { NOTHING, type Plan, type Report } from '../plan.ts'
import { type BudgetStatus, disruptedPods, failedStatus, statusOf } from './budget-status.ts'
import { CustomScales } from './custom-scales.ts'
import { expectedPods, noScale, type ScaleOf } from './expected-pods.ts'

/** Bursts of changes of pods become one look. */
const INTERVAL_MS = 20
/** Evictions wait for the status: one that was overtaken is made again soon. */
const RETRY_MAX_MS = 1000

export const disruption = ({ client }: { client: Client }): Controller => {
  const scales = new CustomScales(client)
  let lookAgain: (key: string) => void = () => undefined
  const scaleFor =
    (key: string): ScaleOf =>
    (kind, owner) => {
      if (kind.scale) return kind.scale.read(owner).replicas
      // Custom kinds say only when they are served whether they have a scale.
      if (kind.model) throw noScale(kind)
      return scales.replicasOf(kind, owner, () => lookAgain(key))
    }
  return defineController<PodDisruptionBudget>({
    name: 'disruption',
    component: 'controllermanager',
    for: PodDisruptionBudget,
    watches: [{ kind: Pod, keys: budgetsOfChange }],
    intervalMs: INTERVAL_MS,
    retryMaxMs: RETRY_MAX_MS,
    source: ({ add }) => {
      lookAgain = add
      return () => {
        lookAgain = () => undefined
      }
    },
    reconcile: (budget, key, view, now) =>
      budget ? planFor(budget, view, scaleFor(key), now) : NOTHING,
  })
}

const planFor = (budget: PodDisruptionBudget, view: Cache, scaleOf: ScaleOf, now: number): Plan => {
  const { namespace } = budget.metadata
  const pods = view.list(Pod, { namespace: namespace!, labels: selectorOf(budget) })
  const reports = overlaps(budget, pods, view)
  if (pods.length === 0)
    reports.push(reportOn(budget, 'Normal', 'NoPods', 'No matching pods found'))
  try {
    const wanted = expectedPods(budget, pods, view, scaleOf)
    if (!wanted) return NOTHING
    if (wanted.unmanaged.length > 0) reports.push(unmanaged(budget))
    const disrupted = disruptedPods(budget, pods, now)
    const status = statusOf(budget, pods, wanted, disrupted.pods, now)
    const { recheckInMs } = disrupted
    return {
      ...write(budget, status, [...reports, ...disrupted.reports]),
      ...(recheckInMs === undefined ? {} : { requeueAfterMs: recheckInMs + 1 }),
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const said = `Failed to calculate the number of expected pods: ${why}`
    reports.push(reportOn(budget, 'Warning', 'CalculateExpectedPodCountFailed', said))
    const status = failedStatus(budget, why, now)
    return write(budget, deepEqual(status, budget.status) ? undefined : status, reports)
  }
}

const write = (
  budget: PodDisruptionBudget,
  status: BudgetStatus | undefined,
  reports: Report[],
): Plan => {
  const object: PodDisruptionBudget = { ...budget, ...(status ? { status } : {}) }
  return {
    commands: status ? [{ verb: 'updateStatus', kind: PodDisruptionBudget, object }] : [],
    ...(reports.length > 0 ? { reports } : {}),
  }
}

const reportOn = (
  object: PodDisruptionBudget | Pod,
  type: Report['type'],
  reason: string,
  message: string,
): Report => ({ object, type, reason, message })

const selectors = new WeakMap<PodDisruptionBudget, LabelSelector>()

const selectorOf = (budget: PodDisruptionBudget): LabelSelector => {
  const known = selectors.get(budget)
  if (known) return known
  const selector = labelSelectorOf(budget.spec?.selector)
  selectors.set(budget, selector)
  return selector
}

const budgetsOf = (view: View, { metadata }: Pod): PodDisruptionBudget[] =>
  view
    .list(PodDisruptionBudget, { namespace: metadata.namespace! })
    .filter((budget) => matchesLabels(selectorOf(budget), metadata.labels))

const budgetsOfChange = ({ object, previous }: Change, cache: Cache): string[] => {
  const keys = budgetsOf(cache, object as Pod).map(objectKey)
  if (previous && !deepEqual(previous.metadata.labels, object.metadata.labels))
    keys.push(...budgetsOf(cache, previous as Pod).map(objectKey))
  return keys
}

/** Each state of a pod is looked at once, as in Kubernetes. */
const examined = new WeakSet<Pod>()

/** Pods that belong to another budget as well: none of them can be evicted. */
const overlaps = (budget: PodDisruptionBudget, pods: readonly Pod[], view: View): Report[] => {
  const { namespace } = budget.metadata
  if (view.list(PodDisruptionBudget, { namespace: namespace! }).length < 2) return []
  const reports: Report[] = []
  for (const pod of pods) {
    if (examined.has(pod)) continue
    examined.add(pod)
    const [first, second] = budgetsOf(view, pod)
    if (!first || !second) continue
    const message = `Pod "${namespace}"/"${pod.metadata.name}" matches multiple PodDisruptionBudgets.  Chose "${first.metadata.name}" arbitrarily.`
    reports.push(reportOn(pod, 'Warning', 'MultiplePodDisruptionBudgets', message))
  }
  return reports
}

const unmanaged = (budget: PodDisruptionBudget): Report =>
  reportOn(
    budget,
    'Warning',
    'UnmanagedPods',
    `Pods selected by this PodDisruptionBudget (selector: ${shownSelector(budget)}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`,
  )

/** As Go prints it. */
const shownSelector = ({ spec }: PodDisruptionBudget): string => {
  const { matchLabels = {}, matchExpressions = [] } = spec?.selector ?? {}
  const labels = Object.keys(matchLabels)
    .sort()
    .map((key) => `${key}: ${matchLabels[key]},`)
  const expressions = matchExpressions.map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  )
  return `&LabelSelector{MatchLabels:map[string]string{${labels.join('')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`
}
