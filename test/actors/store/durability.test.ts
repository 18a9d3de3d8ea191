import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ConfigMap } from '../../../src/api/core/config-map.ts'
import { kinds } from '../../../src/api/kinds.ts'
import { startNatsServer } from '../../support/nats-server.ts'
import {
  configMap,
  deleteWrite,
  putWrite,
  type StoreProcess,
  storeProcess,
} from './store-harness.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test('after kill -9 of nats-server during 10,000 writes every acknowledged one is there', async () => {
  const server = await startNatsServer()
  const writer = await storeProcess(server.url)
  const acknowledged = new Map<string, number>()
  let next = 0
  let unknown = 0
  const write = async () => {
    while (next < 10_000) {
      const name = `w-${next++}`
      try {
        acknowledged.set(name, await writer.storage.write(putWrite(configMap(name), 0)))
      } catch {
        unknown++
      }
    }
  }
  const killing = (async () => {
    for (const share of [0.2, 0.5, 0.8]) {
      while (acknowledged.size < share * 10_000) await pause(5)
      await server.kill()
      await pause(200)
      await server.restart()
    }
  })()
  await Promise.all([killing, ...Array.from({ length: 64 }, write)])
  await server.kill()
  await server.restart()
  const reader: StoreProcess = await storeProcess(server.url)
  await reader.storage.barrier(ConfigMap)
  const missing = [...acknowledged].filter(
    ([name, revision]) =>
      reader.cache.get(ConfigMap, 'default', name)?.metadata.resourceVersion !== String(revision),
  )
  assert.equal(missing, [])
  assert.ok(acknowledged.size + unknown === 10_000)
  assert.ok(acknowledged.size > 9_500, `${unknown} writes of unknown outcome`)
  // The writer's own cache followed through all of it.
  await writer.storage.barrier(ConfigMap)
  assert.is(writer.cache.list(ConfigMap).length, reader.cache.list(ConfigMap).length)
  await reader.stop()
  await writer.stop()
  await server.stop()
})

test('100,000 objects are in the cache after a restart of everything', async () => {
  const server = await startNatsServer()
  const writer = await storeProcess(server.url)
  let next = 0
  const labels = (index: number) => ({ labels: { app: `app-${index % 100}`, all: 'yes' } })
  const write = async () => {
    while (next < 100_000) {
      const index = next++
      await writer.storage.write(putWrite(configMap(`o-${index}`, { a: 'b' }, labels(index)), 0))
    }
  }
  await Promise.all(Array.from({ length: 512 }, write))
  const first = writer.cache.get(ConfigMap, 'default', 'o-0')!
  await writer.storage.write(deleteWrite(first, Number(first.metadata.resourceVersion)))
  const revision = writer.cache.revision(ConfigMap)
  await writer.stop()
  await server.kill()
  await server.restart()
  const reader = await storeProcess(server.url)
  assert.is(reader.cache.list(ConfigMap).length, 99_999)
  assert.is(reader.cache.revision(ConfigMap), revision)
  const query = { labels: [{ key: 'app', operator: '=' as const, values: ['app-7'] }] }
  assert.is(reader.cache.list(ConfigMap, query).length, 1_000)
  assert.is(reader.cache.changesSince(ConfigMap, revision - 1), undefined)
  assert.equal(reader.cache.changesSince(ConfigMap, revision), [])
  await reader.stop()
  await server.stop()
})

test('a cache opened after the last message has expired is ready all the same', async () => {
  const server = await startNatsServer()
  const writer = await storeProcess(server.url)
  const object = configMap('short')
  const created = await writer.storage.write(putWrite(object, 0))
  // The stream's newest message, gone as after its time to live.
  await writer.streams.publish('state', {
    subject: '$KV.kubus.core.configmaps.default.short',
    payload: new Uint8Array(0),
    expected: created,
    tombstone: true,
    ttlSeconds: 1,
  })
  await pause(2_500)
  const reader = await storeProcess(server.url)
  await reader.storage.barrier(ConfigMap)
  assert.is(reader.cache.list(ConfigMap).length, 0)
  assert.ok(reader.cache.revision(kinds[0]!) > created)
  // What this cache remembers as a tombstone is gone: the name is free.
  await writer.storage.write(putWrite(configMap('short'), 0))
  await reader.stop()
  await writer.stop()
  await server.stop()
})

test.run()
