/**
 * `pods/eviction`: deletes a pod when its PodDisruptionBudget allows it.
 *
 * Rules and texts are those of Kubernetes' eviction storage. Invariant: a disruption is taken from the budget's
 * status by compare-and-set before the pod is deleted, so that two evictions never share one; the disruption
 * controller gives it back.
 */
import { Pod } from '../../api/core/pod.ts'
import { deepCopy } from '../../api/equality.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import { PodDisruptionBudget } from '../../api/policy/pod-disruption-budget.ts'
import { labelSelectorOf, matchesLabels } from '../../api/selector.ts'
import {
  badRequest,
  forbidden,
  invalid,
  invalidField,
  StatusError,
  timeout,
} from '../../api/status-error.ts'
import { RevisionConflict } from '../../client/storage.ts'
import { timestamp } from '../../std/clock.ts'
import { admissionOf, admitted } from './admission/chain.ts'
import { commit, isDryRun, live, revisionOf } from './commit.ts'
import { type DeleteOptions, deleteObject } from './delete.ts'
import { type ApiRequest, type ApiResult, success } from './request.ts'
import type { Services } from './services.ts'

interface EvictionOptions extends DeleteOptions {
  dryRun?: string[]
  ignoreStoreReadErrorWithClusterBreakingPotential?: boolean
}

interface Eviction {
  metadata?: { name?: string }
  deleteOptions?: EvictionOptions
}

const BUDGETS = { group: 'policy', resource: 'poddisruptionbudget' }
/** Evictions that the controller has not seen yet; beyond, no more are granted. */
const DISRUPTED_PODS_MAX = 2000
const ATTEMPTS_MAX = 20
const RETRY_SECONDS = 10

export const evict = async (services: Services, request: ApiRequest): Promise<ApiResult> => {
  const eviction = evictionObject(request)
  const admission = admissionOf(services, request, 'CREATE')
  const mutation = admission?.mutate(eviction, undefined)
  if (mutation) await mutation
  const { metadata, deleteOptions = {} } = eviction
  if (metadata?.name && metadata.name !== request.name)
    throw badRequest('name in URL does not match name in Eviction object')
  if (deleteOptions.ignoreStoreReadErrorWithClusterBreakingPotential) {
    const field = 'deleteOptions.ignoreStoreReadErrorWithClusterBreakingPotential'
    const why = 'can not be set for pod eviction, try after removing the option'
    throw invalid({ group: 'policy', kind: 'Eviction' }, request.name!, [
      invalidField(field, true, why),
    ])
  }
  const { dryRun, ...options } = deleteOptions
  const deletion: ApiRequest = {
    ...request,
    verb: 'delete',
    subresource: undefined,
    body: { dryRun: mergedDryRun(request, dryRun) },
  }
  // The pod and its budgets as they are, whichever replica wrote them.
  await services.storage.barrier(Pod)
  await admitted(admission, eviction, undefined, () => evictPod(services, deletion, options))
  return success(201)
}

const evictPod = async (
  services: Services,
  deletion: ApiRequest,
  options: DeleteOptions,
): Promise<void> => {
  for (let tries = 1; ; tries++) {
    const pod = (await live(services, Pod, deletion.namespace, deletion.name!)) as Pod
    if (!isDisrupted(pod)) return evictWithinBudget(services, deletion, pod, options)
    try {
      return await deletePod(services, deletion, pinnedOptions(pod, options))
    } catch (error) {
      const isFinal = options.preconditions?.resourceVersion || tries >= ATTEMPTS_MAX
      if (!isConflict(error) || isFinal) throw error
    }
  }
}

const isConflict = (error: unknown): boolean =>
  error instanceof StatusError && error.reason === 'Conflict'

const deletePod = async (
  services: Services,
  deletion: ApiRequest,
  options: DeleteOptions,
): Promise<void> => {
  const now = services.clock.now()
  await deleteObject(services, deletion, options, undefined, (pod) => disruptedPod(pod as Pod, now))
}

