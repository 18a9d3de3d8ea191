import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { podGarbage } from '../../../src/actors/controllers/pod-garbage.ts'
import { aNode, aPod, seconds } from './objects.ts'
import { createWorld, pods } from './world.ts'

const names = (world: Parameters<typeof pods>[0]) =>
  pods(world).map(({ metadata }) => metadata.name)

test('pods of a node that is gone go after a quarantine, unless the node is back', async () => {
  const world = createWorld(
    [podGarbage({ finishedMax: 100 })],
    aNode('n1'),
    aNode('n2'),
    aPod('a', { node: 'n1', ready: true }),
    aPod('b', { node: 'n2', ready: true }),
  )
  await world.clock.advance(1000)
  world.cache.remove(aNode('n1'))
  world.cache.remove(aNode('n2'))
  await world.clock.advance(30_000)
  assert.equal(names(world), ['a', 'b'])
  world.cache.put(aNode('n2'))
  await world.clock.advance(30_000)
  assert.equal(names(world), ['b'])
  assert.ok(world.client.calls.includes('delete Pod default/a grace=0 fence=1'))
  await world.group.stop()
})

test('a terminating pod without a node goes at once', async () => {
  const world = createWorld([podGarbage({ finishedMax: 100 })], aPod('a'))
  world.cache.put(aPod('a', { metadata: { deletionTimestamp: seconds(0) } }))
  await world.clock.advance(1000)
  assert.equal(names(world), [])
  await world.group.stop()
})

test('the oldest finished pods beyond the threshold go', async () => {
  const done = (name: string, createdAt: number) =>
    aPod(name, {
      status: { phase: 'Succeeded' },
      metadata: { creationTimestamp: seconds(createdAt) },
    })
  const world = createWorld(
    [podGarbage({ finishedMax: 2 })],
    done('a', 3),
    done('b', 1),
    done('c', 2),
    done('d', 4),
    aPod('e'),
  )
  await world.clock.advance(1000)
  assert.equal(names(world), ['a', 'd', 'e'])
  await world.group.stop()
})

test.run()
