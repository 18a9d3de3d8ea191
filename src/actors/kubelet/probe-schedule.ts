/**
 * When a probe runs next and what its outcomes add up to: pure.
 *
 * Thresholds and delays are Kubernetes'. Beyond it, a container that is not ready (or started) yet is asked
 * again after fractions of a second: such early attempts only ever help, their failures do not count.
 * Invariant: a result changes only after as many equal outcomes as its threshold asks for.
 */
import type { Probe } from './pod-view.ts'

export type ProbeKind = 'startup' | 'liveness' | 'readiness'

export interface Outcome {
  success: boolean
  /** What the event says after `Readiness probe failed: `. */
  output: string
}

export interface ProbeState {
  /** The verdict so far. */
  result: 'unknown' | 'success' | 'failure'
  last?: boolean
  /** Consecutive outcomes like the last. */
  run: number
  attempts: number
}

export const freshProbe = (result: ProbeState['result']): ProbeState => ({
  result,
  run: 0,
  attempts: 0,
})

const DEFAULT_PERIOD_SECONDS = 10
const DEFAULT_FAILURES = 3
const DEFAULT_TIMEOUT_SECONDS = 1
/** Delays of the early attempts after the first; none is later than a second after it. */
const EARLY_MS = [100, 150, 250, 400] as const

export const timeoutMs = (probe: Probe): number =>
  (probe.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS) * 1000

export const firstProbeMs = (probe: Probe, startedAtMs: number): number =>
  startedAtMs + (probe.initialDelaySeconds ?? 0) * 1000

const periodMs = (probe: Probe): number => (probe.periodSeconds ?? DEFAULT_PERIOD_SECONDS) * 1000

/** Whether the attempt about to be made is an early one, whose failure does not count. */
const isEarly = (kind: ProbeKind, state: ProbeState): boolean =>
  kind !== 'liveness' && state.result !== 'success' && state.attempts < EARLY_MS.length

/** The state after an attempt, and the delay until the next. */
export const afterAttempt = (
  kind: ProbeKind,
  probe: Probe,
  state: ProbeState,
  outcome: Outcome,
): { state: ProbeState; nextMs: number; counted: boolean } => {
  const early = isEarly(kind, state)
  const attempts = state.attempts + 1
  if (early && !outcome.success)
    return {
      state: { ...state, attempts },
      nextMs: EARLY_MS[state.attempts]!,
      counted: false,
    }
  const run = state.last === outcome.success ? state.run + 1 : 1
  const threshold = outcome.success
    ? (probe.successThreshold ?? 1)
    : (probe.failureThreshold ?? DEFAULT_FAILURES)
  const result = run >= threshold ? (outcome.success ? 'success' : 'failure') : state.result
  return {
    state: { result, last: outcome.success, run, attempts },
    nextMs: periodMs(probe),
    counted: true,
  }
}
