/**
 * One priority level: how many of its seats are taken, and who waits in which queue.
 *
 * Invariant: a request is admitted at once, waits in exactly one queue, or is refused; every admitted one is
 * released exactly once. Waiting flows take turns by the time they were served so far (fair queueing). How
 * many seats other levels leave is the business of `flow-control.ts`.
 */
import { handOf } from './shuffle-shard.ts'

/** The most that one request takes. */
export const SEATS_MAX = 10

export interface Limits {
  /** Seats that are always this level's. */
  nominal: number
  /** How many of them others may use while this level does not. */
  lendable: number
  /** How many more than `nominal` it may have while others do not use theirs. */
  borrowable: number
  /** Undefined: what cannot run at once is refused. */
  queuing?: { queues: number; handSize: number; lengthMax: number } | undefined
}

interface Waiting {
  seats: number
  start(queue: Queue): void
}

export interface Queue {
  index: number
  waiting: Waiting[]
  /** Seats that are waited for, and taken. */
  seatsWaiting: number
  seatsTaken: number
  /** Milliseconds of service this queue has had, never behind the level's own. */
  served: number
}

/** What a request is assumed to take of each seat until it has ended, in ms. */
const ASSUMED_MS = 5
const HANDS_MAX = 2000

export class PriorityLevel {
  readonly name: string
  limits: Limits
  /** Requests. */
  executing = 0
  waiting = 0
  seatsTaken = 0
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
    return Math.max(0, this.limits.nominal - this.limits.lendable - this.seatsTaken)
  }

  /**
   * Queues `start` for the flow; the result takes it back. Undefined when there is no room.
   * `start` is called by `next`.
   */
  enqueue(flow: string, seats: number, start: (queue: Queue) => void): (() => void) | undefined {
    const { queuing } = this.limits
    if (!queuing) return undefined
    const queue = this.shortestOf(flow, queuing)
    if (queue.waiting.length >= queuing.lengthMax) return undefined
    this.queues.set(queue.index, queue)
    const entry: Waiting = { seats, start }
    queue.waiting.push(entry)
    queue.seatsWaiting += seats
    this.waiting++
    return () => {
      const at = queue.waiting.indexOf(entry)
      if (at < 0) return
      queue.waiting.splice(at, 1)
      queue.seatsWaiting -= seats
      this.waiting--
      this.forgetIdle(queue)
    }
  }

  /** Starts the waiting request whose queue was served least, if there is room for it. */
  next(hasRoom: (seats: number) => boolean): boolean {
    let least: Queue | undefined
    for (const queue of this.queues.values())
      if (queue.waiting.length > 0 && (!least || queue.served < least.served)) least = queue
    const [entry] = least?.waiting ?? []
    if (!least || !entry || !hasRoom(entry.seats)) return false
    least.waiting.shift()
    this.waiting--
    this.served = least.served
    least.served += ASSUMED_MS * entry.seats
    least.seatsWaiting -= entry.seats
    least.seatsTaken += entry.seats
    entry.start(least)
    return true
  }

  /** A request that had waited in `queue` has ended. */
  ended(queue: Queue, seats: number, tookMs: number): void {
    queue.seatsTaken -= seats
    queue.served += (tookMs - ASSUMED_MS) * seats
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
      if (!queue) return newQueue(index, this.served)
      if (!shortest || load(queue) < load(shortest)) shortest = queue
    }
    return shortest!
  }
}

const newQueue = (index: number, served: number): Queue => ({
  index,
  waiting: [],
  seatsWaiting: 0,
  seatsTaken: 0,
  served,
})

const load = ({ seatsWaiting, seatsTaken }: Queue): number => seatsWaiting + seatsTaken
