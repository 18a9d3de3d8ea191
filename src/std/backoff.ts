/**
 * Exponential back-off as a pure function of the number of failures.
 *
 * Invariant: never longer than `maxMs`. It keeps no state: the caller counts its failures.
 */
export interface Backoff {
  baseMs: number
  maxMs: number
  factor?: number
}

/** The delay before attempt `failures + 1`; `failures` counts from 1. */
export const backoffMs = (failures: number, { baseMs, maxMs, factor = 2 }: Backoff): number =>
  Math.min(maxMs, baseMs * factor ** Math.max(0, failures - 1))
