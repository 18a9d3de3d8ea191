/**
 * Records core Events about objects, without ever holding up whoever reports them.
 *
 * Invariant: what is queued, remembered and in flight is bounded; an event that finds no room is counted and
 * dropped. The same report again raises `count` of one Event instead of making another; what counts as the
 * same is `event-correlator.ts`'s to say. Events are never fenced: they are testimony.
 */
import { Event } from '../api/core/event.ts'
import type { Draft, KubernetesObject } from '../api/meta.ts'
import { StatusError } from '../api/status-error.ts'
import { backoffMs } from '../std/backoff.ts'
import { type Clock, timestamp } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import type { Client } from './client.ts'
import { boundedMap, createEventCorrelator } from './event-correlator.ts'

export type EventType = 'Normal' | 'Warning'

/** What an event is about: any object, or as much of one as is known. */
export interface Regarding {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; uid?: string; resourceVersion?: string }
}

export interface EventRecorder {
  /** The recorder of another source, e.g. a node, which shares the queue and memory of this one. */
  from(host: string): EventRecorder
  /** Queues an event. `fieldPath` names a part of the object, e.g. `spec.containers{web}`. */
  event(
    object: Regarding | KubernetesObject,
    type: EventType,
    reason: string,
    message: string,
    fieldPath?: string,
  ): void
  /** Resolves when everything queued so far was written or given up. */
  flush(): Promise<void>
  /** Takes no more events, and resolves when the queued ones are written or given up. */
  stop(): Promise<void>
}

export interface EventRecorderOptions {
  client: Client
  clock: Clock
  log: Log
  /** As Kubernetes names it, e.g. `deployment-controller`, `default-scheduler`, `kubelet`. */
  component: string
  /** The node, for a kubelet's events. */
  host?: string
}

const QUEUED_MAX = 10_000
/** Events are testimony: they wait a moment, so that one request carries many, and never crowd out work. */
const GATHER_MS = 20
const BATCH_MAX = 64
const IN_FLIGHT_MAX = 2
const TRIES_MAX = 12
const RETRY = { baseMs: 100, maxMs: 10_000 }

/** One Event of the cluster, as far as this recorder wrote or will write it. */
interface Entry {
  event: Draft<Event> & { count: number }
  created: boolean
  state: 'idle' | 'queued' | 'writing'
  /** Reported again while it was being written. */
  isStale: boolean
  failures: number
}

