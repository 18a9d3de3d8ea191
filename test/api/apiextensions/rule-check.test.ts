/**
 * Rules in CEL on custom objects: where they run, what they say, what is not held against an object.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { compileRules } from '../../../src/api/apiextensions/rule-check.ts'
import { rootSchema } from '../../../src/api/apiextensions/structural-schema.ts'
import type { CustomSchema } from '../../../src/api/kind.ts'
import type { Json } from '../../../src/api/meta.ts'

const faults = (schema: CustomSchema, object: Json, old?: Json): string[] =>
  compileRules(schema, rootSchema(schema))(object, old).map(
    ({ reason, field, message }) => `${reason} ${field}: ${message}`,
  )

const integer = { type: 'integer' }

const withRules = (...rules: Json[]): CustomSchema => ({
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: { a: integer, b: integer, list: { type: 'array', items: integer } },
      'x-kubernetes-validations': rules,
    },
  },
})

test('a rule that does not hold is told with its text', () => {
  const schema = withRules({ rule: 'self.a < self.b' })
  assert.equal(faults(schema, { spec: { a: 2, b: 1 } }), [
    'FieldValueInvalid spec: Invalid value: "object": failed rule: self.a < self.b',
  ])
  assert.equal(faults(schema, { spec: { a: 1, b: 2 } }), [])
})

test('message, expression of the message, reason and path of a field', () => {
  const schema = withRules(
    { rule: 'self.a < 1', message: 'too big', fieldPath: '.a', reason: 'FieldValueForbidden' },
    { rule: 'self.b < 1', messageExpression: '"b is " + string(self.b)' },
    { rule: 'self.b < 1', message: 'plain', messageExpression: '""' },
  )
  assert.equal(faults(schema, { spec: { a: 1, b: 3 } }), [
    'FieldValueForbidden spec.a: Forbidden: too big',
    'FieldValueInvalid spec: Invalid value: "object": b is 3',
    'FieldValueInvalid spec: Invalid value: "object": plain',
  ])
})

test('a rule about the old value runs on updates only', () => {
  const schema = withRules({ rule: 'self.a >= oldSelf.a', message: 'never less' })
  assert.equal(faults(schema, { spec: { a: 1 } }), [])
  assert.equal(faults(schema, { spec: { a: 1 } }, { spec: { a: 2 } }), [
    'FieldValueInvalid spec: Invalid value: "object": never less',
  ])
})

test('an optional old value is there on creates, too', () => {
  const schema = withRules({
    rule: 'oldSelf.hasValue() || self.a == 1',
    optionalOldSelf: true,
    message: 'begins at 1',
  })
  assert.is(faults(schema, { spec: { a: 2 } }).length, 1)
  assert.equal(faults(schema, { spec: { a: 2 } }, { spec: { a: 1 } }), [])
})

test('what has not changed is not held against the object', () => {
  const schema = withRules({ rule: 'self.a < 1' })
  const spec = { a: 5 }
  assert.equal(faults(schema, { spec, status: {} }, { spec: { ...spec } }), [])
  assert.is(faults(schema, { spec: { a: 6 } }, { spec }).length, 1)
})

test('a field that is missing is an error of the rule', () => {
  assert.equal(faults(withRules({ rule: 'self.a < self.b' }), { spec: { a: 1 } }), [
    'FieldValueInvalid spec: Invalid value: "object": no such key: b evaluating rule: self.a < self.b',
  ])
})

test('rules on items know their own old item', () => {
  const schema: CustomSchema = {
    type: 'object',
    properties: {
      list: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['k'],
        items: {
          type: 'object',
          properties: { k: { type: 'string' }, v: integer },
          'x-kubernetes-validations': [{ rule: 'self.v == oldSelf.v', message: 'fixed' }],
        },
      },
    },
  }
  const old = {
    list: [
      { k: 'a', v: 1 },
      { k: 'b', v: 2 },
    ],
  }
  const next = {
    list: [
      { k: 'b', v: 2 },
      { k: 'a', v: 7 },
      { k: 'c', v: 1 },
    ],
  }
  assert.equal(faults(schema, next, old), [
    'FieldValueInvalid list[1]: Invalid value: "object": fixed',
  ])
})

test('rules of a root see its name', () => {
  const schema: CustomSchema = {
    type: 'object',
    'x-kubernetes-validations': [{ rule: 'self.metadata.name != "bad"', message: 'not so' }],
  }
  assert.equal(faults(schema, { metadata: { name: 'bad' } }), [
    'FieldValueInvalid <nil>: Invalid value: "object": not so',
  ])
})

test.run()
