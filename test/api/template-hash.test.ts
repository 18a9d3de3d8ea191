import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { podTemplateHash } from '../../src/api/template-hash.ts'

const template = { metadata: { labels: { a: '1', b: '2' } }, spec: { containers: [{ name: 'x' }] } }

test('a hash is ten characters that are safe in a name', () => {
  for (let count = 0; count < 50; count++)
    assert.match(podTemplateHash(template, count), /^[bcdfghjklmnpqrstvwxz2456789]{10}$/)
})

test('equal templates hash equally whatever the order of keys', () => {
  const same = {
    spec: { containers: [{ name: 'x', image: undefined }] },
    metadata: { labels: { b: '2', a: '1' } },
  }
  assert.is(podTemplateHash(same), podTemplateHash(template))
})

test('the hash never changes: revisions are named by it', () => {
  assert.is(podTemplateHash(template), 'f9744d9df7')
})

test('any change of template or collision count changes the hash', () => {
  const other = { ...template, spec: { containers: [{ name: 'y' }] } }
  const hashes = [
    podTemplateHash(template),
    podTemplateHash(template, 0),
    podTemplateHash(template, 1),
    podTemplateHash(other),
    podTemplateHash({ ...template, spec: { containers: [{ name: 'x' }, {}] } }),
  ]
  assert.is(new Set(hashes).size, hashes.length)
})

test.run()
