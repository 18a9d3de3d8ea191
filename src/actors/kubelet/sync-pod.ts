/**
 * What to do next for one pod: pure.
 *
 * `planPod(memory, now)` compares the pod's spec with what runs and names the steps that bring them
 * together, as Kubernetes' `computePodActions` and `killPod` do. Invariant: a step whose key is already
 * under way is not named again; the same memory gives the same plan. It performs nothing.
 */
import { isTerminal, judgementOf, type PodMemory, type Verdict } from './pod-memory.ts'
import {
  allContainersOf,
  containersOf,
  ephemeralContainersOf,
  hasExited,
  initContainersOf,
  isEphemeral,
  isSidecar,
  newest,
  type ObservedContainer,
  type PodContainer,
} from './pod-view.ts'
import { needsRestart, sizeDifference } from './resize.ts'
import { restartAtMs } from './restart-backoff.ts'

export type KillReason =
  | 'deleted'
  | 'liveness'
  | 'startup'
  | 'deadline'
  | 'finished'
  | 'sandbox'
  | 'resize'

export type Step =
  | { type: 'mountVolumes' }
  /** Makes a sandbox, and fetches the images that are needed first in the meantime. */
  | { type: 'createSandbox'; attempt: number; prefetch: readonly string[] }
  | { type: 'startContainer'; name: string; attempt: number; restarted: boolean }
  | {
      type: 'killContainer'
      id: string
      name: string
      graceSeconds: number
      reason: KillReason
    }
  /** Gives a running container the size it was granted. */
  | { type: 'resizeContainer'; id: string; name: string }
  | { type: 'stopSandbox' }
  /** Ends the pod on this host: sandbox, containers, volumes; then deletes it from the API, if it is there. */
  | { type: 'remove' }

export interface Plan {
  steps: readonly Step[]
  /** When to plan again even if nothing happens. */
  wakeAtMs?: number
  /** A decision to end the pod for good, to be remembered. */
  verdict?: Verdict
}

/** Between the failure of a pull and the status that shows it is being held back. */
export const PULL_ERROR_SHOWN_MS = 2_000

const DEFAULT_GRACE_SECONDS = 30

export const keyOf = (step: Step): string => {
  switch (step.type) {
    case 'mountVolumes':
      return 'volumes'
    case 'createSandbox':
    case 'stopSandbox':
      return 'sandbox'
    case 'startContainer':
      return `start/${step.name}`
    case 'killContainer':
      return `kill/${step.id}`
    case 'resizeContainer':
      return `resize/${step.name}`
    case 'remove':
      return 'remove'
  }
}

export const planPod = (memory: PodMemory, now: number): Plan => {
  if (memory.removed) return { steps: [] }
  if (memory.vanished || memory.pod.metadata.deletionTimestamp)
    return planEnd(memory, now, 'deleted', true)
  if (memory.verdict || isTerminal(memory.pod)) return planEnd(memory, now, 'deadline', false)
  const deadlineMs = deadlineOf(memory)
  if (deadlineMs !== undefined && now >= deadlineMs) {
    const verdict = {
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    }
    return { ...planEnd(memory, now, 'deadline', false), verdict }
  }
  if (outcomeOf(memory) !== 'running') return planEnd(memory, now, 'finished', false)
  const plan = planRun(memory, now)
  return { ...plan, ...earliest(plan.wakeAtMs, deadlineMs) }
}

/** Whether all containers ended for good, and how. Sidecars do not count. */
const outcomeOf = (memory: PodMemory): 'running' | 'succeeded' | 'failed' => {
  const { pod, view } = memory
  if (isInitFailed(memory)) return 'failed'
  let failed = false
  for (const container of containersOf(pod)) {
    const current = newest(view, container.name)
    if (!current || !hasExited(current)) return 'running'
    if (mayRestart(memory, container, current)) return 'running'
    if (current.exitCode !== 0) failed = true
  }
  return failed ? 'failed' : 'succeeded'
}

const isInitFailed = (memory: PodMemory): boolean =>
  initContainersOf(memory.pod).some((container) => {
    if (isSidecar(container) || hasMainStarted(memory)) return false
    const current = newest(memory.view, container.name)
    return (
      current !== undefined &&
      hasExited(current) &&
      current.exitCode !== 0 &&
      restartPolicyOf(memory, container) === 'Never'
    )
  })

const restartPolicyOf = (memory: PodMemory, container: PodContainer): string =>
  isEphemeral(memory.pod, container) ? 'Never' : ownRestartPolicyOf(memory, container)

const ownRestartPolicyOf = (memory: PodMemory, container: PodContainer): string =>
  container.restartPolicy ?? memory.pod.spec?.restartPolicy ?? 'Always'

/** Whether an ended container is to run again, by its policy alone. */
export const mayRestart = (
  memory: PodMemory,
  container: PodContainer,
  ended: ObservedContainer,
): boolean => {
  if (memory.resized.has(ended.id)) return true
  const policy = restartPolicyOf(memory, container)
  return policy === 'Always' || (policy === 'OnFailure' && ended.exitCode !== 0)
}