/** The pod with the condition by which others see that it did not end by itself; the pod itself, if it has that. */
const disruptedPod = (pod: Pod, nowMs: number): Pod => {
  const { conditions = [] } = pod.status ?? {}
  const before = conditions.find(({ type }) => type === 'DisruptionTarget')
  const said = { reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' }
  const isTrue = before?.status === 'True'
  if (isTrue && before.reason === said.reason && before.message === said.message) return pod
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    lastTransitionTime: isTrue ? before.lastTransitionTime! : timestamp(nowMs),
    ...said,
  }
  const next = before
    ? conditions.map((each) => (each === before ? condition : each))
    : [...conditions, condition]
  return { ...pod, status: { ...pod.status, conditions: next } }
}

/** The eviction as an object that admission may look at. */
const evictionObject = ({ body, name, namespace }: ApiRequest): KubernetesObject & Eviction => {
  const { metadata, ...eviction } = (body ?? {}) as Eviction
  return {
    kind: 'Eviction',
    apiVersion: 'policy/v1',
    ...eviction,
    metadata: { name, namespace, ...metadata } as KubernetesObject['metadata'],
  }
}

const mergedDryRun = ({ query }: ApiRequest, inBody: string[] = []): string[] => {
  const asked = query.getAll('dryRun')
  if (asked.length === 0) return inBody
  if (inBody.length > 0 && JSON.stringify(inBody) !== JSON.stringify(asked))
    throw badRequest(
      `Non-matching dry-run options in request and content: [${asked.join(' ')}] and [${inBody.join(' ')}]`,
    )
  return asked
}

/** What ended, has not begun or is being deleted disrupts nobody any more. */
const isDisrupted = ({ metadata, status }: Pod): boolean =>
  status?.phase === 'Succeeded' ||
  status?.phase === 'Failed' ||
  status?.phase === 'Pending' ||
  metadata.deletionTimestamp !== undefined

/** A pending pod must still be the one that was looked at: it could become ready meanwhile. */
const pinnedOptions = (pod: Pod, options: DeleteOptions): DeleteOptions =>
  pod.status?.phase === 'Pending' && !pod.metadata.deletionTimestamp
    ? withRevision(pod, options)
    : options

const withRevision = ({ metadata }: Pod, options: DeleteOptions): DeleteOptions => ({
  ...options,
  preconditions: { resourceVersion: metadata.resourceVersion, ...options.preconditions },
})

const evictWithinBudget = async (
  services: Services,
  deletion: ApiRequest,
  pod: Pod,
  options: DeleteOptions,
): Promise<void> => {
  const budgets = budgetsOf(services, pod)
  if (budgets.length > 1)
    throw new StatusError(
      500,
      '',
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    )
  const [budget] = budgets
  const isPinned = budget !== undefined && doesNotCount(pod, budget)
  if (budget && !isPinned) await takeDisruption(services, deletion, pod, budget)
  try {
    await deletePod(services, deletion, isPinned ? withRevision(pod, options) : options)
  } catch (error) {
    if (!isConflict(error) || !isPinned || options.preconditions?.resourceVersion) throw error
    throw stillProcessed(budget.metadata.name)
  }
}

const budgetsOf = ({ storage }: Services, { metadata }: Pod): PodDisruptionBudget[] =>
  storage.cache
    .list(PodDisruptionBudget, { namespace: metadata.namespace ?? '' })
    .filter(({ spec }) => matchesLabels(labelSelectorOf(spec?.selector), metadata.labels))

/** A pod that is not ready is no loss while the others suffice, or where its budget says so. */
const doesNotCount = (pod: Pod, { spec, status }: PodDisruptionBudget): boolean => {
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready')
  if (ready?.status === 'True') return false
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {}
  return currentHealthy >= desiredHealthy && desiredHealthy > 0
}

