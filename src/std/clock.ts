/**
 * The clock: the only place that reads time or sets timers.
 *
 * Invariant: a component takes its `Clock` as a parameter, so a test can run it on virtual time.
 * It does not format dates for people.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Milliseconds that only move forward; for measuring durations. */
  monotonic(): number
  /** Runs `task` once after `delayMs`; the result cancels it. */
  after(delayMs: number, task: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs)
    return () => clearTimeout(timer)
  },
}

/** Resolves after `delayMs` on `clock`; rejects with the signal's reason when `signal` aborts first. */
export const sleep = (delayMs: number, clock: Clock = systemClock, signal?: AbortSignal) =>
  new Promise<void>((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const abort = () => {
      cancel()
      reject(signal?.reason)
    }
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', abort)
      resolve()
    })
    signal?.addEventListener('abort', abort, { once: true })
  })

/** A time as Kubernetes writes `metav1.Time`: RFC 3339 in UTC, whole seconds. */
export const timestamp = (nowMs: number) => `${new Date(nowMs).toISOString().slice(0, 19)}Z`

/** A time as Kubernetes writes `metav1.MicroTime`: RFC 3339 in UTC, six decimals. */
export const microTimestamp = (nowMs: number) => `${new Date(nowMs).toISOString().slice(0, 23)}000Z`
