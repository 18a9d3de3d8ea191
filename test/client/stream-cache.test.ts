import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ConfigMap } from '../../src/api/core/config-map.ts'
import type { KubernetesObject } from '../../src/api/meta.ts'
import { encode } from '../../src/bus/codec.ts'
import type { FollowHandler, Streams } from '../../src/bus/stream.ts'
import { openCache } from '../../src/client/stream-cache.ts'
import type { Change } from '../../src/client/view.ts'
import { systemClock } from '../../src/std/clock.ts'
import { configMap, log, putWrite, storeProcess } from '../actors/store/store-harness.ts'
import { startNatsServer } from '../support/nats-server.ts'

/** Streams that hand over what the test says; only what a cache reads. */
const scriptedStreams = (lastSequence: number) => {
  const handlers: FollowHandler[] = []
  const streams = {
    lastSequence: async (storage: string) => (storage === 'state' ? lastSequence : 0),
    follow: (storage: string, _from: number, handler: FollowHandler) => {
      if (storage === 'state') handlers.push(handler)
      else handler.onCaughtUp()
      return { stop: async () => {} }
    },
  } as unknown as Streams
  return { streams, handlers }
}

const message = (sequence: number, object: KubernetesObject, tombstone = false) => ({
  subject: `$KV.kubus.core.configmaps.default.${object.metadata.name}`,
  sequence,
  payload: encode(object),
  tombstone,
  time: 0,
})

const scripted = async (lastSequence: number) => {
  const { streams, handlers } = scriptedStreams(lastSequence)
  const cache = await openCache({ streams, clock: systemClock, log })
  await new Promise((resolve) => setImmediate(resolve))
  const changes: Change[] = []
  cache.subscribe((change) => changes.push(change))
  let isReady = false
  void cache.ready.then(() => {
    isReady = true
  })
  return { cache, handler: handlers[0]!, changes, isReady: () => isReady }
}

const summary = (changes: readonly Change[]) =>
  changes.map(({ type, object, revision }) => `${type} ${object.metadata.name} ${revision}`)

test('is ready at the sequence the stream had at start, and emits only what comes after', async () => {
  const { cache, handler, changes, isReady } = await scripted(3)
  handler.onMessage(message(1, configMap('a')))
  handler.onMessage(message(2, configMap('gone'), true))
  await Promise.resolve()
  assert.not.ok(isReady())
  handler.onMessage(message(3, configMap('b')))
  await cache.ready
  assert.equal(changes, [])
  assert.is(cache.list(ConfigMap).length, 2)
  handler.onMessage(message(4, configMap('c')))
  assert.equal(summary(changes), ['ADDED c 4'])
  assert.is(cache.revision(ConfigMap), 4)
  await cache.stop()
})

test('keeps every index in step with updates and deletions', async () => {
  const { cache, handler } = await scripted(0)
  const owned = (uid: string) => ({
    ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: 'x', uid, controller: true }],
  })
  const uid = { uid: 'same' }
  handler.onMessage(
    message(1, configMap('a', {}, { labels: { app: 'x' }, ...owned('u1'), ...uid })),
  )
  const by = (key: string, value: string) => ({
    labels: [{ key, operator: 'In' as const, values: [value] }],
  })
  assert.is(cache.list(ConfigMap, by('app', 'x')).length, 1)
  assert.is(cache.list(ConfigMap, { owner: 'u1' }).length, 1)
  assert.is(cache.list(ConfigMap, { namespace: 'other' }).length, 0)
  handler.onMessage(
    message(2, configMap('a', {}, { labels: { app: 'y' }, ...owned('u2'), ...uid })),
  )
  assert.is(cache.list(ConfigMap, by('app', 'x')).length, 0)
  assert.is(cache.list(ConfigMap, by('app', 'y')).length, 1)
  assert.is(cache.list(ConfigMap, { owner: 'u1' }).length, 0)
  assert.is(cache.list(ConfigMap, { owner: 'u2', namespace: 'default' }).length, 1)
  handler.onMessage(message(3, configMap('a', {}, uid), true))
  assert.is(cache.list(ConfigMap, by('app', 'y')).length, 0)
  assert.is(cache.list(ConfigMap, { namespace: 'default' }).length, 0)
  await cache.stop()
})

test('reports an object that was replaced while it looked away as deleted and added', async () => {
  const { cache, handler, changes } = await scripted(1)
  handler.onMessage(message(1, configMap('a')))
  await cache.ready
  handler.onMessage(message(9, configMap('a')))
  assert.equal(summary(changes), ['DELETED a 9', 'ADDED a 9'])
  await cache.stop()
})

test('forgets what has gone without a trace when the stream is read again', async () => {
  const { cache, handler, changes } = await scripted(2)
  const [kept, lost] = [configMap('kept'), configMap('lost')]
  handler.onMessage(message(1, kept))
  handler.onMessage(message(2, lost))
  await cache.ready
  handler.onGap()
  handler.onMessage(message(1, kept))
  handler.onMessage(message(7, configMap('new')))
  handler.onCaughtUp()
  assert.equal(summary(changes), ['ADDED new 7', 'DELETED lost 7'])
  assert.is(cache.list(ConfigMap).length, 2)
  await cache.stop()
})

test('answers changes since a revision until the ring has moved on', async () => {
  const { cache, handler } = await scripted(0)
  handler.onCaughtUp()
  await cache.ready
  const object = configMap('busy')
  for (let sequence = 1; sequence <= 50_010; sequence++)
    handler.onMessage(message(sequence, object))
  assert.is(cache.changesSince(ConfigMap, 9), undefined)
  assert.is(cache.changesSince(ConfigMap, 10)?.length, 50_000)
  assert.is(cache.changesSince(ConfigMap, 50_008)?.[0]?.revision, 50_009)
  assert.equal(cache.changesSince(ConfigMap, 50_010), [])
  await cache.stop()
})

test('follows through a kill of nats-server without losing or repeating a change', async () => {
  const server = await startNatsServer()
  const writer = await storeProcess(server.url)
  const reader = await storeProcess(server.url)
  const changes: Change[] = []
  reader.cache.subscribe((change) => changes.push(change))
  const written: number[] = []
  for (let index = 0; index < 300; index++) {
    written.push(await writer.storage.write(putWrite(configMap(`f-${index}`), 0)))
    if (index % 100 === 50) {
      await server.kill()
      await server.restart()
    }
  }
  await reader.storage.barrier(ConfigMap)
  assert.equal(
    changes.map(({ revision }) => revision),
    written,
  )
  await reader.stop()
  await writer.stop()
  await server.stop()
})

test.run()
