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

const QUEUED_MAX = 1000
const IN_FLIGHT_MAX = 16
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
  const source = { component, ...(host ? { host } : {}) }
  const entries = boundedMap<Entry>()
  const correlator = createEventCorrelator()
  const queue: Entry[] = []
  const idle: (() => void)[] = []
  let inFlight = 0
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
    pump()
  }

  const pump = () => {
    while (inFlight < IN_FLIGHT_MAX && queue.length > 0) {
      const entry = queue.shift()!
      entry.state = 'writing'
      entry.isStale = false
      inFlight++
      write(client, entry)
        .then(
          () => {
            entry.failures = 0
          },
          (error: unknown) => fail(entry, error),
        )
        .finally(() => {
          inFlight--
          if (entry.state === 'writing') entry.state = 'idle'
          if (entry.isStale) enqueue(entry)
          pump()
        })
    }
    if (inFlight === 0 && queue.length === 0 && (waiting === 0 || stopped))
      for (const resolve of idle.splice(0)) resolve()
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

  return {
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
        source,
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
  }
}

/** Creates the Event, or raises the count of the one that exists; one that expired is made again. */
const write = async (client: Client, entry: Entry): Promise<void> => {
  const { event } = entry
  const { name, namespace } = event.metadata
  if (entry.created) {
    try {
      const { count, lastTimestamp, message } = event
      await client.patch(Event, namespace, name!, 'merge', { count, lastTimestamp, message })
      return
    } catch (error) {
      if (!(error instanceof StatusError && error.code === 404)) throw error
    }
  }
  await client.create(Event, event)
  entry.created = true
}

/** The fields that have a value. */
const present = (fields: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(fields).filter((field): field is [string, string] => Boolean(field[1])),
  )

const isTransient = (error: unknown): boolean =>
  !(error instanceof StatusError) || error.code >= 500 || error.code === 429
