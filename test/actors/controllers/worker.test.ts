import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { defineController } from '../../../src/actors/controllers/controller.ts'
import type { Command, Plan } from '../../../src/actors/controllers/plan.ts'
import { startWorker } from '../../../src/actors/controllers/worker.ts'
import { ReplicaSet } from '../../../src/api/apps/replica-set.ts'
import { Event } from '../../../src/api/core/event.ts'
import { Pod } from '../../../src/api/core/pod.ts'
import {
  conflict,
  invalid,
  MODIFIED,
  serviceUnavailable,
  timeout,
} from '../../../src/api/status-error.ts'
import type { View } from '../../../src/client/view.ts'
import { rootLog } from '../../../src/std/log.ts'
import { memoryCache } from '../../support/memory-cache.ts'
import { memoryClient } from '../../support/memory-client.ts'
import { settled, virtualClock } from '../../support/virtual-clock.ts'
import { aPod, aReplicaSet, ownedBy } from './objects.ts'

const set = aReplicaSet('web', 1)
const podDraft = (name: string) => ({ metadata: { name, namespace: 'default', ...ownedBy(set) } })
const create = (name: string): Command => ({ verb: 'create', kind: Pod, object: podDraft(name) })

/** A controller whose plan the test gives; `looks` are the times it was asked. */
const setUp = (decide: (view: View, look: number) => Plan, intervalMs = 0) => {
  const clock = virtualClock()
  const cache = memoryCache(set)
  const client = memoryClient(cache, clock.now)
  const looks: number[] = []
  const controller = defineController<ReplicaSet>({
    name: 'test',
    component: 'test-controller',
    for: ReplicaSet,
    owns: [Pod],
    intervalMs,
    reconcile: (_object, _key, view, now) => decide(view, looks.push(now)),
  })
  const worker = startWorker(controller, { cache, client, clock, log: rootLog })
  return { clock, cache, client, worker, looks }
}

test('a key is held until the cache has seen its own writes', async () => {
  const { clock, cache, client, worker, looks } = setUp((view) =>
    view.list(Pod).length === 0 ? { commands: [create('a')] } : { commands: [] },
  )
  cache.hold()
  await clock.advance(1000)
  assert.equal([looks.length, client.calls.length], [1, 1])
  cache.release()
  await clock.advance(1000)
  assert.equal(client.calls, ['create Pod default/a'])
  assert.is(looks.length, 2)
  await worker.stop()
})

test('a key is held until the cache has seen its own deletion', async () => {
  const { clock, cache, client, worker } = setUp((view) => ({
    commands: view
      .list(Pod)
      .filter(({ metadata }) => !metadata.deletionTimestamp)
      .map((object) => ({ verb: 'delete', kind: Pod, object })),
  }))
  await clock.advance(10)
  cache.put(aPod('a', { owner: set, node: 'n1' }))
  cache.hold()
  await clock.advance(10)
  cache.put(aPod('b', { owner: set }))
  await clock.advance(1000)
  assert.equal(client.calls, ['delete Pod default/a'])
  cache.release()
  await clock.advance(1000)
  assert.equal(client.calls, ['delete Pod default/a', 'delete Pod default/b'])
  await worker.stop()
})

test('a key is never looked at twice at once, however often it changes', async () => {
  let inside = 0
  let most = 0
  const { clock, cache, client, worker } = setUp((_view, look) => ({
    commands: look < 20 ? [create(`p${look}`)] : [],
  }))
  client.before = async () => {
    inside++
    most = Math.max(most, inside)
    await settled()
    inside--
  }
  for (let i = 0; i < 50; i++) {
    cache.put(aReplicaSet('web', i))
    await clock.advance(1)
  }
  assert.is(most, 1)
  await worker.stop()
})

