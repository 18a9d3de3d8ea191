import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { deepCopy, deepEqual } from '../../src/api/equality.ts'

test('equality is structural and takes undefined for absent', () => {
  const pairs: [unknown, unknown, boolean][] = [
    [1, 1, true],
    [1, '1', false],
    [null, undefined, false],
    [{ a: 1, b: undefined }, { a: 1 }, true],
    [{ a: 1 }, { a: 1, b: undefined }, true],
    [{ a: 1 }, { a: 1, b: 2 }, false],
    [{ a: 1, b: undefined }, { a: 1, c: 2 }, false],
    [[1, { a: [] }], [1, { a: [] }], true],
    [[], {}, false],
    [{}, [], false],
    [[1, 2], [2, 1], false],
  ]
  for (const [one, other, expected] of pairs) assert.is(deepEqual(one, other), expected)
})

test('a copy equals and shares nothing', () => {
  const value = JSON.parse('{"a":[{"b":1}],"__proto__":{"c":2}}')
  const copied = deepCopy(value)
  assert.is(JSON.stringify(copied), JSON.stringify(value))
  copied.a[0].b = 2
  assert.is(value.a[0].b, 1)
})

test.run()
