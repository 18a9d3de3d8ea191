import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { backoffMs } from '../../src/std/backoff.ts'

test('doubles with each failure and stops at the maximum', () => {
  const delays = [1, 2, 3, 4, 5, 6].map((failures) =>
    backoffMs(failures, { baseMs: 10_000, maxMs: 160_000 }),
  )
  assert.equal(delays, [10_000, 20_000, 40_000, 80_000, 160_000, 160_000])
})

test.run()
