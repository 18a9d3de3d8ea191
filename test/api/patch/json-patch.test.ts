import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Json } from '../../../src/api/meta.ts'
import { applyJsonPatch } from '../../../src/api/patch/json-patch.ts'
import type { StatusError } from '../../../src/api/status-error.ts'

const object = { metadata: { labels: { 'a/b': '1' }, finalizers: ['x'] } }

test('operations apply in order and leave the object alone', () => {
  const before = JSON.stringify(object)
  const patched = applyJsonPatch(object, [
    { op: 'test', path: '/metadata/labels/a~1b', value: '1' },
    { op: 'replace', path: '/metadata/labels/a~1b', value: '2' },
    { op: 'add', path: '/metadata/finalizers/-', value: 'y' },
    { op: 'copy', from: '/metadata/finalizers/0', path: '/first' },
    { op: 'remove', path: '/metadata/finalizers/0' },
  ])
  assert.equal(patched, {
    metadata: { labels: { 'a/b': '2' }, finalizers: ['y'] },
    first: 'x',
  })
  assert.is(JSON.stringify(object), before)
})

test('what does not apply is 422, what is no patch is 400', () => {
  const refusals: [Json, number][] = [
    [[{ op: 'test', path: '/metadata/labels/a~1b', value: '9' }], 422],
    [[{ op: 'remove', path: '/nope' }], 422],
    [[{ op: 'replace', path: '/nope', value: 1 }], 422],
    [[{ op: 'add', path: '/a/b/c', value: 1 }], 422],
    [[{ op: 'fly', path: '/a' }], 422],
    [{ op: 'add' }, 400],
    [['x'], 400],
  ]
  for (const [patch, code] of refusals)
    assert.throws(
      () => applyJsonPatch(object, patch),
      (error: StatusError) => error.code === code,
      JSON.stringify(patch),
    )
})

test('what a patch may ask for is bounded', () => {
  const test = { op: 'test', path: '/metadata/finalizers/0', value: 'x' }
  assert.equal(applyJsonPatch(object, Array(10_000).fill(test)), object)
  assert.throws(
    () => applyJsonPatch(object, Array(10_001).fill(test)),
    (error: StatusError) =>
      error.code === 413 &&
      error.message ===
        'Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001',
  )
  const big = { a: 'x'.repeat(1024), b: [] }
  const copies = (count: number) => [...Array(count).fill({ op: 'copy', from: '/a', path: '/b/-' })]
  assert.is((applyJsonPatch(big, copies(2000))['b'] as Json[]).length, 2000)
  assert.throws(
    () => applyJsonPatch(big, copies(4000)),
    (error: StatusError) => error.code === 422,
  )
  const moves = ['/a', '/b'].map((from, at) => ({ op: 'move', from, path: at ? '/a' : '/b' }))
  const large = { a: 'x'.repeat(1024 * 1024) }
  assert.equal(applyJsonPatch(large, Array(5_000).fill(moves).flat()), large)
})

test('a patch cannot reach a prototype', () => {
  assert.throws(() =>
    applyJsonPatch(object, [{ op: 'add', path: '/__proto__/polluted', value: true }]),
  )
  assert.is(({} as Record<string, unknown>)['polluted'], undefined)
})

test.run()
