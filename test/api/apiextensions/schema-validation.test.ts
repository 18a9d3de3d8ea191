/**
 * Values against schemas: paths and words are those of Kubernetes' validator.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkUniqueLists } from '../../../src/api/apiextensions/list-rules.ts'
import { validateValue } from '../../../src/api/apiextensions/schema-validation.ts'
import { structuralSchema } from '../../../src/api/apiextensions/structural-schema.ts'
import type { CustomSchema } from '../../../src/api/kind.ts'
import type { Json } from '../../../src/api/meta.ts'

const faults = (schema: CustomSchema, value: Json, old?: Json): string[] =>
  validateValue(value, structuralSchema(schema), '', old).map(
    ({ field, message }) => `${field}: ${message}`,
  )

const spec = (schema: CustomSchema): CustomSchema => ({
  type: 'object',
  properties: { spec: schema as { [key: string]: Json } },
})

const wrong = (path: string, wanted: string, actual: string): string =>
  `${path}: Invalid value: "${actual}": ${path} in body must be of type ${wanted}: "${actual}"`

/** Schema of `spec`, its value, what is wrong with it. */
const CASES: [name: string, schema: CustomSchema, value: Json, faults: string[]][] = [
  ['a text for a number', { type: 'integer' }, 'x', [wrong('spec', 'integer', 'string')]],
  ['a fraction for an integer', { type: 'integer' }, 1.5, [wrong('spec', 'integer', 'number')]],
  ['an integer for a number', { type: 'number' }, 1, []],
  ['null where it is not allowed', { type: 'string' }, null, [wrong('spec', 'string', 'null')]],
  ['null where it is', { type: 'string', nullable: true }, null, []],
  [
    'neither number nor text',
    { 'x-kubernetes-int-or-string': true },
    true,
    [wrong('spec', 'integer,string', 'boolean')],
  ],
  ['a number or a text', { 'x-kubernetes-int-or-string': true }, '10%', []],
  [
    'what is not listed',
    { type: 'string', enum: ['a', 'b'] },
    'c',
    ['spec: Unsupported value: "c": supported values: "a", "b"'],
  ],
  [
    'too short',
    { type: 'string', minLength: 2 },
    'é',
    ['spec: Invalid value: "é": spec in body should be at least 2 chars long'],
  ],
  [
    'too long',
    { type: 'string', maxLength: 2 },
    'abc',
    ['spec: Too long: may not be more than 2 bytes'],
  ],
  [
    'another pattern',
    { type: 'string', pattern: '^a+$' },
    'b',
    ['spec: Invalid value: "b": spec in body should match \'^a+$\''],
  ],
  [
    'too little',
    { type: 'integer', minimum: 3 },
    2,
    ['spec: Invalid value: 2: spec in body should be greater than or equal to 3'],
  ],
  [
    'the limit that is excluded',
    { type: 'integer', maximum: 3, exclusiveMaximum: true },
    3,
    ['spec: Invalid value: 3: spec in body should be less than 3'],
  ],
  [
    'no multiple',
    { type: 'number', multipleOf: 0.5 },
    0.75,
    ['spec: Invalid value: 0.75: spec in body should be a multiple of 0.5'],
  ],
  [
    'no time',
    { type: 'string', format: 'date-time' },
    'today',
    [wrong('spec', 'date-time', 'today')],
  ],
  ['a time', { type: 'string', format: 'date-time' }, '2026-01-02T03:04:05Z', []],
  ['a format that nobody checks', { type: 'integer', format: 'int32' }, 2 ** 40, []],
  [
    'a field that is missing',
    { type: 'object', required: ['a'], properties: { a: { type: 'string' } } },
    {},
    ['spec.a: Required value'],
  ],
  [
    'items of the wrong type',
    { type: 'array', items: { type: 'object', properties: { n: { type: 'integer' } } } },
    [{ n: 1 }, { n: 'x' }],
    [wrong('spec[1].n', 'integer', 'string')],
  ],
  [
    'too many items',
    { type: 'array', maxItems: 1, items: { type: 'integer' } },
    [1, 2],
    ['spec: Too many: 2: must have at most 1 item'],
  ],
  [
    'too few items',
    { type: 'array', minItems: 2, items: { type: 'integer' } },
    [1],
    ['spec: Invalid value: 1: spec in body should have at least 2 items'],
  ],
  [
    'values of a map',
    { type: 'object', additionalProperties: { type: 'string' } },
    { a: 1 },
    [wrong('spec.a', 'string', 'integer')],
  ],
  [
    'no alternative',
    {
      type: 'object',
      properties: { a: { type: 'integer' }, b: { type: 'integer' } },
      oneOf: [{ required: ['a'] }, { required: ['b'] }],
    },
    {},
    [
      '<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found none valid',
      'spec.a: Required value',
    ],
  ],
  [
    'two alternatives',
    {
      type: 'object',
      properties: { a: { type: 'integer' }, b: { type: 'integer' } },
      oneOf: [{ required: ['a'] }, { required: ['b'] }],
    },
    { a: 1, b: 1 },
    [
      '<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found 2 valid alternatives',
    ],
  ],
  [
    'what must not be',
    { type: 'string', not: { enum: ['x'] } },
    'x',
    ['<nil>: Invalid value: "": "spec" must not validate the schema (not)'],
  ],
]

