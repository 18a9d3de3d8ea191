import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createActor, initialTransition, transition } from 'xstate'
import {
  type ControllerEvent,
  controllerMachine,
} from '../../../src/actors/controllers/controller.machine.ts'
import { createControllerGroup } from '../../../src/actors/controllers/group.ts'
import { serviceAccount } from '../../../src/actors/controllers/service-account.ts'
import { ServiceAccount } from '../../../src/api/core/service-account.ts'
import { rootLog } from '../../../src/std/log.ts'
import { memoryCache } from '../../support/memory-cache.ts'
import { memoryClient } from '../../support/memory-client.ts'
import { virtualClock } from '../../support/virtual-clock.ts'
import { aNamespace } from './objects.ts'

const fence = { component: 'controllers', revision: 7 }
/** What XState sends when the invoked `id` ends well. */
const done = (id: string) => ({ type: `xstate.done.actor.${id}` }) as unknown as ControllerEvent
const failed = (id: string) => ({ type: `xstate.error.actor.${id}` }) as unknown as ControllerEvent

const after = (...events: ControllerEvent[]) => {
  let [snapshot] = initialTransition(controllerMachine)
  for (const event of events) [snapshot] = transition(controllerMachine, snapshot, event)
  return snapshot.value
}
const synced = done('0.controller.syncing')
const caughtUp = done('0.controller.catchingUp')
const won: ControllerEvent = { type: 'lease.won', fence }

const check = (name: string, events: ControllerEvent[], want: string) =>
  test(name, () => assert.is(after(...events), want))

check('waits for the cache first', [], 'syncing')
check('stands by when the cache is there', [synced], 'standby')
check('a lease that is won while it syncs is not forgotten', [won, synced], 'catchingUp')
check('sees what earlier leaders wrote before it leads', [synced, won], 'catchingUp')
check('leads then', [synced, won, caughtUp], 'leading')
check(
  'stands by when the lease is lost',
  [synced, won, caughtUp, { type: 'lease.lost' }],
  'standby',
)
check('catches up again with a new lease', [synced, won, caughtUp, won], 'catchingUp')
check('rests after a crash', [synced, won, caughtUp, failed('0.controller.leading')], 'backingOff')
check('stops for good', [synced, won, caughtUp, { type: 'stop' }, won], 'stopped')

test('a crash is forgotten after a rest, with the lease still held', async () => {
  let works = 0
  const actor = createActor(controllerMachine)
  actor.subscribe(({ value }) => {
    if (value === 'leading') works++
  })
  actor.start()
  actor.send(won)
  await new Promise((resolve) => setTimeout(resolve, 20))
  actor.send({ type: 'work.crashed' })
  assert.is(actor.getSnapshot().value, 'backingOff')
  await new Promise((resolve) => setTimeout(resolve, 200))
  assert.is(actor.getSnapshot().value, 'leading')
  assert.is(works, 2)
  actor.stop()
})

test('a group works only while it leads, and looks at everything when it begins', async () => {
  const clock = virtualClock()
  const cache = memoryCache(aNamespace('a'))
  const client = memoryClient(cache)
  const group = createControllerGroup([serviceAccount], { cache, client, clock, log: rootLog })
  await clock.advance(1000)
  assert.equal(client.calls, [])
  group.lead({ ...fence, revision: 1 })
  await clock.advance(1000)
  assert.equal(client.calls, ['create ServiceAccount a/default fence=1'])
  group.standBy()
  cache.put(aNamespace('b'))
  await clock.advance(1000)
  assert.is(cache.get(ServiceAccount, 'b', 'default'), undefined)
  group.lead({ ...fence, revision: 2 })
  await clock.advance(1000)
  assert.is(client.calls.at(-1), 'create ServiceAccount b/default fence=2')
  assert.equal(group.states(), { serviceaccount: 'leading' })
  await group.stop()
})

test.run()