/** Whether the pod is on its way out: nothing new may start. */
export const isEnding = (memory: PodMemory): boolean =>
  memory.vanished ||
  memory.verdict !== undefined ||
  memory.pod.metadata.deletionTimestamp !== undefined ||
  isTerminal(memory.pod) ||
  outcomeOf(memory) !== 'running'

/** When an ended container may run again. */
export const restartOf = (
  memory: PodMemory,
  container: PodContainer,
  ended: ObservedContainer,
  now: number,
): number =>
  restartAtMs(memory.restarts.get(container.name), ended.finishedAtMs ?? ended.createdAtMs, now)

const hasMainStarted = (memory: PodMemory): boolean =>
  containersOf(memory.pod).some((container) => inSandbox(memory, container.name) !== undefined)

/** The newest container of that name in the present sandbox. */
const inSandbox = (memory: PodMemory, name: string): ObservedContainer | undefined => {
  const container = newest(memory.view, name)
  return container && container.sandboxId === memory.view.sandbox?.id ? container : undefined
}

const deadlineOf = ({ pod, startTimeMs }: PodMemory): number | undefined => {
  const seconds = pod.spec?.activeDeadlineSeconds
  return seconds === undefined || seconds === null ? undefined : startTimeMs + seconds * 1000
}

const earliest = (...times: (number | undefined)[]): { wakeAtMs?: number } => {
  const known = times.filter((time) => time !== undefined)
  return known.length > 0 ? { wakeAtMs: Math.min(...known) } : {}
}

/** Collects steps, leaving out those under way or held back. */
const gather = (memory: PodMemory, now: number) => {
  const steps: Step[] = []
  let wakeAtMs: number | undefined
  return {
    steps,
    wake: (atMs: number) => {
      wakeAtMs = Math.min(wakeAtMs ?? atMs, atMs)
    },
    add: (step: Step, retryKey: string) => {
      if (memory.busy.has(keyOf(step))) return
      const retry = memory.retries.get(retryKey)
      if (retry && retry.notBeforeMs > now) {
        const shownMs = retry.failedAtMs + PULL_ERROR_SHOWN_MS
        const next = retry.reason === 'ErrImagePull' && shownMs > now ? shownMs : retry.notBeforeMs
        wakeAtMs = Math.min(wakeAtMs ?? next, next)
        return
      }
      steps.push(step)
    },
    plan: (): Plan => ({ steps, ...earliest(wakeAtMs) }),
  }
}

type Gathered = ReturnType<typeof gather>

const planRun = (memory: PodMemory, now: number): Plan => {
  const { view } = memory
  const gathered = gather(memory, now)
  if (!memory.mounted) gathered.add({ type: 'mountVolumes' }, 'volumes')
  const { sandbox } = view
  if (sandbox?.state !== 'ready') {
    const left = killAll(memory, gathered, 'sandbox', 0)
    if (left > 0) return gathered.plan()
    const attempt = sandbox ? sandbox.attempt + 1 : 0
    gathered.add({ type: 'createSandbox', attempt, prefetch: firstNames(memory) }, 'sandbox')
    return gathered.plan()
  }
  if (!memory.mounted) return gathered.plan()
  for (const { name } of ephemeralContainersOf(memory.pod)) planEphemeral(memory, name, gathered)
  if (planInit(memory, gathered, now))
    for (const container of containersOf(memory.pod)) planOne(memory, container, gathered, now)
  return gathered.plan()
}

/** The containers that start first once the sandbox is there. */
const firstNames = ({ pod }: PodMemory): string[] => {
  const init = initContainersOf(pod)
  return init.length > 0 ? [init[0]!.name] : containersOf(pod).map(({ name }) => name)
}

/** Init containers in order; true when the main containers may start. */
const planInit = (memory: PodMemory, gathered: Gathered, now: number): boolean => {
  const initialized = hasMainStarted(memory)
  for (const container of initContainersOf(memory.pod)) {
    if (isSidecar(container)) {
      planOne(memory, container, gathered, now)
      const current = inSandbox(memory, container.name)
      const started =
        current?.state === 'running' && judgementOf(memory, container, current)?.started === true
      if (!started && !initialized) return false
      continue
    }
    if (initialized) continue
    const current = inSandbox(memory, container.name)
    if (current && hasExited(current) && current.exitCode === 0) continue
    planOne(memory, container, gathered, now)
    return false
  }
  return true
}

/** Starts a container that never ran; whatever comes of it, it is not started again. */
const planEphemeral = (memory: PodMemory, name: string, gathered: Gathered): void => {
  const reported = memory.pod.status?.ephemeralContainerStatuses?.find((one) => one.name === name)
  if (newest(memory.view, name) || reported?.state?.terminated) return
  gathered.add({ type: 'startContainer', name, attempt: 0, restarted: false }, name)
}

