/** The proxy's states: one transaction at a time, and the whole table again after a failure. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createActor, fromPromise } from 'xstate'
import { proxyMachine } from '../../../src/actors/proxy/proxy.machine.ts'
import { virtualClock } from '../../support/virtual-clock.ts'

const setUp = () => {
  const clock = virtualClock()
  const did: string[] = []
  const world = { changes: 0, stale: false, failing: false }
  const act = (name: string, more: () => void) =>
    fromPromise(async () => {
      did.push(name)
      if (world.failing) throw new Error('refused')
      more()
    })
  const actor = createActor(
    proxyMachine.provide({
      actors: {
        replace: act('replace', () => {
          world.changes = 0
        }),
        change: act('change', () => {
          world.changes = 0
        }),
        prune: act('prune', () => {
          world.stale = false
        }),
      },
      guards: { hasChanges: () => world.changes > 0, hasStaleChains: () => world.stale },
    }),
    {
      clock: {
        setTimeout: (task, delayMs) => clock.after(delayMs, task),
        clearTimeout: (cancel: () => void) => cancel?.(),
      },
    },
  )
  actor.start()
  const change = () => {
    world.changes++
    actor.send({ type: 'services.changed' })
  }
  return { clock, did, world, actor, change }
}

test('replaces the table first, then applies the first change at once', async () => {
  const { clock, did, change, actor } = setUp()
  await clock.advance(100)
  change()
  await clock.advance(0)
  assert.equal(did, ['replace', 'change'])
  actor.stop()
})

test('changes that follow are applied together', async () => {
  const { clock, did, change, actor } = setUp()
  await clock.advance(100)
  for (let index = 0; index < 10; index++) {
    change()
    await clock.advance(1)
  }
  await clock.advance(100)
  assert.equal(did, ['replace', 'change', 'change'])
  actor.stop()
})

test('after a failure the whole table is replaced, later and later', async () => {
  const { clock, did, world, change, actor } = setUp()
  await clock.advance(100)
  world.failing = true
  change()
  await clock.advance(750)
  assert.equal(did, ['replace', 'change', 'replace', 'replace', 'replace'])
  world.failing = false
  await clock.advance(2_000)
  assert.is(actor.getSnapshot().value, 'settled')
  assert.is(actor.getSnapshot().context.failures, 0)
  actor.stop()
})

test('stale chains go when it is quiet', async () => {
  const { clock, did, world, actor } = setUp()
  world.stale = true
  await clock.advance(1_900)
  assert.equal(did, ['replace'])
  await clock.advance(200)
  assert.equal(did, ['replace', 'prune'])
  actor.stop()
})

test.run()
