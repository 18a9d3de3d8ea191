/**
 * Everything the kubelet knows of one pod, and how each event changes it.
 *
 * Invariant: `remember` is pure and never forgets a verdict: a pod that was failed stays failed. What the
 * runtime knows is in `view`; the rest is what a kubelet may lose at a restart without harm.
 */
import type { Pod } from '../../api/core/pod.ts'
import type { Sandbox } from '../../node/runtime.ts'
import { backoffMs } from '../../std/backoff.ts'
import {
  emptyView,
  hasProbes,
  type ObservedContainer,
  type PodContainer,
  type PodStatus,
  type PodView,
  withContainer,
  withoutContainer,
} from './pod-view.ts'
import { nextRestart, type RestartBackoff } from './restart-backoff.ts'

/** What the probes and hooks found out about one container (by its runtime id). */
export interface Judgement {
  started?: boolean
  ready?: boolean
  /** A failed liveness or startup probe: it must be killed. */
  unhealthy?: 'liveness' | 'startup'
}

/** A failed attempt, and when the next may be made. */
export interface Retry {
  failures: number
  failedAtMs: number
  notBeforeMs: number
  /** The waiting reason and message for the container's status. */
  reason: string
  message: string
}

/** Why the pod must not run, whatever its containers say. */
export interface Verdict {
  reason: string
  message: string
}

export interface PendingResize {
  message: string
  /** The pod with the size it asks for. */
  wanted: Pod
  generation: number | undefined
}

export interface PodMemory {
  /** With the resources it was granted. */
  pod: Pod
  view: PodView
  /** Volumes are in place. */
  mounted: boolean
  /** Keys of tasks under way; a kill's value is its grace in seconds, others have 0. */
  busy: ReadonlyMap<string, number>
  judgements: ReadonlyMap<string, Judgement>
  restarts: ReadonlyMap<string, RestartBackoff>
  /** By task key: `volumes`, `sandbox`, or a container's name. */
  retries: ReadonlyMap<string, Retry>
  verdict?: Verdict
  /** Why the size it asks for is not granted yet; `pod` has the size it was granted. */
  pendingResize?: PendingResize
  /** A granted size that not all of its containers have yet. */
  resizing?: { generation?: number | undefined; error?: string }
  /** Ids of containers that ended because their new size needs a new start. */
  resized: ReadonlySet<string>
  /** The object is gone from the API. */
  vanished: boolean
  /** Nothing of the pod is left on this host and the API knows. */
  removed: boolean
  startTimeMs: number
  /** The last status that was decided. */
  status?: PodStatus
}

export type TaskResult =
  | { type: 'done' }
  | { type: 'mounted' }
  | { type: 'started'; container: ObservedContainer }
  | { type: 'sandboxCreated'; sandbox: Sandbox }
  | { type: 'sandboxStopped' }
  | { type: 'removed' }
  /** A new size could not be given to a container. */
  | { type: 'notResized'; retryKey: string; message: string }
  | { type: 'failed'; retryKey: string; reason: string; message: string }

export type PodEvent =
  | { type: 'pod.changed'; pod: Pod; pendingResize?: PendingResize; resized?: boolean }
  | { type: 'pod.vanished'; pod: Pod }
  | { type: 'container.observed'; container: ObservedContainer }
  | { type: 'container.vanished'; id: string }
  | { type: 'sandbox.ended' }
  | { type: 'runtime.listed'; view: PodView }
  | { type: 'container.judged'; id: string; judgement: Judgement }
  | { type: 'task.settled'; key: string; name?: string; result: TaskResult }
  | { type: 'timer.fired' }
  | { type: 'config.changed' }

/** As Kubernetes' image back-off. */
const PULL_PACE = { baseMs: 10_000, maxMs: 300_000 }
/** As Kubernetes' back-off of volume operations. */
const TASK_PACE = { baseMs: 500, maxMs: 122_000 }

export const newMemory = (pod: Pod, view: PodView, now: number): PodMemory => ({
  pod,
  view,
  mounted: (pod.spec?.volumes ?? []).length === 0,
  busy: new Map(),
  judgements: rememberedJudgements(pod, view),
  restarts: new Map(),
  retries: new Map(),
  ...(isTerminal(pod) ? { verdict: verdictOf(pod) } : {}),
  resized: new Set(),
  vanished: false,
  removed: false,
  startTimeMs: pod.status?.startTime ? Date.parse(pod.status.startTime) : now,
  ...(pod.status ? { status: pod.status } : {}),
})

export const isTerminal = (pod: Pod): boolean =>
  pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded'

const verdictOf = (pod: Pod): Verdict => ({
  reason: pod.status?.reason ?? '',
  message: pod.status?.message ?? '',
})

/** After a restart of the kubelet, a container is as ready as its pod's status says. */
const rememberedJudgements = (pod: Pod, view: PodView): Map<string, Judgement> => {
  const judgements = new Map<string, Judgement>()
  const statuses = [
    ...(pod.status?.initContainerStatuses ?? []),
    ...(pod.status?.containerStatuses ?? []),
  ]
  for (const { name, containerID, started, ready } of statuses) {
    const container = view.containers.get(name)?.[0]
    if (container?.state === 'running' && containerID?.endsWith(`://${container.id}`))
      judgements.set(container.id, { started: started ?? false, ready })
  }
  return judgements
}