export const createEventRecorder = (options: EventRecorderOptions): EventRecorder => {
  const { client, clock, log, component, host } = options
  const entries = boundedMap<Entry>()
  const correlator = createEventCorrelator()
  const queue: Entry[] = []
  const idle: (() => void)[] = []
  let inFlight = 0
  let cancelGather: (() => void) | undefined
  let waiting = 0
  let dropped = 0
  let stopped = false
  let lastNano = 0n

  /** Unique and ordered, as `<object>.<nanoseconds in hex>`. */
  const eventName = (name: string, nowMs: number): string => {
    const nano = BigInt(nowMs) * 1_000_000n
    lastNano = nano > lastNano ? nano : lastNano + 1n
    return `${name.slice(0, 253 - 17)}.${lastNano.toString(16)}`
  }

  const enqueue = (entry: Entry) => {
    if (entry.state === 'writing') entry.isStale = true
    if (entry.state !== 'idle') return
    if (queue.length >= QUEUED_MAX) {
      if (dropped++ % QUEUED_MAX === 0) log.warn({ dropped }, 'event queue is full')
      return
    }
    entry.state = 'queued'
    queue.push(entry)
    if (queue.length >= BATCH_MAX) pump()
    else cancelGather ??= clock.after(GATHER_MS, pump)
  }

  const pump = () => {
    cancelGather?.()
    cancelGather = undefined
    while (inFlight < IN_FLIGHT_MAX && queue.length > 0) {
      const batch = queue.splice(0, BATCH_MAX)
      for (const entry of batch) {
        entry.state = 'writing'
        entry.isStale = false
      }
      inFlight++
      void write(client, batch).then((failures) => {
        inFlight--
        batch.forEach((entry, index) => {
          settle(entry, failures[index])
        })
        pump()
      })
    }
    if (inFlight === 0 && queue.length === 0 && (waiting === 0 || stopped))
      for (const resolve of idle.splice(0)) resolve()
  }

  const settle = (entry: Entry, failure: unknown) => {
    if (failure === undefined) entry.failures = 0
    else fail(entry, failure)
    if (entry.state === 'writing') entry.state = 'idle'
    if (entry.isStale) enqueue(entry)
  }

  const fail = (entry: Entry, error: unknown) => {
    entry.failures++
    entry.state = 'idle'
    if (!isTransient(error) || entry.failures >= TRIES_MAX || stopped) {
      entry.failures = 0
      log.debug({ error, reason: entry.event.reason }, 'event given up')
      return
    }
    waiting++
    clock.after(backoffMs(entry.failures, RETRY), () => {
      waiting--
      enqueue(entry)
    })
  }

  const flush = () =>
    new Promise<void>((resolve) => {
      idle.push(resolve)
      pump()
    })

  const recorderOf = (host: string | undefined): EventRecorder => ({
    from: recorderOf,
    event: (object, type, reason, message, fieldPath) => {
      if (stopped) return
      const nowMs = clock.now()
      const { apiVersion, kind } = object
      const { name, namespace, uid, resourceVersion } = object.metadata
      const identity = [apiVersion, kind, namespace, name, uid].join('/')
      const group = [identity, fieldPath, type, reason].join('\n')
      const correlated = correlator.correlate(identity, group, message, nowMs)
      if (!correlated) return
      const { key, message: text } = correlated
      const known = entries.get(key)
      const nowText = timestamp(nowMs)
      if (known) {
        known.event = { ...known.event, count: known.event.count + 1, lastTimestamp: nowText }
        known.event.message = text
        return enqueue(known)
      }
      const about = { apiVersion, kind, name, namespace, uid, resourceVersion, fieldPath }
      const event: Entry['event'] = {
        metadata: { name: eventName(name, nowMs), namespace: namespace || 'default' },
        involvedObject: present(about),
        reason,
        message: text,
        type,
        source: { component, ...(host ? { host } : {}) },
        firstTimestamp: nowText,
        lastTimestamp: nowText,
        count: 1,
        reportingComponent: component,
        reportingInstance: host ?? '',
      }
      const entry: Entry = { event, created: false, state: 'idle', isStale: false, failures: 0 }
      entries.set(key, entry)
      enqueue(entry)
    },
    flush,
    stop: () => {
      stopped = true
      return flush()
    },
  })
  return recorderOf(host)
}

/** Creates the Events, or raises the counts of those that exist. What failed, and why, by position. */
const write = async (client: Client, batch: readonly Entry[]): Promise<unknown[]> => {
  const fresh = batch.filter(({ created }) => !created)
  const [created, raised] = await Promise.all([
    fresh.length > 0 ? createAll(client, fresh) : [],
    Promise.all(batch.filter(({ created }) => created).map((entry) => raise(client, entry))),
  ])
  return batch.map((entry) => (fresh.includes(entry) ? created.shift() : raised.shift()))
}

const createAll = async (client: Client, entries: readonly Entry[]): Promise<unknown[]> => {
  try {
    const failures = await client.createAll(
      Event,
      entries.map(({ event }) => event),
    )
    entries.forEach((entry, index) => {
      entry.created = failures[index] === undefined
    })
    return failures
  } catch (error) {
    return entries.map(() => error)
  }
}

/** One that expired is made again. */
const raise = async (client: Client, entry: Entry): Promise<unknown> => {
  const { count, lastTimestamp, message, metadata } = entry.event
  const { name, namespace } = metadata
  try {
    await client.merge(Event, namespace, name!, { count, lastTimestamp, message })
    return undefined
  } catch (error) {
    if (error instanceof StatusError && error.code === 404)
      return (await createAll(client, [entry]))[0]
    return error
  }
}

/** The fields that have a value. */
const present = (fields: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(fields).filter((field): field is [string, string] => Boolean(field[1])),
  )

const isTransient = (error: unknown): boolean =>
  !(error instanceof StatusError) || error.code >= 500 || error.code === 429
