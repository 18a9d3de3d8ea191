/**
 * A store with its bus and cache on a given nats-server, as one process would have them.
 */
import { pino } from 'pino'
import { type Store, startStore } from '../../../src/actors/store/store.ts'
import type { WatermarkPort } from '../../../src/actors/store/watermark.ts'
import { ConfigMap } from '../../../src/api/core/config-map.ts'
import type { KubernetesObject } from '../../../src/api/meta.ts'
import type { Bus } from '../../../src/bus/bus.ts'
import { connectBus } from '../../../src/bus/nats-bus.ts'
import type { Streams } from '../../../src/bus/stream.ts'
import type { Client } from '../../../src/client/client.ts'
import type { Sealing } from '../../../src/client/sealing.ts'
import type { Fence, Storage, Write } from '../../../src/client/storage.ts'
import { openCache, type StreamCache } from '../../../src/client/stream-cache.ts'
import { systemClock } from '../../../src/std/clock.ts'
import { newUid } from '../../../src/std/ids.ts'

export const log = pino({ level: process.env['KUBUS_LOG'] ?? 'silent' })

export interface StoreProcess {
  bus: Bus
  streams: Streams
  cache: StreamCache
  store: Store
  storage: Storage
  stop(): Promise<void>
}

export const storeProcess = async (
  url: string | string[],
  prefix = 'kubus',
  replicas = 1,
  watermark?: WatermarkPort,
  sealing?: Sealing,
): Promise<StoreProcess> => {
  const { bus, streams } = await connectBus({
    servers: [url].flat(),
    prefix,
    name: 'test',
    log,
    clock: systemClock,
  })
  const cache = await openCache({ streams, clock: systemClock, log, prefix, sealing })
  const close = async () => {
    await cache.stop()
    await bus.drain()
  }
  const starting = startStore({
    bus,
    client: {} as Client,
    clock: systemClock,
    log,
    identity: `test-${newUid()}`,
    version: '0.1.0',
    streams,
    cache,
    replicas,
    sealing,
    ...(watermark ? { watermark } : {}),
  })
  const store = await starting
    .then(async (started) => {
      await started.ready
      return started
    })
    .catch(async (error: unknown) => {
      await close()
      throw error
    })
  return {
    bus,
    streams,
    cache,
    store,
    storage: store.storage,
    stop: async () => {
      await store.stop()
      await close()
    },
  }
}

export const configMap = (name: string, data: Record<string, string> = {}, more = {}) =>
  ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default', uid: newUid(), ...more },
    data,
  }) as unknown as KubernetesObject & { data: Record<string, string> }

export const putWrite = (object: KubernetesObject, expected: number, fence?: Fence): Write => ({
  kind: ConfigMap,
  namespace: 'default',
  name: object.metadata.name,
  expected,
  object,
  ...(fence ? { fence } : {}),
})

export const deleteWrite = (last: KubernetesObject, expected: number): Write => ({
  kind: ConfigMap,
  namespace: 'default',
  name: last.metadata.name,
  expected,
  last,
})
