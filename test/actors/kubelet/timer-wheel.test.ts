import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createTimerWheel } from '../../../src/actors/kubelet/timer-wheel.ts'
import { virtualClock } from '../../support/virtual-clock.ts'

const test = suite('timer wheel')

test('runs tasks in the order of their time, never early', async () => {
  const clock = virtualClock()
  const wheel = createTimerWheel(clock)
  const ran: string[] = []
  const t0 = clock.now()
  for (const delay of [500, 20, 3_000, 20, 100, 0])
    wheel.after(delay, () => ran.push(`${delay}:${clock.now() - t0 >= delay}`))
  await clock.advance(1_000)
  assert.equal(ran, ['0:true', '20:true', '20:true', '100:true', '500:true'])
  await clock.advance(3_000)
  assert.is(ran.at(-1), '3000:true')
})

test('never runs a cancelled task', async () => {
  const clock = virtualClock()
  const wheel = createTimerWheel(clock)
  let ran = 0
  const cancel = wheel.after(50, () => ran++)
  wheel.after(10, cancel)
  await clock.advance(200)
  assert.is(ran, 0)
})

test('repeats until cancelled', async () => {
  const clock = virtualClock()
  const wheel = createTimerWheel(clock)
  let ran = 0
  const cancel = wheel.every(100, 50, () => ran++)
  await clock.advance(500)
  assert.is(ran, 5)
  cancel()
  await clock.advance(500)
  assert.is(ran, 5)
})

test('stops with everything that waits', async () => {
  const clock = virtualClock()
  const wheel = createTimerWheel(clock)
  let ran = 0
  wheel.after(50, () => ran++)
  wheel.stop()
  await clock.advance(200)
  assert.is(ran, 0)
})

test.run()
