/**
 * The store: the only writer of the streams.
 *
 * It offers `Storage` to the apiserver of its process and, on the bus, fences and its status. Any number of
 * stores may run at once; the streams' compare-and-set keeps them apart. It knows no defaults, no validation.
 */

import type { AnyKind } from '../../api/kind.ts'
import { kinds } from '../../api/kinds.ts'
import { badRequest, conflict, serviceUnavailable } from '../../api/status-error.ts'
import type { Message, Registration } from '../../bus/bus.ts'
import type { Streams } from '../../bus/stream.ts'
import { type StorageClass, type Subjects, subjectsFor } from '../../bus/subjects.ts'
import type { Sealing } from '../../client/sealing.ts'
import { RevisionConflict, type Storage, type Write } from '../../client/storage.ts'
import type { StreamCache } from '../../client/stream-cache.ts'
import { newUid } from '../../std/ids.ts'
import type { Component, Ports } from '../component.ts'
import { Committer } from './committer.ts'
import { fencesOn } from './fences.ts'
import { type PendingWrite, payloadOf, storedObject } from './pending-write.ts'
import { reseal } from './reseal.ts'
import { checkState, keepWatermark, type WatermarkPort } from './watermark.ts'

/** Longer than an election of the stream's leader (4–9 s). */
const WRITE_MS = 20_000

export interface StorePorts extends Ports {
  streams: Streams
  cache: StreamCache
  /** What is known of the state from before; without it, a loss goes unnoticed. */
  watermark?: WatermarkPort
  /** Encrypts what is stored; without it everything is stored as it is. */
  sealing?: Sealing | undefined
  /** Copies of each stream: 1, or 3 in a cluster of nats-servers. */
  replicas: number
}

export interface Store extends Component {
  readonly storage: Storage
  /** Counters and gauges by metric name. */
  metrics(): Record<string, number>
}

/**
 * Resolves once the streams exist; `ready` resolves when the cache is complete and the bus endpoints answer.
 * Both reject with StateLost when the stream holds less than it did.
 */
export const startStore = async (ports: StorePorts): Promise<Store> => {
  const { streams, cache, clock, bus, replicas, log, watermark } = ports
  await streams.ensure(replicas)
  const known = watermark && { port: watermark, streams, cache, clock }
  const read = known ? (await checkState(known)).read : cache.ready
  const subjects = subjectsFor(bus.prefix)
  const fences = fencesOn({ streams, subjects, clock })
  const committers = {
    state: new Committer('state', { streams, cache, fences, clock, log }),
    events: new Committer('events', { streams, cache, fences, clock, log }),
  }
  const barriers = {
    state: sharedBarrier('state', ports),
    events: sharedBarrier('events', ports),
  }
  let isStopping = false
  const storage: Storage = {
    cache,
    write: async (write) => {
      if (isStopping) throw serviceUnavailable('the store is shutting down')
      return enqueue(write, committers[write.kind.storage], ports, subjects)
    },
    barrier: (kind) => barriers[kind.storage](kind),
    takeFence: (component, expected, holder) => fences.take(component, expected, holder),
    fence: (component) => cache.fence(component),
  }
  const metrics = () => metricsOf(committers)
  let registration: Registration | undefined
  let endWatermark = () => {}
  const ready = read.then(async () => {
    if (isStopping) return
    if (known) endWatermark = keepWatermark(known)
    registration = await serve(ports, subjects, storage, metrics)
  })
  // Whoever starts a store may still be busy with others when it fails.
  ready.catch(() => {})
  return {
    storage,
    metrics,
    ready,
    stop: async () => {
      isStopping = true
      await registration?.stop()
      await Promise.all([committers.state.drained(), committers.events.drained()])
      endWatermark()
    },
  }
}

const enqueue = (
  write: Write,
  committer: Committer,
  { streams, cache, clock, sealing }: StorePorts,
  subjects: Subjects,
): Promise<number> =>
  new Promise((resolve, reject) => {
    const pendingOf = (one: Write): PendingWrite => {
      const { kind, namespace, name, expected, object, fence, ttlSeconds, before = [] } = one
      const payload = payloadOf(storedObject(one, cache), streams.maxPayload)
      const place = { group: kind.group, resource: kind.plural, namespace, name }
      return {
        kind,
        namespace,
        name,
        subject: subjects.key(kind.storage, kind.group, kind.plural, namespace, name),
        payload: sealing ? sealing.seal(kind, place, payload) : payload,
        expected,
        tombstoneAt: undefined,
        isDeletion: object === undefined,
        ttlSeconds,
        fence,
        before: before.map(pendingOf),
        writeId: newUid(),
        isAmbiguous: false,
        deadline: clock.monotonic() + WRITE_MS,
        resolve,
        reject,
      }
    }
    committer.add(pendingOf(write))
  })

