/**
 * Who waits for a revision is told when it comes, or that it does not.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RevisionWaiters } from '../../src/client/revision-waiters.ts'
import { virtualClock } from '../support/virtual-clock.ts'

const waiting = () => {
  const clock = virtualClock()
  const waiters = new RevisionWaiters(clock)
  const told: string[] = []
  const wait = (revision: number, withinMs?: number) => {
    waiters.wait(revision, withinMs).then(
      () => told.push(`${revision} came`),
      (error: Error) => told.push(error.message),
    )
  }
  return { clock, waiters, wait, told }
}
const late = (revision: number) => `Timeout: the cache did not reach revision ${revision} in time`

test('each is told when its revision comes', async () => {
  const { waiters, wait, told, clock } = waiting()
  for (const revision of [7, 5, 6]) wait(revision)
  waiters.advance(6)
  await clock.advance(0)
  assert.equal(told, ['5 came', '6 came'])
})

test('a stream may be silent for as long as an election takes', async () => {
  const { waiters, wait, told, clock } = waiting()
  wait(5)
  await clock.advance(19_000)
  assert.equal(told, [])
  wait(6)
  await clock.advance(1_500)
  assert.equal(told, [late(5)])
  waiters.advance(6)
  await clock.advance(30_000)
  assert.equal(told, [late(5), '6 came'])
})

test('who will not wait as long is told sooner', async () => {
  const { wait, told, clock } = waiting()
  wait(5)
  wait(9, 3_000)
  await clock.advance(3_000)
  assert.equal(told, [late(9)])
  await clock.advance(17_000)
  assert.equal(told, [late(9), late(5)])
})

test.run()
