/**
 * How long a container that ended must wait before it runs again.
 *
 * As Kubernetes' `flowcontrol.Backoff` with the kubelet's figures: the first restart is immediate, then
 * 10 s doubling to 5 min, forgotten after 10 min without a restart. Invariant: pure; time is an argument.
 */
export interface RestartBackoff {
  delayMs: number
  /** When the last restart took place. */
  updatedMs: number
}

const RESTART_BASE_MS = 10_000
const RESTART_MAX_MS = 300_000
const FORGOTTEN_AFTER_MS = 2 * RESTART_MAX_MS

const isForgotten = (backoff: RestartBackoff, now: number): boolean =>
  now - backoff.updatedMs > FORGOTTEN_AFTER_MS

/** The entry after a restart at `now`. */
export const nextRestart = (backoff: RestartBackoff | undefined, now: number): RestartBackoff =>
  !backoff || isForgotten(backoff, now)
    ? { delayMs: RESTART_BASE_MS, updatedMs: now }
    : { delayMs: Math.min(RESTART_MAX_MS, backoff.delayMs * 2), updatedMs: now }

/** When a container that ended at `finishedMs` may run again; not later than `now`: at once. */
export const restartAtMs = (
  backoff: RestartBackoff | undefined,
  finishedMs: number,
  now: number,
): number => (!backoff || isForgotten(backoff, now) ? now : finishedMs + backoff.delayMs)

/** A delay as Go prints a `time.Duration` of whole seconds: `10s`, `1m20s`, `5m0s`. */
export const goSeconds = (delayMs: number): string => {
  const seconds = Math.round(delayMs / 1000)
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
}
