/**
 * `EventQueue`: writes Events a moment after they were reported, many in one request.
 *
 * Invariant: what is queued and in flight is bounded; at most one write of an Event is under way, and one that
 * was reported again meanwhile is written again. What cannot be written is tried again for a while, then given up.
 */
import { Event } from '../api/core/event.ts'
import type { Draft } from '../api/meta.ts'
import { StatusError } from '../api/status-error.ts'
import { backoffMs } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import type { Client } from './client.ts'

const QUEUED_MAX = 10_000
/** Events are testimony: they wait a moment, so that one request carries many, and never crowd out work. */
const GATHER_MS = 20
const BATCH_MAX = 64
const IN_FLIGHT_MAX = 2
const TRIES_MAX = 12
const RETRY = { baseMs: 100, maxMs: 10_000 }

/** One Event of the cluster, as far as it was written here or will be. */
export interface QueuedEvent {
  event: Draft<Event> & { count: number }
  created: boolean
  state: 'idle' | 'queued' | 'writing'
  /** Reported again while it was being written. */
  isStale: boolean
  failures: number
}

export class EventQueue {
  private readonly queue: QueuedEvent[] = []
  private readonly idle: (() => void)[] = []
  private inFlight = 0
  /** Failed ones whose turn comes later. */
  private waiting = 0
  private dropped = 0
  private cancelGather: (() => void) | undefined
  private stopped = false

  constructor(private readonly ports: { client: Client; clock: Clock; log: Log }) {}

  get isStopped(): boolean {
    return this.stopped
  }

  /** Has the event written as it will be then. One that finds no room is counted and dropped. */
  add(entry: QueuedEvent): void {
    if (entry.state === 'writing') entry.isStale = true
    if (entry.state !== 'idle') return
    const { clock, log } = this.ports
    if (this.queue.length >= QUEUED_MAX) {
      if (this.dropped++ % QUEUED_MAX === 0)
        log.warn({ dropped: this.dropped }, 'event queue is full')
      return
    }
    entry.state = 'queued'
    this.queue.push(entry)
    if (this.queue.length >= BATCH_MAX) this.pump()
    else this.cancelGather ??= clock.after(GATHER_MS, () => this.pump())
  }

  /** Resolves when everything queued so far was written or given up. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      this.idle.push(resolve)
      this.pump()
    })
  }

  /** Tries nothing again; resolves when what is queued is written or given up. */
  stop(): Promise<void> {
    this.stopped = true
    return this.flush()
  }

  private pump() {
    this.cancelGather?.()
    this.cancelGather = undefined
    while (this.inFlight < IN_FLIGHT_MAX && this.queue.length > 0) {
      const batch = this.queue.splice(0, BATCH_MAX)
      for (const entry of batch) {
        entry.state = 'writing'
        entry.isStale = false
      }
      this.inFlight++
      void write(this.ports.client, batch).then((failures) => {
        this.inFlight--
        batch.forEach((entry, index) => {
          this.settle(entry, failures[index])
        })
        this.pump()
      })
    }
    if (this.inFlight === 0 && this.queue.length === 0 && (this.waiting === 0 || this.stopped))
      for (const resolve of this.idle.splice(0)) resolve()
  }

  private settle(entry: QueuedEvent, failure: unknown) {
    if (failure === undefined) entry.failures = 0
    else this.fail(entry, failure)
    if (entry.state === 'writing') entry.state = 'idle'
    if (entry.isStale) this.add(entry)
  }

  private fail(entry: QueuedEvent, error: unknown) {
    entry.failures++
    entry.state = 'idle'
    if (!isTransient(error) || entry.failures >= TRIES_MAX || this.stopped) {
      entry.failures = 0
      this.ports.log.debug({ error, reason: entry.event.reason }, 'event given up')
      return
    }
    this.waiting++
    this.ports.clock.after(backoffMs(entry.failures, RETRY), () => {
      this.waiting--
      this.add(entry)
    })
  }
}

/** Creates the Events, or raises the counts of those that exist. What failed, and why, by position. */
const write = (client: Client, batch: readonly QueuedEvent[]): Promise<unknown[]> =>
  Promise.all(batch.map((entry) => (entry.created ? raise(client, entry) : create(client, entry))))

/** Why it failed; undefined when it did not. */
const create = async (client: Client, entry: QueuedEvent): Promise<unknown> => {
  try {
    await client.create(Event, entry.event, { answer: 'metadata' })
    entry.created = true
    return undefined
  } catch (error) {
    entry.created = false
    return error
  }
}

/** One that expired is made again. */
const raise = async (client: Client, entry: QueuedEvent): Promise<unknown> => {
  const { count, lastTimestamp, message, metadata } = entry.event
  const { name, namespace } = metadata
  try {
    await client.merge(Event, namespace, name!, { count, lastTimestamp, message })
    return undefined
  } catch (error) {
    if (error instanceof StatusError && error.code === 404) return create(client, entry)
    return error
  }
}

const isTransient = (error: unknown): boolean =>
  !(error instanceof StatusError) || error.code >= 500 || error.code === 429
