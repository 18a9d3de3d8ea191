import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ConfigMap } from '../../../src/api/core/config-map.ts'
import { Event } from '../../../src/api/core/event.ts'
import type { StatusError } from '../../../src/api/status-error.ts'
import { FenceLost, RevisionConflict } from '../../../src/client/storage.ts'
import type { Change } from '../../../src/client/view.ts'
import { natsCommand } from '../../support/nats-command.ts'
import { startNatsServer } from '../../support/nats-server.ts'
import {
  configMap,
  deleteWrite,
  putWrite,
  type StoreProcess,
  storeProcess,
} from './store-harness.ts'

const server = await startNatsServer()
const one: StoreProcess = await storeProcess(server.url)
const other: StoreProcess = await storeProcess(server.url)

const failure = async (run: Promise<unknown>): Promise<unknown> => {
  try {
    await run
  } catch (error) {
    return error
  }
  return undefined
}

test('a write is in the cache, with its revision, when it resolves', async () => {
  const object = configMap('plain', { a: '1' })
  const revision = await one.storage.write(putWrite(object, 0))
  const stored = one.cache.get(ConfigMap, 'default', 'plain')
  assert.is(stored?.metadata.resourceVersion, String(revision))
  assert.equal(stored?.data, { a: '1' })
  assert.is(one.cache.revision(ConfigMap), revision)
})

test('a write with a stale revision is a conflict, also when this cache is behind', async () => {
  const object = configMap('raced')
  const first = await one.storage.write(putWrite(object, 0))
  await other.storage.barrier(ConfigMap)
  const results = await Promise.all(
    [one, other, one, other].map((process, index) =>
      failure(process.storage.write(putWrite(configMap('raced', { by: String(index) }), first))),
    ),
  )
  assert.is(results.filter((result) => result === undefined).length, 1)
  assert.is(results.filter((result) => result instanceof RevisionConflict).length, 3)
  assert.instance(await failure(one.storage.write(putWrite(object, 0))), RevisionConflict)
})

test('a deletion is one tombstone with the last object, and the name can be used again', async () => {
  const changes: Change[] = []
  const off = other.cache.subscribe((change) => changes.push(change))
  const object = configMap('gone', { last: 'state' })
  const created = await one.storage.write(putWrite(object, 0))
  const deleted = await one.storage.write(deleteWrite(object, created))
  assert.is(one.cache.get(ConfigMap, 'default', 'gone'), undefined)
  assert.instance(await failure(one.storage.write(deleteWrite(object, created))), RevisionConflict)
  const again = await one.storage.write(putWrite(configMap('gone', { second: 'life' }), 0))
  await other.storage.barrier(ConfigMap)
  off()
  assert.equal(
    changes.map(({ type, revision, object }) => [type, revision, object.metadata.resourceVersion]),
    [
      ['ADDED', created, String(created)],
      ['DELETED', deleted, String(deleted)],
      ['ADDED', again, String(again)],
    ],
  )
  assert.equal((changes[1]!.object as unknown as { data: unknown }).data, { last: 'state' })
})

test('a create over a tombstone this cache does not know of still succeeds', async () => {
  const object = configMap('unknown-tombstone')
  const created = await one.storage.write(putWrite(object, 0))
  await one.storage.write(deleteWrite(object, created))
  const forgetful: StoreProcess = await storeProcess(server.url)
  const { cache } = forgetful
  const tombstone = cache.tombstone
  cache.tombstone = () => 0
  const again = await forgetful.storage.write(putWrite(configMap('unknown-tombstone'), 0))
  assert.ok(again > created)
  cache.tombstone = tombstone
  await forgetful.stop()
})

test('in a batch one conflict never fails its neighbours', async () => {
  const taken = await one.storage.write(putWrite(configMap('batch-7'), 0))
  await other.storage.barrier(ConfigMap)
  // The other cache is held at the state before this write, so its store cannot see the conflict coming.
  const behind = other.cache.get
  other.cache.get = (() => undefined) as typeof other.cache.get
  const results = await Promise.all(
    Array.from({ length: 64 }, (_, index) =>
      other.storage
        .write(putWrite(configMap(`batch-${index}`), 0))
        .catch((error: unknown) => error),
    ),
  )
  other.cache.get = behind
  assert.instance(results[7], RevisionConflict)
  assert.is(results.filter((result) => typeof result === 'number').length, 63)
  assert.is(
    other.cache.get(ConfigMap, 'default', 'batch-7')?.metadata.resourceVersion,
    String(taken),
  )
})

