/**
 * Callers that wait until a cache has reached a revision.
 *
 * Invariant: each waits at most WAIT_MS and is then rejected with 504; one timer serves all.
 */
import { timeout } from '../api/status-error.ts'
import type { Clock } from '../std/clock.ts'

const WAIT_MS = 10_000

interface Waiter {
  revision: number
  deadline: number
  resolve(): void
  reject(error: Error): void
}

export class RevisionWaiters {
  /** By revision; callers mostly come in that order. */
  private waiters: Waiter[] = []
  private cancel: (() => void) | undefined

  constructor(private readonly clock: Clock) {}

  wait(revision: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const deadline = this.clock.monotonic() + WAIT_MS
      let at = this.waiters.length
      while (at > 0 && this.waiters[at - 1]!.revision > revision) at--
      this.waiters.splice(at, 0, { revision, deadline, resolve, reject })
      this.cancel ??= this.clock.after(WAIT_MS, () => this.expire())
    })
  }

  advance(revision: number) {
    let count = 0
    while (count < this.waiters.length && this.waiters[count]!.revision <= revision) count++
    if (count > 0) for (const { resolve } of this.waiters.splice(0, count)) resolve()
  }

  stop() {
    this.cancel?.()
    for (const { reject } of this.waiters.splice(0)) reject(timeout('the cache was stopped'))
  }

  private expire() {
    const now = this.clock.monotonic()
    const late = this.waiters.filter(({ deadline }) => deadline <= now)
    this.waiters = this.waiters.filter(({ deadline }) => deadline > now)
    for (const { reject, revision } of late)
      reject(timeout(`the cache did not reach revision ${revision} in time`))
    const next = Math.min(...this.waiters.map(({ deadline }) => deadline))
    this.cancel =
      this.waiters.length > 0
        ? this.clock.after(Math.max(1, next - now), () => this.expire())
        : undefined
  }
}
