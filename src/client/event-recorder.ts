/**
 * Records core Events about objects, without ever holding up whoever reports them.
 *
 * Invariant: what is remembered is bounded. The same report again raises `count` of one Event instead of making
 * another; what counts as the same is `event-correlator.ts`'s to say, and `event-queue.ts` writes. Events are
 * never fenced: they are testimony.
 */
import type { KubernetesObject } from '../api/meta.ts'
import { type Clock, timestamp } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import type { Client } from './client.ts'
import { boundedMap, createEventCorrelator } from './event-correlator.ts'
import { EventQueue, type QueuedEvent } from './event-queue.ts'

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

export const createEventRecorder = (options: EventRecorderOptions): EventRecorder => {
  const { client, clock, log, component, host } = options
  const entries = boundedMap<QueuedEvent>()
  const correlator = createEventCorrelator()
  const queue = new EventQueue({ client, clock, log })
  let lastNano = 0n

  /** Unique and ordered, as `<object>.<nanoseconds in hex>`. */
  const eventName = (name: string, nowMs: number): string => {
    const nano = BigInt(nowMs) * 1_000_000n
    lastNano = nano > lastNano ? nano : lastNano + 1n
    return `${name.slice(0, 253 - 17)}.${lastNano.toString(16)}`
  }

  const recorderOf = (host: string | undefined): EventRecorder => ({
    from: recorderOf,
    event: (object, type, reason, message, fieldPath) => {
      if (queue.isStopped) return
      const nowMs = clock.now()
      const { apiVersion, kind } = object
      const { name, namespace, uid } = object.metadata
      const identity = [apiVersion, kind, namespace, name, uid].join('/')
      const group = [identity, fieldPath, type, reason].join('\n')
      const correlated = correlator.correlate(identity, group, message, nowMs)
      if (!correlated) return
      const { key, message: text } = correlated
      const known = entries.get(key)
      if (known) {
        raiseCount(known, text, timestamp(nowMs))
        return queue.add(known)
      }
      const metadata = { name: eventName(name, nowMs), namespace: namespace || 'default' }
      const event: QueuedEvent['event'] = {
        metadata,
        involvedObject: involved(object, fieldPath),
        reason,
        message: text,
        type,
        source: { component, ...(host ? { host } : {}) },
        firstTimestamp: timestamp(nowMs),
        lastTimestamp: timestamp(nowMs),
        count: 1,
        reportingComponent: component,
        reportingInstance: host ?? '',
      }
      const entry: QueuedEvent = {
        event,
        created: false,
        state: 'idle',
        isStale: false,
        failures: 0,
      }
      entries.set(key, entry)
      queue.add(entry)
    },
    flush: () => queue.flush(),
    stop: () => queue.stop(),
  })
  return recorderOf(host)
}

const raiseCount = (known: QueuedEvent, message: string, lastTimestamp: string) => {
  const { event } = known
  known.event = { ...event, count: event.count + 1, lastTimestamp, message }
}

const involved = (
  { apiVersion, kind, metadata }: Regarding | KubernetesObject,
  fieldPath: string | undefined,
) => {
  const { name, namespace, uid, resourceVersion } = metadata
  return present({ apiVersion, kind, name, namespace, uid, resourceVersion, fieldPath })
}

/** The fields that have a value. */
const present = (fields: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(fields).filter((field): field is [string, string] => Boolean(field[1])),
  )
