import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startControllers } from '../../../src/actors/controllers/controllers.ts'
import { startStore } from '../../../src/actors/store/store.ts'
import { Deployment } from '../../../src/api/apps/deployment.ts'
import { ReplicaSet } from '../../../src/api/apps/replica-set.ts'
import { Namespace } from '../../../src/api/core/namespace.ts'
import { Pod } from '../../../src/api/core/pod.ts'
import { connectBus } from '../../../src/bus/nats-bus.ts'
import { createClient } from '../../../src/client/bus-client.ts'
import type { Client } from '../../../src/client/client.ts'
import { openCache } from '../../../src/client/stream-cache.ts'
import { systemClock } from '../../../src/std/clock.ts'
import { startTestApiserver } from '../../support/api-server.ts'
import { eventually } from '../../support/cluster.ts'
import { startNatsServer } from '../../support/nats-server.ts'
import { podTemplate } from './objects.ts'

const LOG = pino({ level: process.env['KUBUS_LOG'] ?? 'warn' })

/** A real nats-server, store and apiserver, and the controllers. */
const startPlane = async () => {
  const nats = await startNatsServer()
  const connect = () =>
    connectBus({ servers: [nats.url], name: 'test', log: LOG, clock: systemClock })
  const { bus, streams } = await connect()
  const cache = await openCache({ streams, clock: systemClock, log: LOG })
  const ports = { bus, clock: systemClock, log: LOG, version: '0.1.0' }
  const store = await startStore({
    ...ports,
    streams,
    cache,
    client: {} as Client,
    identity: 'store-1',
    replicas: 1,
  })
  await store.ready
  const api = await startTestApiserver(store.storage, bus)
  const client = createClient(ports)
  const controllers = await startControllers({ ...ports, client, cache, identity: 'test-1' })
  return {
    cache,
    client,
    stop: async () => {
      await controllers.stop()
      await api.stop()
      await store.stop()
      await cache.stop()
      await bus.drain()
      await nats.stop()
    },
  }
}

let plane: Awaited<ReturnType<typeof startPlane>>
test.before(async () => {
  plane = await startPlane()
})
test.after(() => plane.stop())

const draft = (name: string, replicas: number, image = 'web:1') => ({
  metadata: { name, namespace: 'default' },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: podTemplate({ app: name }, image),
  },
})
const podsOf = (name: string) =>
  plane.cache
    .list(Pod, { namespace: 'default' })
    .filter(({ metadata }) => metadata.labels?.['app'] === name)

test('a Deployment on the real store becomes a ReplicaSet and pods, and rolls', async () => {
  await plane.client.create(Deployment, draft('web', 3))
  await eventually(() => podsOf('web').length === 3, 'three pods')
  const status = await eventually(() => {
    const found = plane.cache.get(Deployment, 'default', 'web')
    return found?.status?.replicas === 3 && found.status
  }, 'its status')
  assert.is(status.observedGeneration, 1)
  await plane.client.patch(Deployment, 'default', 'web', 'strategic', {
    spec: { template: podTemplate({ app: 'web' }, 'web:2') },
  })
  await eventually(() => plane.cache.list(ReplicaSet).length === 2, 'a second ReplicaSet')
})

test('a deleted Deployment takes its pods with it', async () => {
  await plane.client.delete(Deployment, 'default', 'web', { propagationPolicy: 'Background' })
  await eventually(() => podsOf('web').length === 0, 'no pods')
})

test('a namespace is emptied and goes', async () => {
  await plane.client.create(Namespace, { metadata: { name: 'team' } })
  const inTeam = draft('web', 2)
  inTeam.metadata.namespace = 'team'
  await plane.client.create(Deployment, inTeam)
  await eventually(() => plane.cache.list(Pod, { namespace: 'team' }).length === 2, 'two pods')
  await plane.client.delete(Namespace, undefined, 'team')
  await eventually(() => !plane.cache.get(Namespace, undefined, 'team'), 'the end of the namespace')
  assert.is(plane.cache.list(Pod, { namespace: 'team' }).length, 0)
})

test('a thousand replicas come and go', async () => {
  const startMs = systemClock.monotonic()
  await plane.client.create(Deployment, draft('big', 1000))
  await eventually(() => podsOf('big').length === 1000, 'a thousand pods')
  const createdMs = systemClock.monotonic() - startMs
  await eventually(
    () => plane.cache.get(Deployment, 'default', 'big')?.status?.replicas === 1000,
    'the status',
  )
  const deletedAt = systemClock.monotonic()
  await plane.client.delete(Deployment, 'default', 'big', { propagationPolicy: 'Background' })
  await eventually(() => podsOf('big').length === 0, 'no pods')
  const deletedMs = systemClock.monotonic() - deletedAt
  LOG.info({ createdMs, deletedMs }, 'a thousand replicas')
})

test.run()
