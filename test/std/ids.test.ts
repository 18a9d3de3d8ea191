/**
 * Random names: as long as asked for, of Kubernetes' alphabet, and hardly ever the same.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { randomSuffix } from '../../src/std/ids.ts'

test('a suffix has the length that was asked for, also one longer than what is drawn ahead', () => {
  for (const length of [0, 1, 5, 5, 1020, 5, 5000])
    assert.match(randomSuffix(length), new RegExp(`^[bcdfghjklmnpqrstvwxz2456789]{${length}}$`))
  assert.is(randomSuffix().length, 5)
})

test('suffixes differ', () => {
  const drawn = Array.from({ length: 1_000 }, () => randomSuffix(10))
  assert.is(new Set(drawn).size, drawn.length)
})

test.run()
