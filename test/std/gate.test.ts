import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createGate } from '../../src/std/gate.ts'

test('so many run at a time, in order, and a failure frees its place', async () => {
  const gate = createGate(2)
  const order: number[] = []
  let running = 0
  let most = 0
  const outcomes = await Promise.allSettled(
    [0, 1, 2, 3, 4].map((index) =>
      gate(async () => {
        order.push(index)
        most = Math.max(most, ++running)
        await new Promise((resolve) => setImmediate(resolve))
        running--
        if (index === 1) throw new Error('failed')
      }),
    ),
  )
  assert.equal(order, [0, 1, 2, 3, 4])
  assert.is(most, 2)
  assert.is(outcomes.filter(({ status }) => status === 'rejected').length, 1)
})

test.run()
