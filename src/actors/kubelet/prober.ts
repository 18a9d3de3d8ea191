/**
 * Runs the probes of one node's containers on the shared timer wheel.
 *
 * Liveness and readiness wait for the startup probe. Invariant: at most one attempt of a probe is under
 * way, and a container that was forgotten is never judged again. What an outcome means is decided in
 * `probe-schedule.ts`.
 */
import type { Clock } from '../../std/clock.ts'
import type { Judgement } from './pod-memory.ts'
import type { Probe } from './pod-view.ts'
import { attempt, type ProbeTarget } from './probe-attempt.ts'
import {
  afterAttempt,
  firstProbeMs,
  freshProbe,
  type ProbeKind,
  timeoutMs,
} from './probe-schedule.ts'
import type { TimerWheel } from './timer-wheel.ts'

export interface ProbeSubject {
  target: ProbeTarget
  startedAtMs: number
  /** What is known from before, when the kubelet was restarted. */
  known?: Judgement
  onJudged(judgement: Judgement): void
  /** A counted failure, for an event. */
  onFailure(kind: ProbeKind, output: string): void
}

export interface Prober {
  /** Begins to judge a running container, once; later calls for the same id do nothing. */
  watch(containerId: string, subject: ProbeSubject): void
  forget(containerId: string): void
  isWatching(containerId: string): boolean
  stop(): void
}

export const createProber = (wheel: TimerWheel, clock: Clock): Prober => {
  const watched = new Map<string, Set<() => void>>()

  const loop = (
    containerId: string,
    kind: ProbeKind,
    probe: Probe,
    subject: ProbeSubject,
    firstMs: number,
    onResult: (success: boolean) => void,
  ) => {
    const cancels = watched.get(containerId)!
    const before = subject.known?.ready ? 'success' : 'failure'
    let state = freshProbe(
      kind === 'liveness' ? 'success' : kind === 'readiness' ? before : 'unknown',
    )
    let cancel = () => {}
    const isWatched = () => watched.get(containerId) === cancels
    const run = async () => {
      const outcome = await attempt(probe, subject.target, timeoutMs(probe))
      if (!isWatched()) return
      const after = afterAttempt(kind, probe, state, outcome)
      const changed = after.state.result !== state.result
      state = after.state
      if (!outcome.success && after.counted) subject.onFailure(kind, outcome.output)
      if (changed) onResult(state.result === 'success')
      const isOver =
        changed && (kind === 'startup' || (kind === 'liveness' && state.result === 'failure'))
      if (isOver || !isWatched()) return
      cancel = wheel.after(after.nextMs, () => void run())
    }
    cancel = wheel.at(firstMs, () => void run())
    cancels.add(() => cancel())
  }

  const watchRunning = (containerId: string, subject: ProbeSubject, started: boolean) => {
    const { container } = subject.target
    const now = clock.now()
    const due = (probe: Probe) => Math.max(now, firstProbeMs(probe, subject.startedAtMs))
    const { livenessProbe, readinessProbe } = container
    if (livenessProbe)
      loop(containerId, 'liveness', livenessProbe, subject, due(livenessProbe), (success) => {
        if (!success) subject.onJudged({ unhealthy: 'liveness' })
      })
    if (readinessProbe)
      loop(containerId, 'readiness', readinessProbe, subject, due(readinessProbe), (ready) =>
        subject.onJudged({ ready }),
      )
    const ready = readinessProbe ? subject.known?.ready === true : true
    if (!started || ready !== (subject.known?.ready ?? false))
      subject.onJudged({ started: true, ready })
  }

  return {
    watch: (containerId, subject) => {
      if (watched.has(containerId)) return
      watched.set(containerId, new Set())
      const { startupProbe } = subject.target.container
      if (!startupProbe || subject.known?.started)
        return watchRunning(containerId, subject, subject.known?.started === true)
      const due = firstProbeMs(startupProbe, subject.startedAtMs)
      loop(containerId, 'startup', startupProbe, subject, due, (success) => {
        if (success) watchRunning(containerId, subject, false)
        else subject.onJudged({ unhealthy: 'startup' })
      })
    },
    forget: (containerId) => {
      const cancels = watched.get(containerId)
      watched.delete(containerId)
      for (const cancel of cancels ?? []) cancel()
    },
    isWatching: (containerId) => watched.has(containerId),
    stop: () => {
      for (const cancels of watched.values()) for (const cancel of cancels) cancel()
      watched.clear()
    },
  }
}