/** From this many readers of one question on, the next one gathers for a while: a question costs as much as two reads. */
const READERS_MANY = 3
const GATHER_MS = 1

/**
 * A barrier whose requests to the stream's leader are shared: one is in flight, everybody who asks meanwhile
 * shares the next, because only a request sent after the question proves anything. It is sent when this turn
 * of the event loop has read all requests that had arrived, so that they share it too; among many readers
 * a moment later.
 */
const sharedBarrier = (
  storage: StorageClass,
  { streams, cache, clock }: Pick<StorePorts, 'streams' | 'cache' | 'clock'>,
) => {
  let gathering: Promise<void> | undefined
  let inFlight: Promise<unknown> = Promise.resolve()
  let readers = 0
  const ask = async (kind: AnyKind) => {
    const isBusy = readers >= READERS_MANY
    readers = 0
    await inFlight
    await new Promise<void>((resolve) => {
      if (isBusy) clock.after(GATHER_MS, resolve)
      else setImmediate(resolve)
    })
    gathering = undefined
    const answer = streams.lastSequence(storage)
    inFlight = answer.catch(() => {})
    await cache.reached(kind, await answer)
  }
  return (kind: AnyKind): Promise<void> => {
    gathering ??= ask(kind)
    readers++
    return gathering
  }
}

const metricsOf = (committers: Record<StorageClass, Committer>): Record<string, number> => {
  const metrics: Record<string, number> = {}
  for (const [storage, { counters, length }] of Object.entries(committers)) {
    for (const [name, value] of Object.entries(counters))
      metrics[`kubus_store_${storage}_${name}_total`] = value
    metrics[`kubus_store_${storage}_queue_length`] = length
  }
  return metrics
}

const serve = (
  { bus, cache, version, identity, sealing }: StorePorts,
  subjects: Subjects,
  storage: Storage,
  metrics: () => Record<string, number>,
) => {
  const state = kinds.find(({ storage }) => storage === 'state')!
  return bus.serve({
    name: 'store',
    description: 'the only writer of the state streams',
    version,
    metadata: { identity },
    endpoints: [
      {
        name: 'fence-take',
        subject: subjects.fence('take'),
        handle: ({ data }) => takeOnBus(storage, data),
      },
      {
        name: 'fence-read',
        subject: subjects.fence('read'),
        handle: ({ data }) => readOnBus(storage, state, data),
      },
      {
        name: 'reseal',
        subject: subjects.storeReseal,
        handle: async () => ({ written: sealing ? await reseal(storage, sealing) : {} }),
      },
      {
        name: 'status',
        subject: subjects.storeStatus,
        handle: () => ({ identity, objects: cache.counts(), ...metrics() }),
      },
    ],
  })
}

const FENCES = { group: 'kubus', resource: 'fences' }

/** `{component, expected, holder}` → `{revision}`; 409 when the fence is elsewhere. */
const takeOnBus = async (storage: Storage, data: Message['data']) => {
  const { component, expected, holder } = (data ?? {}) as Record<string, unknown>
  if (typeof component !== 'string' || typeof expected !== 'number' || typeof holder !== 'string')
    throw badRequest('a take-over says component, expected and holder')
  try {
    return { revision: await storage.takeFence(component, expected, holder) }
  } catch (error) {
    if (error instanceof RevisionConflict) throw conflict(FENCES, component, error.message)
    throw error
  }
}

/** `{component}` → `{revision, holder}`; revision 0 while nobody has led. */
const readOnBus = async (storage: Storage, state: AnyKind, data: Message['data']) => {
  const { component } = (data ?? {}) as Record<string, unknown>
  if (typeof component !== 'string') throw badRequest('say which component')
  await storage.barrier(state)
  return storage.fence(component) ?? { revision: 0, holder: '' }
}
