import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isAtLeast } from '../../src/node/tools.ts'

test('versions compare by number, not by letter', () => {
  assert.ok(isAtLeast('2.15.1', '2.12'))
  assert.ok(isAtLeast('3.0', '2.12'))
  assert.not.ok(isAtLeast('2.9.10', '2.12'))
  assert.not.ok(isAtLeast('1.36', '2.0'))
})

test.run()