test('writes that belong together are stored together, with consecutive revisions, or not at all', async () => {
  const shared = await one.storage.write(putWrite(configMap('together'), 0))
  await one.storage.write(
    deleteWrite(
      configMap('together-0'),
      await one.storage.write(putWrite(configMap('together-0'), 0)),
    ),
  )
  await other.storage.barrier(ConfigMap)
  const group = (process: StoreProcess, by: string) =>
    process.storage.write({
      ...putWrite(configMap('together', { by }), shared),
      before: [0, 1].map((index) => putWrite(configMap(`together-${index}`, { by }), 0)),
    })
  const results = await Promise.all([failure(group(one, 'one')), failure(group(other, 'other'))])
  const winner = results[0] === undefined ? 'one' : 'other'
  assert.instance(results[winner === 'one' ? 1 : 0], RevisionConflict)
  await other.storage.barrier(ConfigMap)
  const stored = ['together-0', 'together-1', 'together'].map(
    (name) => other.cache.get(ConfigMap, 'default', name)!,
  )
  assert.equal(
    stored.map(({ data }) => data!['by']),
    [winner, winner, winner],
  )
  const [first, second, last] = stored.map(({ metadata }) => Number(metadata.resourceVersion))
  assert.equal([first, second], [last! - 2, last! - 1])
})

test('a group in a batch is refused without its neighbours, and nothing of it is stored', async () => {
  const taken = await one.storage.write(putWrite(configMap('group-taken'), 0))
  const shared = await one.storage.write(putWrite(configMap('group'), 0))
  await other.storage.barrier(ConfigMap)
  const behind = other.cache.get
  other.cache.get = (() => undefined) as typeof other.cache.get
  const group = failure(
    other.storage.write({
      ...putWrite(configMap('group', { by: 'group' }), shared),
      before: [putWrite(configMap('group-new'), 0), putWrite(configMap('group-taken'), 0)],
    }),
  )
  const singles = Array.from({ length: 16 }, (_, index) =>
    other.storage.write(putWrite(configMap(`group-neighbour-${index}`), 0)),
  )
  other.cache.get = behind
  assert.instance(await group, RevisionConflict)
  assert.is((await Promise.all(singles)).length, 16)
  await other.storage.barrier(ConfigMap)
  assert.is(other.cache.get(ConfigMap, 'default', 'group-new'), undefined)
  for (const [name, revision] of [
    ['group', shared],
    ['group-taken', taken],
  ] as const)
    assert.is(
      other.cache.get(ConfigMap, 'default', name)?.metadata.resourceVersion,
      String(revision),
    )
})

test('writes to one key are serialised in the order they came', async () => {
  const object = configMap('serial', { n: '0' })
  const revision = await one.storage.write(putWrite(object, 0))
  const results = await Promise.allSettled([
    one.storage.write(putWrite(configMap('serial', { n: '1' }), revision)),
    one.storage.write(putWrite(configMap('serial', { n: '2' }), revision)),
  ])
  assert.equal(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
  assert.equal(one.cache.get(ConfigMap, 'default', 'serial')?.data, { n: '1' })
})

test('exactly one contender takes a fence', async () => {
  const results = await Promise.all(
    [one, other, one, other].map((process, index) =>
      process.storage.takeFence('contended', 0, `holder-${index}`).catch((error: unknown) => error),
    ),
  )
  const [revision] = results.filter((result) => typeof result === 'number')
  assert.is(results.filter((result) => result instanceof RevisionConflict).length, 3)
  await one.storage.barrier(ConfigMap)
  assert.is(one.storage.fence('contended')?.revision, revision)
})

test("the server rejects a deposed leader's write even when its own cache is stale", async () => {
  const old = { component: 'scheduler', revision: await one.storage.takeFence('scheduler', 0, 'a') }
  await one.storage.write(putWrite(configMap('fenced-0'), 0, old))
  await one.storage.barrier(ConfigMap)
  const stale = one.cache.fence('scheduler')
  const next = await other.storage.takeFence('scheduler', old.revision, 'b')
  await one.storage.barrier(ConfigMap)
  const { fence } = one.cache
  one.cache.fence = () => stale
  const deposed = await failure(one.storage.write(putWrite(configMap('fenced-1'), 0, old)))
  assert.instance(deposed, FenceLost)
  const mixed = await Promise.all([
    ...Array.from({ length: 30 }, (_, index) =>
      one.storage.write(putWrite(configMap(`beside-${index}`), 0)).catch((error: unknown) => error),
    ),
    one.storage.write(putWrite(configMap('fenced-2'), 0, old)).catch((error: unknown) => error),
  ])
  one.cache.fence = fence
  assert.is(mixed.slice(0, 30).filter((result) => typeof result === 'number').length, 30)
  assert.instance(mixed[30], FenceLost)
  await one.storage.barrier(ConfigMap)
  assert.is(one.cache.get(ConfigMap, 'default', 'fenced-1'), undefined)
  assert.is(one.cache.get(ConfigMap, 'default', 'fenced-2'), undefined)
  const leader = { component: 'scheduler', revision: next }
  await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      other.storage.write(putWrite(configMap(`led-${index}`), 0, leader)),
    ),
  )
})