/** Starts, restarts or kills one container, as its state asks. */
const planOne = (
  memory: PodMemory,
  container: PodContainer,
  gathered: Gathered,
  now: number,
): void => {
  const { name } = container
  const last = newest(memory.view, name)
  const current = inSandbox(memory, name)
  if (current?.state === 'running') {
    const unhealthy = memory.judgements.get(current.id)?.unhealthy
    if (unhealthy)
      gathered.add(
        {
          type: 'killContainer',
          id: current.id,
          name,
          graceSeconds: probeGrace(memory, container, unhealthy),
          reason: unhealthy,
        },
        `kill/${name}`,
      )
    else planSize(memory, container, current, gathered)
    return
  }
  if (current && !hasExited(current)) {
    // Created and never started: only an interrupted start leaves one behind.
    if (!memory.busy.has(`start/${name}`))
      gathered.add(
        { type: 'startContainer', name, attempt: current.attempt + 1, restarted: false },
        name,
      )
    return
  }
  const isRegularInit = initContainersOf(memory.pod).includes(container) && !isSidecar(container)
  if (last && hasExited(last) && (current !== undefined || !isRegularInit)) {
    if (!mayRestart(memory, container, last)) return
    const atMs = restartOf(memory, container, last, now)
    if (atMs > now) {
      gathered.wake(atMs)
      return
    }
  }
  const attempt = last ? last.attempt + 1 : 0
  gathered.add(
    { type: 'startContainer', name, attempt, restarted: last !== undefined && hasExited(last) },
    name,
  )
}

/** Changes the size of a running container, by a new start where its policy asks for one. */
const planSize = (
  memory: PodMemory,
  container: PodContainer,
  current: ObservedContainer,
  gathered: Gathered,
): void => {
  const changed = sizeDifference(container, current)
  if (changed.length === 0 || memory.busy.has(`start/${container.name}`)) return
  const { id, name } = current
  if (!needsRestart(container, changed)) {
    gathered.add({ type: 'resizeContainer', id, name }, `resize/${name}`)
    return
  }
  const graceSeconds = memory.pod.spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS
  gathered.add({ type: 'killContainer', id, name, graceSeconds, reason: 'resize' }, `kill/${name}`)
}

const probeGrace = (
  { pod }: PodMemory,
  container: PodContainer,
  probe: 'liveness' | 'startup',
): number =>
  (probe === 'liveness' ? container.livenessProbe : container.startupProbe)
    ?.terminationGracePeriodSeconds ??
  pod.spec?.terminationGracePeriodSeconds ??
  DEFAULT_GRACE_SECONDS

/** The grace a pod that ends still has; a forced or finished one keeps at least a second. */
const graceOf = ({ pod, vanished }: PodMemory): number => {
  const grace =
    pod.metadata.deletionGracePeriodSeconds ??
    pod.spec?.terminationGracePeriodSeconds ??
    DEFAULT_GRACE_SECONDS
  return vanished || grace < 1 ? Math.max(1, Math.min(grace, DEFAULT_GRACE_SECONDS)) : grace
}

/** Kills what runs; sidecars only after the others, last one first. Returns how many still run. */
const killAll = (
  memory: PodMemory,
  gathered: Gathered,
  reason: KillReason,
  graceSeconds: number,
): number => {
  const sidecars = initContainersOf(memory.pod).filter(isSidecar)
  const running = [...memory.view.containers.values()]
    .flat()
    .filter(({ state }) => state === 'running')
  const isSidecarName = (name: string) => sidecars.some((sidecar) => sidecar.name === name)
  const first = running.filter(({ name }) => !isSidecarName(name))
  const starting = allContainersOf(memory.pod).filter(
    ({ name }) =>
      memory.busy.has(`start/${name}`) && newest(memory.view, name)?.state !== 'running',
  )
  const kill = ({ id, name }: ObservedContainer) => {
    // A shorter grace overtakes a kill that is under way.
    const under = memory.busy.get(`kill/${id}`)
    if (under !== undefined && under <= graceSeconds) return
    gathered.steps.push({ type: 'killContainer', id, name, graceSeconds, reason })
  }
  first.forEach(kill)
  if (first.length === 0 && starting.length === 0) {
    const last = sidecars.map(({ name }) => newest(memory.view, name)).reverse()
    const next = last.find((container) => container?.state === 'running')
    if (next) kill(next)
  }
  return running.length + starting.length
}

const planEnd = (memory: PodMemory, now: number, reason: KillReason, remove: boolean): Plan => {
  const gathered = gather(memory, now)
  if (killAll(memory, gathered, reason, graceOf(memory)) > 0) return gathered.plan()
  if (memory.busy.size > 0) return gathered.plan()
  if (remove) gathered.add({ type: 'remove' }, 'remove')
  else if (memory.view.sandbox?.state === 'ready') gathered.add({ type: 'stopSandbox' }, 'sandbox')
  return gathered.plan()
}
