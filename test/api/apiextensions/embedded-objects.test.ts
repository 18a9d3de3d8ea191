/**
 * Kubernetes objects inside custom ones.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { coerceEmbedded } from '../../../src/api/apiextensions/embedded-objects.ts'
import { rootSchema } from '../../../src/api/apiextensions/structural-schema.ts'
import type { Json } from '../../../src/api/meta.ts'

const template = { type: 'object', 'x-kubernetes-embedded-resource': true }
const schema = rootSchema({
  type: 'object',
  properties: {
    template,
    list: { type: 'array', items: template },
  },
})

const coerced = (object: Json) => {
  const unknown: string[] = []
  const faults = coerceEmbedded(object, schema, '', true, unknown)
  return { object, unknown, faults: faults.map(({ field }) => field) }
}

test('fields that no metadata has are pruned and named', () => {
  const { object, unknown, faults } = coerced({
    metadata: { strange: 1 },
    template: { apiVersion: 'v1', kind: 'A', metadata: { name: 'a', namespace: 'b', strange: 1 } },
    list: [{ apiVersion: 'v1', kind: 'A', metadata: { odd: 2 } }],
  })
  assert.equal(unknown, [
    'unknown field "template.metadata.strange"',
    'unknown field "list[0].metadata.odd"',
  ])
  assert.equal(faults, [])
  assert.equal(object, {
    metadata: { strange: 1 },
    template: { apiVersion: 'v1', kind: 'A', metadata: { name: 'a', namespace: 'b' } },
    list: [{ apiVersion: 'v1', kind: 'A', metadata: {} }],
  })
})

test('a type that does not fit is a fault', () => {
  assert.equal(coerced({ template: { kind: 3 } }).faults, ['template.kind'])
})

test.run()