const takeDisruption = async (
  services: Services,
  deletion: ApiRequest,
  pod: Pod,
  first: PodDisruptionBudget,
): Promise<void> => {
  const { namespace, name } = first.metadata
  let budget = first
  for (let tries = 1; ; tries++) {
    const next = disrupted(budget, pod.metadata.name, services.clock.now())
    if (isDryRun(deletion)) return
    try {
      await commit(services, PodDisruptionBudget, next, revisionOf(budget), deletion.fence)
      return
    } catch (error) {
      if (!(error instanceof RevisionConflict)) throw error
      if (tries >= ATTEMPTS_MAX)
        throw timeout(
          `couldn't update PodDisruptionBudget ${JSON.stringify(name)} due to conflicts`,
          RETRY_SECONDS,
        )
    }
    budget = (await live(services, PodDisruptionBudget, namespace, name)) as PodDisruptionBudget
  }
}

/** The budget with one disruption less; throws StatusError when it has none. */
const disrupted = (
  budget: PodDisruptionBudget,
  podName: string,
  nowMs: number,
): PodDisruptionBudget => {
  const { name, generation = 0 } = budget.metadata
  const { observedGeneration = 0, disruptionsAllowed = 0, disruptedPods = {} } = budget.status ?? {}
  if (observedGeneration < generation) throw stillProcessed(name)
  if (disruptionsAllowed < 0) throw forbidden(BUDGETS, name, 'pdb disruptions allowed is negative')
  if (Object.keys(disruptedPods).length > DISRUPTED_PODS_MAX)
    throw forbidden(
      BUDGETS,
      name,
      'DisruptedPods map too big - too many evictions not confirmed by PDB controller',
    )
  if (disruptionsAllowed === 0) throw wouldViolate(whyNone(budget))
  const next = deepCopy(budget)
  next.status = {
    ...next.status!,
    disruptionsAllowed: disruptionsAllowed - 1,
    disruptedPods: { ...disruptedPods, [podName]: timestamp(nowMs) },
  }
  if (disruptionsAllowed === 1) noneLeft(next, observedGeneration, nowMs)
  return next
}

const noneLeft = (budget: PodDisruptionBudget, observedGeneration: number, nowMs: number): void => {
  const conditions = budget.status!.conditions ?? []
  const before = conditions.find(({ type }) => type === 'DisruptionAllowed')
  const condition = {
    type: 'DisruptionAllowed',
    status: 'False',
    observedGeneration,
    lastTransitionTime: before?.status === 'False' ? before.lastTransitionTime : timestamp(nowMs),
    reason: 'InsufficientPods',
    message: '',
  }
  budget.status!.conditions = before
    ? conditions.map((each) => (each === before ? condition : each))
    : [...conditions, condition]
}

const whyNone = ({ metadata: { name }, status }: PodDisruptionBudget): string => {
  const { currentHealthy = 0, desiredHealthy = 0, conditions = [] } = status ?? {}
  const condition = conditions.find(({ type }) => type === 'DisruptionAllowed')
  const said = condition?.status === 'False' && condition.message ? condition : undefined
  const subject = `The disruption budget ${name}`
  if (said?.reason === 'SyncFailed')
    return `${subject} does not allow evicting pods currently because it failed sync: ${said.message}`
  if (currentHealthy <= desiredHealthy)
    return `${subject} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`
  if (said)
    return `${subject} does not allow evicting pods currently (${said.reason}): ${said.message}`
  return `${subject} does not allow evicting pods currently`
}

const stillProcessed = (name: string): StatusError =>
  wouldViolate(`The disruption budget ${name} is still being processed by the server.`, {
    retryAfterSeconds: RETRY_SECONDS,
  })

const wouldViolate = (message: string, more: { retryAfterSeconds?: number } = {}): StatusError =>
  new StatusError(
    429,
    'TooManyRequests',
    "Cannot evict pod as it would violate the pod's disruption budget.",
    { causes: [{ reason: 'DisruptionBudget', message }], ...more },
  )
