/** The scheduler's states, stepped without running anything. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { initialTransition, transition } from 'xstate'
import { type Outcome, schedulerMachine } from '../../../src/actors/scheduler/scheduler.machine.ts'

const FENCE = { component: 'scheduler', revision: 7 }
type Sent = Parameters<typeof transition<typeof schedulerMachine>>[2]

const after = (...events: Sent[]) => {
  let [state] = initialTransition(schedulerMachine)
  for (const event of events) [state] = transition(schedulerMachine, state, event)
  return state
}
const gained: Sent = { type: 'leadership.gained', fence: FENCE }
const ended = (output: Outcome) =>
  ({ type: 'xstate.done.actor.0.scheduler.leading.deciding', output }) as unknown as Sent

test('starts in standby and ignores work there', () => {
  assert.is(after().value, 'standby')
  assert.is(after({ type: 'queue.filled' }).value, 'standby')
})

test('decides at once when it becomes the leader', () => {
  const state = after(gained)
  assert.equal(state.value, { leading: 'deciding' })
  assert.equal(state.context.fence, FENCE)
})

test('rests when nothing is left and decides again when work comes', () => {
  assert.equal(after(gained, ended('drained')).value, { leading: 'idle' })
  assert.equal(after(gained, ended('drained'), { type: 'queue.filled' }).value, {
    leading: 'deciding',
  })
})

test('waits for bindings when too many are in flight', () => {
  assert.equal(after(gained, ended('saturated')).value, { leading: 'waiting' })
  assert.equal(after(gained, ended('saturated'), { type: 'binding.settled' }).value, {
    leading: 'deciding',
  })
})

test('goes on when its time slice was used up', () => {
  assert.equal(after(gained, ended('more')).value, { leading: 'deciding' })
})

test('steps down from any state and forgets its fence', () => {
  for (const outcome of ['drained', 'saturated', 'more'] as const) {
    const state = after(gained, ended(outcome), { type: 'leadership.lost' })
    assert.is(state.value, 'standby')
    assert.is(state.context.fence, undefined)
  }
})

test.run()
