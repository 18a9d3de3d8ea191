/**
 * Definitions as they come from outside: unknown fields are found at whatever depth.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeDefinition } from '../../../src/api/apiextensions/definition-decoding.ts'

test('unknown fields of schemas inside of schemas are named and go', () => {
  const schema = {
    type: 'object',
    other: 1,
    properties: {
      list: { type: 'array', items: { type: 'object', foo: 1, additionalProperties: { bar: 1 } } },
    },
  }
  const { object, unknownFields } = decodeDefinition({
    spec: { versions: [{ name: 'v1', schema: { openAPIV3Schema: schema } }] },
  } as never)
  const path = 'spec.versions[0].schema.openAPIV3Schema'
  assert.equal(unknownFields, [
    `unknown field "${path}.other"`,
    `unknown field "${path}.properties.list.items.foo"`,
    `unknown field "${path}.properties.list.items.additionalProperties.bar"`,
  ])
  assert.equal((object as never as typeof FULL).spec.versions[0]!.schema.openAPIV3Schema, {
    type: 'object',
    properties: { list: { type: 'array', items: { type: 'object', additionalProperties: {} } } },
  })
})

const FULL = { spec: { versions: [{ schema: { openAPIV3Schema: {} } }] } }

test.run()
