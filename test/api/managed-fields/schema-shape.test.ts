/**
 * Structural schemas as server-side apply sees them.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createdFields } from '../../../src/api/managed-fields/created-fields.ts'
import { faultsOf, fieldsOf, mergeFields } from '../../../src/api/managed-fields/object-fields.ts'
import { shapeOfSchema } from '../../../src/api/managed-fields/schema-shape.ts'

const shape = shapeOfSchema({
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        port: { 'x-kubernetes-int-or-string': true },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['port', 'protocol'],
          items: {
            type: 'object',
            properties: {
              port: { type: 'integer' },
              protocol: { type: 'string', default: 'TCP' },
            },
          },
        },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        whole: {
          type: 'object',
          'x-kubernetes-map-type': 'atomic',
          properties: { a: { type: 'string' } },
        },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        template: { type: 'object', 'x-kubernetes-embedded-resource': true },
      },
    },
  },
})

test('lists, maps and objects merge or are one value as they are marked', () => {
  const spec = {
    port: 'http',
    ports: [{ port: 80 }],
    labels: { a: '1' },
    whole: { a: 'b' },
    free: { x: { y: [1] } },
    template: { apiVersion: 'v1', kind: 'Pod', metadata: { labels: { l: '1' } } },
  }
  assert.equal(fieldsOf(shape, { spec }), {
    'f:spec': {
      'f:port': {},
      'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {} } },
      'f:labels': { 'f:a': {} },
      'f:whole': {},
      'f:free': { 'f:x': { '.': {}, 'f:y': {} } },
      'f:template': {
        'f:apiVersion': {},
        'f:kind': {},
        'f:metadata': { 'f:labels': { 'f:l': {} } },
      },
    },
  })
  assert.equal(mergeFields(shape, { spec }, { spec: { ports: [{ port: 80, protocol: 'UDP' }] } }), {
    spec: { ...spec, ports: [{ port: 80 }, { port: 80, protocol: 'UDP' }] },
  })
})

test('what does not fit is named', () => {
  assert.equal(faultsOf(shape, { spec: { free: { any: 1 }, port: 80 } }), [])
  assert.equal(faultsOf(shape, { spec: { none: 1, ports: [{ port: 'x' }, {}] } }), [
    '.spec.none: field not declared in schema',
    '.spec.ports[port="x",protocol="TCP"].port: expected numeric (int or float), got string',
  ])
  const template = { apiversion: 'v1', metadata: { unknownSubMeta: 'x' } }
  assert.equal(faultsOf(shape, { metadata: { unknownMeta: 'x' }, spec: { template } }), [
    '.metadata.unknownMeta: field not declared in schema',
    '.spec.template.metadata.unknownSubMeta: field not declared in schema',
  ])
  assert.equal(faultsOf(shape, { spec: { ports: [{ port: 1 }, { port: 1 }] } }), [
    '.spec.ports: duplicate entries for key [port=1,protocol="TCP"]',
  ])
})

test('a new object of a kind without schema belongs to its creator, field by field', () => {
  const free = shapeOfSchema({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true })
  const text = createdFields(free, { spec: { a: { b: 1 }, c: [1] } }, () => false)
  assert.equal(JSON.parse(text), {
    'f:spec': { '.': {}, 'f:a': { '.': {}, 'f:b': {} }, 'f:c': {} },
  })
})

test.run()