test('a burst of changes is one look per interval', async () => {
  const { clock, cache, worker, looks } = setUp(() => ({ commands: [] }), 100)
  await clock.advance(10)
  for (let i = 0; i < 500; i++) {
    cache.put(aPod(`p${i}`, { owner: set }))
    await clock.advance(1)
  }
  await clock.advance(1000)
  assert.ok(looks.length >= 5 && looks.length <= 8, `${looks.length} looks`)
  await worker.stop()
})

test('a failure is tried again with growing waits, a burst slowly', async () => {
  const error = serviceUnavailable('away')
  const { clock, client, worker, looks } = setUp((view) => {
    const missing = 8 - view.list(Pod).length
    return { commands: Array.from({ length: missing }, (_, i) => create(`p${8 - missing + i}`)) }
  })
  for (let i = 0; i < 9; i++) client.failNext('create Pod', error)
  await clock.advance(0)
  assert.is(client.calls.length, 8, 'all at once')
  await clock.advance(5)
  assert.is(client.calls.length, 9, 'one alone, which fails')
  const waited = looks.length
  await clock.advance(10)
  assert.is(looks.length, waited + 2, 'then it succeeds')
  assert.is(client.calls.length, 17)
  await worker.stop()
})

test('a write of unknown outcome is reported, and nothing more is decided by a worker that was stopped for it', async () => {
  const clock = virtualClock()
  const cache = memoryCache(set)
  const client = memoryClient(cache, clock.now)
  let worker: ReturnType<typeof startWorker> | undefined
  const reported: number[] = []
  const controller = defineController<ReplicaSet>({
    name: 'test',
    component: 'test-controller',
    for: ReplicaSet,
    reconcile: () => ({ commands: [create('a')] }),
  })
  const onOutcomeUnknown = ({ revision }: { revision: number }) => {
    reported.push(revision)
    void worker?.stop()
  }
  client.failNext('create Pod', timeout('nobody knows'))
  worker = startWorker(
    controller,
    { cache, client, clock, log: rootLog, onOutcomeUnknown },
    { component: 'controllers', revision: 7 },
  )
  await clock.advance(60_000)
  assert.equal(reported, [7])
  assert.equal(client.calls, ['create Pod default/a fence=7'])
})

test('a conflict is looked at again soon; what is invalid only when something changes', async () => {
  const { clock, cache, client, worker, looks } = setUp((view) =>
    view.list(Pod).length === 0 ? { commands: [create('a')] } : { commands: [] },
  )
  client.failNext('create Pod', conflict(Pod, 'a', MODIFIED))
  client.failNext('create Pod', invalid(Pod, 'a', []))
  await clock.advance(10)
  assert.is(client.calls.filter((call) => call.startsWith('create Pod')).length, 2)
  await clock.advance(100_000)
  assert.is(looks.length, 2)
  assert.is(cache.list(Event)[0]!.reason, 'FailedReconcile')
  cache.put(aReplicaSet('web', 2))
  await clock.advance(10)
  assert.is(cache.list(Pod).length, 1)
  await worker.stop()
})

test('a reconcile that throws harms only its key', async () => {
  const { clock, worker, looks, cache } = setUp((_view, look) => {
    if (look === 1) throw new Error('broken')
    return { commands: [] }
  })
  await clock.advance(10)
  assert.is(looks.length, 2)
  cache.put(aReplicaSet('web', 3))
  await clock.advance(10)
  assert.is(looks.length, 3)
  await worker.stop()
})

test('stopping waits for what is in flight and starts nothing more', async () => {
  const { clock, cache, client, worker } = setUp((_view, look) => ({
    commands: [create(`p${look}`)],
  }))
  let release: () => void = () => undefined
  client.before = () => new Promise((resolve) => (release = resolve))
  await clock.advance(1)
  let stopped = false
  const stopping = worker.stop().then(() => {
    stopped = true
  })
  cache.put(aReplicaSet('web', 2))
  await clock.advance(10)
  assert.is(stopped, false)
  release()
  await stopping
  assert.is(client.calls.length, 1)
})

test.run()
