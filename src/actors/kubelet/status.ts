/**
 * The status of a pod, as Kubernetes' kubelet reports it: pure.
 *
 * Fields, conditions, their order, reasons and messages follow `pkg/kubelet/status/generate.go` and
 * `kubelet_pods.go`. Invariant: a phase never goes back from Succeeded or Failed, and a condition's
 * lastTransitionTime moves only when its status does. Conditions of others are carried along untouched.
 */

import { containerStatus, type DefaultWaiting } from './container-status.ts'
import { isTerminal, type PodMemory } from './pod-memory.ts'
import {
  type ContainerStatus,
  containersOf,
  ephemeralContainersOf,
  initContainersOf,
  isSidecar,
  type PodCondition,
  type PodStatus,
} from './pod-view.ts'
import { stamp } from './stamp.ts'
import { isEnding } from './sync-pod.ts'

export interface NodeFacts {
  runtimeName: string
  hostIP: string
}

export const podStatus = (memory: PodMemory, node: NodeFacts, now: number): PodStatus => {
  const { pod, view } = memory
  const init = initContainersOf(pod)
  const waiting: DefaultWaiting = init.length > 0 ? 'PodInitializing' : 'ContainerCreating'
  const statusOf = (default_: DefaultWaiting) => (container: (typeof init)[number]) =>
    containerStatus(memory, container, node.runtimeName, default_, now)
  const initStatuses = init.map(statusOf(waiting))
  const statuses = containersOf(pod)
    .map(statusOf(waiting))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const ephemeral = ephemeralContainersOf(pod)
    .map(statusOf('ContainerCreating'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const phase = phaseOf(memory, initStatuses, statuses)
  const ip = addressOf(memory, node)
  const rejected =
    memory.verdict && phase === 'Failed' && !isTerminal(pod) ? memory.verdict : undefined
  const reason = rejected?.reason ?? pod.status?.reason
  const message = rejected?.message ?? pod.status?.message
  return {
    ...carried(pod.status),
    ...(pod.metadata.generation ? { observedGeneration: pod.metadata.generation } : {}),
    phase,
    ...(reason ? { reason } : {}),
    ...(message ? { message } : {}),
    conditions: conditionsOf(memory, phase, initStatuses, statuses, now),
    hostIP: node.hostIP,
    hostIPs: [{ ip: node.hostIP }],
    ...(ip ? { podIP: ip, podIPs: [{ ip }] } : {}),
    startTime: pod.status?.startTime ?? stamp(memory.startTimeMs),
    ...(initStatuses.length > 0 ? { initContainerStatuses: initStatuses } : {}),
    ...(memory.verdict && view.containers.size === 0 && !pod.status?.containerStatuses
      ? {}
      : { containerStatuses: statuses }),
    ...(ephemeral.length > 0 ? { ephemeralContainerStatuses: ephemeral } : {}),
  }
}

/** Fields that others decided. */
const carried = (status: PodStatus | undefined): PodStatus => ({
  ...(status?.qosClass ? { qosClass: status.qosClass } : {}),
  ...(status?.nominatedNodeName ? { nominatedNodeName: status.nominatedNodeName } : {}),
})

const addressOf = ({ pod, view, status }: PodMemory, node: NodeFacts): string | undefined =>
  pod.spec?.hostNetwork
    ? view.sandbox && node.hostIP
    : (view.sandbox?.ip ?? (view.sandbox ? undefined : (status?.podIP ?? pod.status?.podIP)))

/** Kubernetes' `getPhase`. */
const phaseOf = (
  memory: PodMemory,
  init: readonly ContainerStatus[],
  statuses: readonly ContainerStatus[],
): string => {
  const { pod } = memory
  if (isTerminal(pod)) return pod.status!.phase!
  if (memory.verdict) {
    // As the status manager: a terminal phase is told only once nothing runs any more.
    const alive = anyAlive([...init, ...statuses])
    return alive ? (memory.status?.phase ?? 'Running') : 'Failed'
  }
  const policy = pod.spec?.restartPolicy ?? 'Always'
  const count = { waiting: 0, running: 0, succeeded: 0, failed: 0 }
  for (const { state, lastState } of statuses) {
    if (state?.running) count.running++
    else if (state?.terminated) count[state.terminated.exitCode === 0 ? 'succeeded' : 'failed']++
    else if (lastState?.terminated)
      count[lastState.terminated.exitCode === 0 ? 'succeeded' : 'failed']++
    else count.waiting++
  }
  const ended = count.succeeded + count.failed
  const initOf = initCounts(memory, init)
  const ran = count.running + ended > 0
  if (initOf.failed > 0 && policy === 'Never') return 'Failed'
  if (initOf.pending > 0 && !ran) return isEnding(memory) && !anyAlive(init) ? 'Failed' : 'Pending'
  if (count.waiting > 0)
    return count.running === 0 && ended === 0 && isGone(memory) ? 'Failed' : 'Pending'
  if (count.running > 0) return 'Running'
  const deleting = memory.vanished || pod.metadata.deletionTimestamp !== undefined
  if (deleting) return anyAlive(init) ? 'Running' : count.failed === 0 ? 'Succeeded' : 'Failed'
  if (policy === 'Always') return 'Running'
  if (count.failed === 0) return anyAlive(init) ? 'Running' : 'Succeeded'
  return policy === 'Never' && !anyAlive(init) ? 'Failed' : 'Running'
}

/** A pod that ended before its containers ever ran failed, once nothing of it is under way. */
const isGone = (memory: PodMemory): boolean =>
  (memory.vanished || memory.pod.metadata.deletionTimestamp !== undefined) && memory.busy.size === 0

const anyAlive = (statuses: readonly ContainerStatus[]): boolean =>
  statuses.some(({ state }) => state?.running)

const initCounts = (
  { pod }: PodMemory,
  init: readonly ContainerStatus[],
): { pending: number; failed: number } => {
  let pending = 0
  let failed = 0
  initContainersOf(pod).forEach((container, index) => {
    const { state, lastState, started } = init[index]!
    if (isSidecar(container)) {
      if (!started) pending++
    } else if (state?.running) pending++
    else if (state?.terminated) {
      if (state.terminated.exitCode !== 0) failed++
    } else if (lastState?.terminated) {
      if (lastState.terminated.exitCode !== 0) failed++
    } else pending++
  })
  return { pending: pending + failed, failed }
}

type Draft = Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'> & {
  /** Other than the pod's own. */
  generation?: number | undefined
}

/** The conditions that only the kubelet writes. */
export const OWN_CONDITIONS: ReadonlySet<string> = new Set([
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodResizePending',
  'PodResizeInProgress',
])

const conditionsOf = (
  memory: PodMemory,
  phase: string,
  init: readonly ContainerStatus[],
  statuses: readonly ContainerStatus[],
  now: number,
): PodCondition[] => {
  const known = memory.pod.status?.conditions ?? []
  const remembered = memory.status?.conditions ?? known
  const ready = containersReady(memory, phase, [...init, ...statuses])
  const drafts: Draft[] = [
    ...resizeConditions(memory),
    {
      type: 'PodReadyToStartContainers',
      status: memory.view.sandbox?.state === 'ready' ? 'True' : 'False',
    },
    initialized(memory, phase, init, statuses),
    { ...podReady(memory, ready, known), type: 'Ready' },
    ready,
  ]
  const { generation } = memory.pod.metadata
  const own = drafts.map((draft): PodCondition => {
    const { type, status, reason, message } = draft
    const observed = draft.generation ?? generation
    const before = remembered.find((condition) => condition.type === type)
    return {
      type,
      ...(observed ? { observedGeneration: observed } : {}),
      status,
      lastProbeTime: null as unknown as string,
      lastTransitionTime:
        before?.status === status && before.lastTransitionTime
          ? before.lastTransitionTime
          : stamp(now),
      ...(reason ? { reason } : {}),
      ...(message ? { message } : {}),
    }
  })
  const foreign = known.filter(({ type }) => !OWN_CONDITIONS.has(type))
  if (foreign.some(({ type }) => type === 'PodScheduled')) return [...own, ...foreign]
  const scheduled: PodCondition = {
    type: 'PodScheduled',
    ...(generation ? { observedGeneration: generation } : {}),
    status: 'True',
    lastProbeTime: null as unknown as string,
    lastTransitionTime:
      remembered.find(({ type }) => type === 'PodScheduled')?.lastTransitionTime ?? stamp(now),
  }
  return [...own, scheduled, ...foreign]
}

const list = (names: readonly string[]): string => `[${names.join(' ')}]`

const resizeConditions = ({ pendingResize, resizing }: PodMemory): Draft[] => [
  ...(pendingResize
    ? [
        {
          type: 'PodResizePending',
          status: 'True',
          reason: 'Deferred',
          message: pendingResize.message,
          generation: pendingResize.generation,
        },
      ]
    : []),
  ...(resizing
    ? [
        {
          type: 'PodResizeInProgress',
          status: 'True',
          ...(resizing.error ? { reason: 'Error', message: resizing.error } : {}),
          generation: resizing.generation,
        },
      ]
    : []),
]

const containersReady = (
  memory: PodMemory,
  phase: string,
  statuses: readonly ContainerStatus[],
): Draft => {
  const type = 'ContainersReady'
  if (phase === 'Succeeded') return { type, status: 'False', reason: 'PodCompleted' }
  if (phase === 'Failed') return { type, status: 'False', reason: 'PodFailed' }
  const unready = [...initContainersOf(memory.pod).filter(isSidecar), ...containersOf(memory.pod)]
    .map(({ name }) => name)
    .filter((name) => !statuses.find((status) => status.name === name)?.ready)
  return unready.length === 0
    ? { type, status: 'True' }
    : {
        type,
        status: 'False',
        reason: 'ContainersNotReady',
        message: `containers with unready status: ${list(unready)}`,
      }
}

const podReady = (memory: PodMemory, ready: Draft, known: readonly PodCondition[]): Draft => {
  if (ready.status !== 'True') return ready
  const faults: string[] = []
  for (const { conditionType } of memory.pod.spec?.readinessGates ?? []) {
    const condition = known.find(({ type }) => type === conditionType)
    if (!condition)
      faults.push(
        `corresponding condition of pod readiness gate "${conditionType}" does not exist.`,
      )
    else if (condition.status !== 'True')
      faults.push(
        `the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`,
      )
  }
  return faults.length === 0
    ? ready
    : { ...ready, status: 'False', reason: 'ReadinessGatesNotReady', message: faults.join(', ') }
}

const initialized = (
  { pod }: PodMemory,
  phase: string,
  init: readonly ContainerStatus[],
  statuses: readonly ContainerStatus[],
): Draft => {
  const type = 'Initialized'
  if (phase === 'Succeeded') return { type, status: 'True', reason: 'PodCompleted' }
  const hasRun = ({ state, lastState }: ContainerStatus) =>
    state?.running || state?.terminated || lastState?.terminated
  if (statuses.some(hasRun)) return { type, status: 'True' }
  const incomplete = initContainersOf(pod)
    .filter((container, index) => {
      const status = init[index]!
      return isSidecar(container) ? !status.started : !status.ready
    })
    .map(({ name }) => name)
  return incomplete.length === 0
    ? { type, status: 'True' }
    : {
        type,
        status: 'False',
        reason: 'ContainersNotInitialized',
        message: `containers with incomplete status: ${list(incomplete)}`,
      }
}
