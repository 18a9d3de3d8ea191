/**
 * One priority level: how many of its requests run at once, and who waits in which queue.
 *
 * Invariant: a request is admitted at once, waits in exactly one queue, or is refused; every admitted one is
 * released exactly once. Waiting flows take turns by the time they were served so far (fair queueing). How
 * many seats other levels leave is the business of `flow-control.ts`.
 */
import { handOf } from './shuffle-shard.ts'

export interface Limits {
  /** Requests at the same time that are always this level's. */
  nominal: number
  /** How many of them others may use while this level does not. */
  lendable: number
  /** How many more than `nominal` it may have while others do not use theirs. */
  borrowable: number
  /** Undefined: what cannot run at once is refused. */
  queuing?: { queues: number; handSize: number; lengthMax: number } | undefined
}

interface Waiting {
  start(queue: Queue): void
}

export interface Queue {
  index: number
  waiting: Waiting[]
  executing: number
  /** Milliseconds of service this queue has had, never behind the level's own. */
  served: number
}

/** What a request is assumed to take until it has ended, in ms. */
const ASSUMED_MS = 5
const HANDS_MAX = 2000

export class PriorityLevel {
  readonly name: string
  limits: Limits
  executing = 0
  waiting = 0
  /** Those in which somebody waits or executes. */
  private readonly queues = new Map<number, Queue>()
  private readonly hands = new Map<string, readonly number[]>()
  /** The `served` of the queue that was served last: newly active queues begin here. */
  private served = 0

  constructor(name: string, limits: Limits) {
    this.name = name
    this.limits = limits
  }

  /** Seats that are its own and that it may not lend. */
  get reserved(): number {
    return Math.max(0, this.limits.nominal - this.limits.lendable - this.executing)
  }

  /**
   * Queues `start` for the flow; the result takes it back. Undefined when there is no room.
   * `start` is called by `next`.
   */
  enqueue(flow: string, start: (queue: Queue) => void): (() => void) | undefined {
    const { queuing } = this.limits
    if (!queuing) return undefined
    const queue = this.shortestOf(flow, queuing)
    if (queue.waiting.length >= queuing.lengthMax) return undefined
    this.queues.set(queue.index, queue)
    const entry: Waiting = { start }
    queue.waiting.push(entry)
    this.waiting++
    return () => {
      const at = queue.waiting.indexOf(entry)
      if (at < 0) return
      queue.waiting.splice(at, 1)
      this.waiting--
      this.forgetIdle(queue)
    }
  }

  /** Starts the waiting request whose queue was served least. */
  next(): void {
    let least: Queue | undefined
    for (const queue of this.queues.values())
      if (queue.waiting.length > 0 && (!least || queue.served < least.served)) least = queue
    const entry = least?.waiting.shift()
    if (!least || !entry) return
    this.waiting--
    this.served = least.served
    least.served += ASSUMED_MS
    least.executing++
    entry.start(least)
  }

  /** A request that had waited in `queue` has ended. */
  ended(queue: Queue, tookMs: number): void {
    queue.executing--
    queue.served += tookMs - ASSUMED_MS
    this.forgetIdle(queue)
  }

  private forgetIdle(queue: Queue): void {
    if (load(queue) === 0) this.queues.delete(queue.index)
  }

  private shortestOf(flow: string, { queues, handSize }: NonNullable<Limits['queuing']>): Queue {
    let hand = this.hands.get(flow)
    if (!hand || hand.length > handSize || hand.some((card) => card >= queues)) {
      hand = handOf(flow, queues, handSize)
      if (this.hands.size >= HANDS_MAX) this.hands.clear()
      this.hands.set(flow, hand)
    }
    let shortest: Queue | undefined
    for (const index of hand) {
      const queue = this.queues.get(index)
      if (!queue) return { index, waiting: [], executing: 0, served: this.served }
      if (!shortest || load(queue) < load(shortest)) shortest = queue
    }
    return shortest!
  }
}

const load = ({ waiting, executing }: Queue): number => waiting.length + executing
