import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { UncheckedObject } from '../../../src/api/kind.ts'
import { applyMergePatch } from '../../../src/api/patch/merge-patch.ts'
import { applyPatch, invalidPatch, patchTypeOf } from '../../../src/api/patch/patch.ts'

const cases: [UncheckedObject, UncheckedObject, UncheckedObject][] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
]

test('the examples of RFC 7386, applied once and twice', () => {
  for (const [object, patch, expected] of cases) {
    const once = applyMergePatch(object, patch)
    assert.equal(once, expected)
    assert.equal(applyMergePatch(once, patch), expected)
  }
})

test('a patch that is no object is refused', () => {
  assert.throws(() => applyMergePatch({}, []), /cannot unmarshal/)
})

test('the media type names the format', () => {
  assert.is(patchTypeOf('application/merge-patch+json'), 'merge')
  assert.is(patchTypeOf('application/strategic-merge-patch+json'), 'strategic')
  assert.is(patchTypeOf('application/json'), undefined)
  assert.equal(applyPatch('merge', { a: 1 }, { a: 2 }, 'V1Pod'), { a: 2 })
})

test('a result that does not decode is invalid', () => {
  assert.is(
    invalidPatch('{"a":1}', 'strict decoding error: unknown field "a"').message,
    ' "" is invalid: patch: Invalid value: "{\\"a\\":1}": strict decoding error: unknown field "a"',
  )
})

test.run()
