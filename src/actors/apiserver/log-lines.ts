/**
 * What a container says, as lines at a pace.
 *
 * Invariant: every byte but the newlines comes out once, in order; a line longer than LINE_BYTES_MAX in parts.
 * It keeps no more than one such line.
 */
import { type Clock, sleep } from '../../std/clock.ts'

const LINE_BYTES_MAX = 256 * 1024
const NEWLINE = 10

/** Cuts into lines what comes in any pieces. */
export class LineCutter {
  private begun: Uint8Array[] = []
  private begunBytes = 0

  /** What no newline has ended; undefined when there is nothing. */
  rest(): Uint8Array | undefined {
    return this.begunBytes > 0 ? this.take() : undefined
  }

  /** The lines that `piece` completes, without their newlines. */
  *cut(piece: Uint8Array): Generator<Uint8Array> {
    let from = 0
    while (from < piece.length) {
      const room = LINE_BYTES_MAX - this.begunBytes
      const newline = piece.indexOf(NEWLINE, from)
      const end = newline < 0 ? piece.length : newline
      const isWhole = newline >= 0 && end - from <= room
      const to = Math.min(end, from + room)
      this.begun.push(piece.subarray(from, to))
      this.begunBytes += to - from
      from = isWhole ? to + 1 : to
      if (isWhole || this.begunBytes === LINE_BYTES_MAX) yield this.take()
    }
  }

  private take(): Uint8Array {
    const line = this.begun.length === 1 ? this.begun[0]! : Buffer.concat(this.begun)
    this.begun = []
    this.begunBytes = 0
    return line
  }
}

/** Lines and bytes that all who share it may say in a second. */
const LINES_PER_SECOND = 10_000
const BYTES_PER_SECOND = 4 * 1024 * 1024
/** What is said at once, in time. */
const BURST_MS = 50

/** How fast lines go out, so that no listener is cut off for being slow and nothing else waits for them. */
export class Pace {
  private spentUntilMs = 0
  private readonly clock: Clock

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Undefined when the next line may follow at once. Rejects when `signal` aborts. */
  after(bytes: number, signal: AbortSignal): Promise<void> | undefined {
    const now = this.clock.monotonic()
    const costMs = 1000 * Math.max(1 / LINES_PER_SECOND, bytes / BYTES_PER_SECOND)
    this.spentUntilMs = Math.max(this.spentUntilMs, now) + costMs
    const aheadMs = this.spentUntilMs - now
    return aheadMs > BURST_MS ? sleep(aheadMs, this.clock, signal) : undefined
  }
}