const RUNS_AND_IS_READY: Judgement = { started: true, ready: true }

/** What is known of a container's health; one without probes is well as soon as its start is over. */
export const judgementOf = (
  memory: PodMemory,
  container: PodContainer,
  { id }: ObservedContainer,
): Judgement | undefined =>
  hasProbes(container)
    ? memory.judgements.get(id)
    : memory.busy.has(`start/${container.name}`)
      ? undefined
      : RUNS_AND_IS_READY

const without = <Value>(map: ReadonlyMap<string, Value>, key: string) => {
  if (!map.has(key)) return map
  const copy = new Map(map)
  copy.delete(key)
  return copy
}

const settle = (
  memory: PodMemory,
  event: Extract<PodEvent, { type: 'task.settled' }>,
  now: number,
): PodMemory => {
  const { key, result } = event
  const busy = without(memory.busy, key)
  switch (result.type) {
    case 'failed': {
      const failures = (memory.retries.get(result.retryKey)?.failures ?? 0) + 1
      const delayMs = backoffMs(failures, result.reason === 'ErrImagePull' ? PULL_PACE : TASK_PACE)
      const retry: Retry = {
        failures,
        failedAtMs: now,
        notBeforeMs: now + delayMs,
        reason: result.reason,
        message: result.message,
      }
      return { ...memory, busy, retries: new Map(memory.retries).set(result.retryKey, retry) }
    }
    case 'notResized':
      return notResized({ ...memory, busy }, result, now)
    case 'mounted':
      return { ...memory, busy, mounted: true, retries: without(memory.retries, 'volumes') }
    case 'started': {
      const { container } = result
      const retries = without(memory.retries, container.name)
      return { ...memory, busy, retries, view: withContainer(memory.view, container) }
    }
    case 'sandboxCreated':
      return {
        ...memory,
        busy,
        view: { ...memory.view, sandbox: result.sandbox },
        retries: without(memory.retries, 'sandbox'),
      }
    case 'sandboxStopped':
      return { ...memory, busy, view: withSandboxEnded(memory.view) }
    case 'removed':
      return { ...memory, busy, view: emptyView, removed: true }
    case 'done':
      return {
        ...memory,
        busy,
        ...(event.name ? { retries: without(memory.retries, event.name) } : {}),
      }
  }
}

const notResized = (
  memory: PodMemory,
  { retryKey, message }: Extract<TaskResult, { type: 'notResized' }>,
  now: number,
): PodMemory => {
  const failures = (memory.retries.get(retryKey)?.failures ?? 0) + 1
  const notBeforeMs = now + backoffMs(failures, TASK_PACE)
  const retry: Retry = { failures, failedAtMs: now, notBeforeMs, reason: 'Error', message }
  return {
    ...memory,
    retries: new Map(memory.retries).set(retryKey, retry),
    resizing: { generation: memory.pod.metadata.generation, ...memory.resizing, error: message },
  }
}

const podChanged = (
  { pendingResize: _, ...memory }: PodMemory,
  { pod, pendingResize, resized }: Extract<PodEvent, { type: 'pod.changed' }>,
): PodMemory => ({
  ...memory,
  pod,
  ...(pendingResize ? { pendingResize } : {}),
  ...(resized ? { resizing: { generation: pod.metadata.generation } } : {}),
})

const withSandboxEnded = (view: PodView): PodView =>
  view.sandbox ? { ...view, sandbox: { ...view.sandbox, state: 'notReady' } } : view

/** The memory after `event`. */
export const remember = (memory: PodMemory, event: PodEvent, now: number): PodMemory => {
  switch (event.type) {
    case 'pod.changed':
      return podChanged(memory, event)
    case 'pod.vanished':
      return { ...memory, pod: event.pod, vanished: true }
    case 'container.observed':
      return { ...memory, view: withContainer(memory.view, event.container) }
    case 'container.vanished':
      return {
        ...memory,
        view: withoutContainer(memory.view, event.id),
        judgements: without(memory.judgements, event.id),
      }
    case 'sandbox.ended':
      return { ...memory, view: withSandboxEnded(memory.view) }
    case 'runtime.listed':
      return { ...memory, view: event.view }
    case 'container.judged':
      return {
        ...memory,
        judgements: new Map(memory.judgements).set(event.id, {
          ...memory.judgements.get(event.id),
          ...event.judgement,
        }),
      }
    case 'task.settled':
      return settle(memory, event, now)
    case 'config.changed':
      return { ...memory, retries: new Map() }
    case 'timer.fired':
      return memory
  }
}

/** Marks the tasks of a plan as under way, and a restart of a container as such. */
export const withStarted = (
  memory: PodMemory,
  tasks: readonly { key: string; grace: number; restarted?: string; resizedId?: string }[],
  now: number,
): PodMemory => {
  if (tasks.length === 0) return memory
  const busy = new Map(memory.busy)
  let { restarts, resized } = memory
  for (const { key, grace, restarted, resizedId } of tasks) {
    busy.set(key, grace)
    if (resizedId) resized = new Set(resized).add(resizedId)
    if (restarted)
      restarts = new Map(restarts).set(restarted, nextRestart(restarts.get(restarted), now))
  }
  return { ...memory, busy, restarts, resized }
}
