/**
 * Records core Events about objects, without ever holding up whoever reports them.
 *
 * Invariant: what is queued, remembered and in flight is bounded; an event that finds no room is counted and
 * dropped. The same report again raises `count` of one Event instead of making another; more than ten
 * reports that differ only in their message become one Event, and one object may not flood the cluster
 * (the rules and limits of client-go's `tools/record` correlator). Events are never fenced: they are testimony.
 */
import { Event } from '../api/core/event.ts'
import type { Draft, KubernetesObject } from '../api/meta.ts'
import { StatusError } from '../api/status-error.ts'
import { backoffMs } from '../std/backoff.ts'
import { type Clock, timestamp } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import type { Client } from './client.ts'

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
const REMEMBERED_MAX = 4096
const SIMILAR_MAX = 10
const SIMILAR_WINDOW_MS = 600_000
const BURST_PER_OBJECT = 25
const REFILL_MS = 300_000
const TRIES_MAX = 12
const RETRY = { baseMs: 100, maxMs: 10_000 }

/** One Event of the cluster, as far as this recorder wrote or will write it. */
interface Entry {
  event: Draft<Event> & { count: number }
  created: boolean
  queued: boolean
  failures: number
}

export const createEventRecorder = (options: EventRecorderOptions): EventRecorder => {
  const { client, clock, log, component, host } = options
  const source = { component, ...(host ? { host } : {}) }
  const entries = boundedMap<Entry>()
  const similar = boundedMap<{ messages: Set<string>; lastMs: number }>()
  const buckets = boundedMap<{ tokens: number; atMs: number }>()
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

  const mayReport = (about: string, nowMs: number): boolean => {
    const bucket = buckets.get(about) ?? { tokens: BURST_PER_OBJECT, atMs: nowMs }
    const tokens = Math.min(BURST_PER_OBJECT, bucket.tokens + (nowMs - bucket.atMs) / REFILL_MS)
    buckets.set(about, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs })
    return tokens >= 1
  }

  /** The key and message under which a report is kept: its own, or that of the similar ones. */
  const correlate = (group: string, message: string, nowMs: number): [string, string] => {
    const seen = similar.get(group)
    const record =
      seen && nowMs - seen.lastMs <= SIMILAR_WINDOW_MS
        ? seen
        : { messages: new Set<string>(), lastMs: 0 }
    record.lastMs = nowMs
    if (record.messages.size < SIMILAR_MAX) record.messages.add(message)
    similar.set(group, record)
    return record.messages.size < SIMILAR_MAX
      ? [`${group}\n${message}`, message]
      : [group, `(combined from similar events): ${message}`]
  }

  const enqueue = (entry: Entry) => {
    if (entry.queued) return
    if (queue.length >= QUEUED_MAX) {
      if (dropped++ % QUEUED_MAX === 0) log.warn({ dropped }, 'event queue is full')
      return
    }
    entry.queued = true
    queue.push(entry)
    pump()
  }

  const pump = () => {
    while (inFlight < IN_FLIGHT_MAX && queue.length > 0) {
      const entry = queue.shift()!
      entry.queued = false
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
          pump()
        })
    }
    if (inFlight === 0 && queue.length === 0 && waiting === 0)
      for (const resolve of idle.splice(0)) resolve()
  }

  const fail = (entry: Entry, error: unknown) => {
    entry.failures++
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
      const { name, namespace, uid, resourceVersion } = object.metadata
      const about = [object.apiVersion, object.kind, namespace, name, uid].join('/')
      const group = [about, fieldPath, type, reason].join('\n')
      const [key, text] = correlate(group, message, nowMs)
      if (!mayReport(about, nowMs)) return
      const known = entries.get(key)
      const nowText = timestamp(nowMs)
      if (known) {
        known.event = { ...known.event, count: known.event.count + 1, lastTimestamp: nowText }
        known.event.message = text
        return enqueue(known)
      }
      const entry: Entry = {
        created: false,
        queued: false,
        failures: 0,
        event: {
          metadata: { name: eventName(name, nowMs), namespace: namespace || 'default' },
          involvedObject: {
            apiVersion: object.apiVersion,
            kind: object.kind,
            name,
            ...(namespace ? { namespace } : {}),
            ...(uid ? { uid } : {}),
            ...(resourceVersion ? { resourceVersion } : {}),
            ...(fieldPath ? { fieldPath } : {}),
          },
          reason,
          message: text,
          type,
          source,
          firstTimestamp: nowText,
          lastTimestamp: nowText,
          count: 1,
          reportingComponent: component,
          reportingInstance: host ?? '',
        },
      }
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

const isTransient = (error: unknown): boolean =>
  !(error instanceof StatusError) || error.code >= 500 || error.code === 429

/** A Map that forgets the least recently used entry beyond REMEMBERED_MAX. */
const boundedMap = <Value>() => {
  const map = new Map<string, Value>()
  const set = (key: string, value: Value) => {
    map.delete(key)
    map.set(key, value)
    if (map.size > REMEMBERED_MAX) map.delete(map.keys().next().value!)
  }
  return {
    set,
    get: (key: string): Value | undefined => {
      const value = map.get(key)
      if (value !== undefined) set(key, value)
      return value
    },
  }
}
