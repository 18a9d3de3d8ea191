import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { duplicateFields } from '../../src/api/duplicate-keys.ts'

const duplicatesOf = (text: string) => duplicateFields(text, JSON.parse(text))

test('a text without duplicates has none', () => {
  assert.equal(duplicatesOf('{"a":{"b":1},"b":[{"c":":"},{"c":"x\\":"}]}'), [])
})

test('duplicates are named with their paths, in document order', () => {
  assert.equal(
    duplicatesOf(
      '{"metadata":{"name":"a"},"spec":{"replicas":1,"x":[{"y":1},{"y":1, "y" : 2}],"replicas":2}}',
    ),
    ['duplicate field "spec.x[1].y"', 'duplicate field "spec.replicas"'],
  )
})

test('escapes and colons inside strings do not confuse it', () => {
  assert.equal(duplicatesOf('{"a\\\\":"\\\\","b":"\\"a\\":1","\\u0062":2}'), [
    'duplicate field "b"',
  ])
})

test.run()