test('a conflict of a fenced write is a conflict, not a lost leadership', async () => {
  const revision = await one.storage.takeFence('honest', 0, 'a')
  const fence = { component: 'honest', revision }
  await one.storage.write(putWrite(configMap('honest'), 0, fence))
  const { get } = one.cache
  one.cache.get = (() => undefined) as typeof get
  const outcome = failure(one.storage.write(putWrite(configMap('honest'), 0, fence)))
  await new Promise((resolve) => setTimeout(resolve, 50))
  one.cache.get = get
  assert.instance(await outcome, RevisionConflict)
})

test('a barrier shows every write acknowledged elsewhere before it', async () => {
  for (let round = 0; round < 20; round++) {
    const name = `seen-${round}`
    await one.storage.write(putWrite(configMap(name), 0))
    await Promise.all([other.storage.barrier(ConfigMap), other.storage.barrier(ConfigMap)])
    assert.ok(other.cache.get(ConfigMap, 'default', name))
  }
})

test('an object that is too large is refused with 413 and hurts nobody', async () => {
  const large = configMap('large', { x: 'x'.repeat(2_000_000) })
  const error = await failure(one.storage.write(putWrite(large, 0)))
  assert.is((error as StatusError).code, 413)
})

test('Events live in a stream of their own, with their own revisions and time to live', async () => {
  const event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'pod.1', namespace: 'default', uid: 'u1' },
    reason: 'Started',
  } as unknown as Event
  const changes: Change[] = []
  const off = one.cache.subscribe((change) => changes.push(change))
  const before = one.cache.revision(ConfigMap)
  await one.storage.write({
    kind: Event,
    namespace: 'default',
    name: 'pod.1',
    expected: 0,
    object: event,
    ttlSeconds: 1,
  })
  assert.is(one.cache.get(Event, 'default', 'pod.1')?.reason, 'Started')
  assert.is(one.cache.revision(ConfigMap), before)
  for (let round = 0; round < 100 && one.cache.get(Event, 'default', 'pod.1'); round++)
    await new Promise((resolve) => setTimeout(resolve, 50))
  off()
  assert.equal(
    changes.map(({ type, object }) => [type, object.metadata.name]),
    [
      ['ADDED', 'pod.1'],
      ['DELETED', 'pod.1'],
    ],
  )
})

test('offers fences and its status on the bus', async () => {
  const take = { component: 'on-bus', expected: 0, holder: 'me' }
  const { data } = await one.bus.request('kubus.store.fence.take', take)
  const { revision } = data as { revision: number }
  const read = await one.bus.request('kubus.store.fence.read', { component: 'on-bus' })
  assert.equal(read.data, { revision, holder: 'me' })
  const lost = await failure(one.bus.request('kubus.store.fence.take', take))
  assert.is((lost as StatusError).code, 409)
  const bad = await failure(one.bus.request('kubus.store.fence.take', { component: 7 }))
  assert.is((bad as StatusError).code, 400)
  const status = (await one.bus.request('kubus.store.status')).data as Record<string, unknown>
  assert.ok((status['objects'] as { configmaps: number }).configmaps > 100)
  assert.ok(one.store.metrics()['kubus_store_state_batches_total']! >= 0)
})

test('its keys can be listed with the nats command', async () => {
  const { stdout } = await promisify(execFile)(await natsCommand(), [
    '-s',
    server.url,
    'kv',
    'ls',
    'kubus',
  ])
  assert.match(stdout, /core\.configmaps\.default\.plain/)
})

test.after(async () => {
  await one.stop()
  await other.stop()
  await server.stop()
})

test.run()
