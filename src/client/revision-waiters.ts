/**
 * Callers that wait until a cache has reached a revision.
 *
 * Invariant: each waits for a bounded time and is then rejected with 504; one timer serves all.
 */
import { timeout } from '../api/status-error.ts'
import type { Clock } from '../std/clock.ts'

/**
 * Longer than a stream may be silent that has lost a server: a follower notices after three seconds, and an election
 * takes nine. What was written is on disk all the while.
 */
const WAIT_MS = 20_000

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
  /** When the timer fires. */
  private nextLook = Infinity

  constructor(private readonly clock: Clock) {}

  wait(revision: number, withinMs = WAIT_MS): Promise<void> {
    return new Promise((resolve, reject) => {
      const deadline = this.clock.monotonic() + withinMs
      let at = this.waiters.length
      while (at > 0 && this.waiters[at - 1]!.revision > revision) at--
      this.waiters.splice(at, 0, { revision, deadline, resolve, reject })
      if (deadline < this.nextLook) this.lookAt(deadline)
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

  private lookAt(deadline: number) {
    this.cancel?.()
    this.nextLook = deadline
    this.cancel = this.clock.after(Math.max(1, deadline - this.clock.monotonic()), () =>
      this.expire(),
    )
  }

  private expire() {
    this.cancel = undefined
    this.nextLook = Infinity
    const now = this.clock.monotonic()
    const late = this.waiters.filter(({ deadline }) => deadline <= now)
    this.waiters = this.waiters.filter(({ deadline }) => deadline > now)
    for (const { reject, revision } of late)
      reject(timeout(`the cache did not reach revision ${revision} in time`))
    if (this.waiters.length > 0)
      this.lookAt(Math.min(...this.waiters.map(({ deadline }) => deadline)))
  }
}
