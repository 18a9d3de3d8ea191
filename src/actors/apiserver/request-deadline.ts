/**
 * How long a request may take: 60 seconds, or less when it says `timeout=`.
 *
 * Invariant: a request that was added and not removed is told once that its time is over. One timer looks
 * after all; only a request that names a time of its own gets one of its own.
 */
import { badRequest, StatusError } from '../../api/status-error.ts'
import type { Clock } from '../../std/clock.ts'

const REQUEST_MAX_MS = 60_000
const LOOK_EVERY_MS = 1000

export interface Timed {
  /** `Clock.monotonic`, in ms. */
  readonly startedAt: number
  expire(error: StatusError): void
  /** Neighbours among the watched ones; this file's alone. */
  before: Timed | undefined
  after: Timed | undefined
  isTimed: boolean
  /** Ends the timer of a request that named a time of its own. */
  stopTimer?: (() => void) | undefined
}

/** The watched ones are a chain, oldest first: joining and leaving it cost next to nothing. */
export class RequestDeadlines {
  private oldest: Timed | undefined
  private newest: Timed | undefined
  private isLooking = false
  private readonly clock: Clock

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** From now on `request` is watched over. Throws 400 for a `timeout` that is no duration. */
  add(request: Timed, query: URLSearchParams): void {
    const text = query.size > 0 ? query.get('timeout') : null
    const ownMs = text ? requestedMs(text) : 0
    if (ownMs > 0 && ownMs < REQUEST_MAX_MS)
      request.stopTimer = this.clock.after(ownMs, () => {
        if (request.isTimed) this.expire(request)
      })
    request.isTimed = true
    request.before = this.newest
    if (this.newest) this.newest.after = request
    else this.oldest = request
    this.newest = request
    if (!this.isLooking) this.look()
  }

  remove(request: Timed): void {
    if (!request.isTimed) return
    request.isTimed = false
    request.stopTimer?.()
    const { before, after } = request
    if (before) before.after = after
    else this.oldest = after
    if (after) after.before = before
    else this.newest = before
    request.before = undefined
    request.after = undefined
  }

  private look(): void {
    this.isLooking = true
    this.clock.after(LOOK_EVERY_MS, () => {
      const since = this.clock.monotonic() - REQUEST_MAX_MS
      while (this.oldest && this.oldest.startedAt < since) this.expire(this.oldest)
      if (this.oldest) this.look()
      else this.isLooking = false
    })
  }

  private expire(request: Timed): void {
    this.remove(request)
    const message = 'Timeout: request did not complete within the allotted timeout'
    request.expire(new StatusError(504, 'Timeout', message, {}))
  }
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

/** The milliseconds of a Go duration such as `1m30s`. Throws 400 in the words of Go's parser. */
const requestedMs = (text: string): number => {
  const refuse = (why: string): never => {
    throw badRequest(`invalid timeout specified in the request URL - time: ${why}`)
  }
  const quoted = JSON.stringify(text)
  const [, sign, rest = ''] = /^([+-]?)(.*)$/s.exec(text)!
  if (rest === '0') return 0
  if (rest === '') refuse(`invalid duration ${quoted}`)
  let total = 0
  const part = /(\d*\.?\d*)([^\d.]*)/y
  while (part.lastIndex < rest.length) {
    const [, number = '', unit = ''] = part.exec(rest)!
    if (!/\d/.test(number)) refuse(`invalid duration ${quoted}`)
    if (unit === '') refuse(`missing unit in duration ${quoted}`)
    const factor = UNIT_MS[unit]
    if (factor === undefined)
      return refuse(`unknown unit ${JSON.stringify(unit)} in duration ${quoted}`)
    total += Number(number) * factor
  }
  return sign === '-' ? -total : total
}
