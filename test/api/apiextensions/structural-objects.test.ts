/**
 * What a schema does to objects: pruning, nulls, defaults.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  dropNulls,
  isSettled,
  prune,
  setDefaults,
} from '../../../src/api/apiextensions/structural-objects.ts'
import { rootSchema, structuralSchema } from '../../../src/api/apiextensions/structural-schema.ts'
import type { CustomSchema } from '../../../src/api/kind.ts'
import type { Json } from '../../../src/api/meta.ts'

type JsonObject = { [key: string]: Json }

const pruned = (schema: CustomSchema, object: JsonObject) => {
  const copy = structuredClone(object)
  const unknown = prune(copy, structuralSchema(schema))
  return { object: copy, unknown }
}

const string = { type: 'string' }

test('unknown fields go and are named', () => {
  const schema = {
    type: 'object',
    properties: {
      a: string,
      list: { type: 'array', items: { type: 'object', properties: { b: string } } },
      map: { type: 'object', additionalProperties: { type: 'object', properties: { c: string } } },
    },
  }
  const given = { a: 'x', z: 1, list: [{ b: '', y: 1 }], map: { k: { c: '', x: 1 } } }
  assert.equal(pruned(schema, given), {
    object: { a: 'x', list: [{ b: '' }], map: { k: { c: '' } } },
    unknown: ['z', 'list[0].y', 'map.k.x'],
  })
})

test('what is preserved stays, what is declared inside of it is pruned', () => {
  const schema = {
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
    properties: { strict: { type: 'object', properties: { a: string } } },
  }
  const given = { any: { thing: [1, { x: 1 }] }, strict: { a: '', b: 1 } }
  assert.equal(pruned(schema, given).object, { any: { thing: [1, { x: 1 }] }, strict: { a: '' } })
})

test('a resource keeps its apiVersion, kind and metadata', () => {
  const object = { apiVersion: 'v1', kind: 'X', metadata: { name: 'a' }, spec: {} }
  const copy: JsonObject = structuredClone(object)
  assert.equal(prune(copy, rootSchema({ type: 'object' })), ['spec'])
  assert.equal(copy, { apiVersion: 'v1', kind: 'X', metadata: { name: 'a' } })
})

test('defaults are set where the object above is there, in defaults, too', () => {
  const node = structuralSchema({
    type: 'object',
    properties: {
      a: { type: 'integer', default: 1 },
      deep: { type: 'object', properties: { b: { type: 'string', default: 'x' } } },
      made: {
        type: 'object',
        default: {},
        properties: { c: { type: 'boolean', default: false } },
      },
      list: {
        type: 'array',
        items: { type: 'object', properties: { d: { type: 'string', default: 'y' } } },
      },
    },
  })
  const object: JsonObject = { list: [{}, { d: 'z' }] }
  setDefaults(object, node)
  assert.equal(object, { a: 1, made: { c: false }, list: [{ d: 'y' }, { d: 'z' }] })
  assert.ok(isSettled(object, node))
})

test('null is dropped, or becomes the default, where it is not allowed', () => {
  const node = structuralSchema({
    type: 'object',
    properties: {
      plain: string,
      filled: { type: 'string', default: 'x' },
      nullable: { type: 'string', nullable: true, default: 'x' },
    },
  })
  const object: JsonObject = { plain: null, filled: null, nullable: null }
  dropNulls(object, node)
  setDefaults(object, node)
  assert.equal(object, { filled: 'x', nullable: null })
})

test('an object that lacks a default or has too much is not settled', () => {
  const node = structuralSchema({
    type: 'object',
    properties: { a: { type: 'integer', default: 1 } },
  })
  assert.not(isSettled({}, node))
  assert.not(isSettled({ a: 1, b: 1 }, node))
  assert.not(isSettled({ a: null }, node))
  assert.ok(isSettled({ a: 2 }, node))
})

test.run()
