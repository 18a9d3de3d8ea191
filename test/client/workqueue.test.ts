import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createWorkqueue } from '../../src/client/workqueue.ts'
import { virtualClock } from '../support/virtual-clock.ts'

test('a key that is added twice is taken once', () => {
  const queue = createWorkqueue<string>(virtualClock())
  queue.add('a')
  queue.add('b')
  queue.add('a')
  assert.equal([queue.take(), queue.take(), queue.take()], ['a', 'b', undefined])
})

test('a key that is added while it is processed comes back when it is done, once', () => {
  const queue = createWorkqueue<string>(virtualClock())
  queue.add('a')
  queue.take()
  queue.add('a')
  queue.add('a')
  assert.is(queue.take(), undefined)
  queue.done('a')
  assert.equal([queue.take(), queue.take()], ['a', undefined])
})

test('of several delays of a key the earliest counts', async () => {
  const clock = virtualClock()
  const queue = createWorkqueue<string>(clock)
  queue.addAfter('a', 100)
  queue.addAfter('a', 50)
  queue.addAfter('a', 200)
  await clock.advance(49)
  assert.is(queue.size, 0)
  await clock.advance(1)
  assert.is(queue.take(), 'a')
  queue.done('a')
  await clock.advance(1000)
  assert.is(queue.size, 0)
})

test('a key that is added at once is not added again by its delay', async () => {
  const clock = virtualClock()
  const queue = createWorkqueue<string>(clock)
  queue.addAfter('a', 100)
  queue.add('a')
  assert.is(queue.take(), 'a')
  queue.done('a')
  await clock.advance(200)
  assert.is(queue.take(), undefined)
})

test('each failure doubles the wait of its key, until it is forgotten', async () => {
  const clock = virtualClock()
  const queue = createWorkqueue<string>(clock)
  for (const waitMs of [5, 10, 20]) {
    queue.addRateLimited('a')
    await clock.advance(waitMs - 1)
    assert.is(queue.take(), undefined)
    await clock.advance(1)
    assert.is(queue.take(), 'a')
    queue.done('a')
  }
  assert.is(queue.failures('a'), 3)
  queue.forget('a')
  assert.is(queue.failures('a'), 0)
})

test('keeps the order of arrival over thousands of keys', () => {
  const queue = createWorkqueue<number>(virtualClock())
  for (let i = 0; i < 5000; i++) queue.add(i)
  for (let i = 0; i < 5000; i++) {
    assert.is(queue.take(), i)
    queue.add(i)
    queue.done(i)
  }
  assert.is(queue.size, 5000)
})

test('tells when a key becomes ready, and takes nothing after it was closed', async () => {
  const clock = virtualClock()
  let ready = 0
  const queue = createWorkqueue<string>(clock, () => ready++)
  queue.add('a')
  queue.addAfter('b', 10)
  await clock.advance(10)
  assert.is(ready, 2)
  queue.close()
  queue.add('c')
  assert.is(queue.take(), undefined)
})

test.run()
