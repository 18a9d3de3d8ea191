/**
 * A clock that moves only when a test says so.
 *
 * Invariant: timers run in the order of their time, each with `now()` at its own time, also those that
 * other timers set meanwhile.
 */
import type { Clock } from '../../src/std/clock.ts'

export interface VirtualClock extends Clock {
  /** Moves time on by `ms`, running what falls due; between timers, promises settle. */
  advance(ms: number): Promise<void>
}

/** `startMs` since the epoch; 2026-01-01T00:00:00Z unless told. */
export const virtualClock = (startMs = Date.UTC(2026, 0, 1)): VirtualClock => {
  const timers = new Set<{ dueMs: number; task: () => void }>()
  let nowMs = startMs
  const next = (untilMs: number) => {
    let first: { dueMs: number; task: () => void } | undefined
    for (const timer of timers)
      if (timer.dueMs <= untilMs && (!first || timer.dueMs < first.dueMs)) first = timer
    return first
  }
  return {
    now: () => nowMs,
    monotonic: () => nowMs - startMs,
    after: (delayMs, task) => {
      const timer = { dueMs: nowMs + Math.max(0, delayMs), task }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    advance: async (ms) => {
      const untilMs = nowMs + ms
      await settled()
      for (let timer = next(untilMs); timer; timer = next(untilMs)) {
        timers.delete(timer)
        nowMs = Math.max(nowMs, timer.dueMs)
        timer.task()
        await settled()
      }
      nowMs = untilMs
    },
  }
}

/** Resolves when the promises that can settle now have settled. */
export const settled = () => new Promise<void>((resolve) => setImmediate(resolve))