for (const [name, schema, value, expected] of CASES)
  test(name, () => assert.equal(faults(spec(schema), { spec: value }), expected))

test('what was wrong before and has not changed is not refused', () => {
  const schema = spec({
    type: 'object',
    properties: {
      a: { type: 'integer', minimum: 5 },
      list: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['k'],
        items: {
          type: 'object',
          properties: { k: { type: 'string' }, v: { type: 'integer', maximum: 1 } },
        },
      },
    },
  })
  const old = { spec: { a: 1, list: [{ k: 'x', v: 9 }] } }
  assert.equal(faults(schema, { spec: { a: 1, list: [{ k: 'n' }, { k: 'x', v: 9 }] } }, old), [])
  assert.is(faults(schema, { spec: { a: 2, list: [{ k: 'x', v: 8 }] } }, old).length, 2)
})

test('an item of a list without keys is held against the list it is in', () => {
  const items = { type: 'string', enum: ['new'] }
  for (const listType of [undefined, 'atomic', 'set']) {
    const type: Record<string, string> = listType ? { 'x-kubernetes-list-type': listType } : {}
    const schema = spec({
      type: 'object',
      properties: { list: { type: 'array', ...type, items }, a: { type: 'integer' } },
    })
    const old = { spec: { list: ['a', 'b'], a: 1 } }
    assert.equal(faults(schema, { spec: { list: ['a', 'b'], a: 2 } }, old), [])
    assert.is(faults(schema, { spec: { list: ['a', 'b', 'new'], a: 1 } }, old).length, 2)
  }
})

test('sets and keys of maps are unique', () => {
  const set = structuralSchema(
    spec({ type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } }),
  )
  const map = structuralSchema(
    spec({
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['port', 'protocol'],
      items: {
        type: 'object',
        properties: { port: { type: 'integer' }, protocol: { type: 'string' } },
      },
    }),
  )
  const shown = (value: Json, schema: typeof set) =>
    checkUniqueLists(value, schema).map(({ field, message }) => `${field}: ${message}`)
  assert.equal(shown({ spec: ['a', 'b', 'a', 'a'] }, set), ['spec[2]: Duplicate value: "a"'])
  const port = { port: 1, protocol: 'TCP' }
  assert.equal(shown({ spec: [port, { port: 1 }, port] }, map), [
    'spec[2]: Duplicate value: {"port":1,"protocol":"TCP"}',
  ])
})

test.run()
