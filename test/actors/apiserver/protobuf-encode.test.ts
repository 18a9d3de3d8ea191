/**
 * Answers in protobuf: every field of every kind comes back, lists and watches are framed as clients expect.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeProtobuf } from '../../../src/actors/apiserver/protobuf.ts'
import {
  encodeDocument,
  encodeList,
  encodeWatchFrame,
} from '../../../src/actors/apiserver/protobuf-encode.ts'
import { Reader } from '../../../src/actors/apiserver/protobuf-reader.ts'
import { type Slot, slotsOf } from '../../../src/actors/apiserver/protobuf-slots.ts'
import { kinds } from '../../../src/api/kinds.ts'
import type { KubernetesObject } from '../../../src/api/meta.ts'
import type { FieldType } from '../../../src/api/schema.ts'
import { fullObject } from '../../support/full-object.ts'
import { messageAt, textAt } from '../../support/protobuf-fields.ts'

const innermost = (type: FieldType): FieldType =>
  type.shape === 'list' || type.shape === 'map' ? innermost(type.of) : type
const isQuantity = (model: string, field: string): boolean => {
  const has = (list: readonly Slot[]): boolean =>
    list.some((slot) => {
      if ('embedded' in slot) return has(slot.embedded.list)
      const type = innermost(slot.type)
      return slot.name === field && type.shape === 'scalar' && type.scalar === 'quantity'
    })
  return has(slotsOf(model).list)
}

/** Without what the encoding has no room for: unions are tried apart. */
const plain = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const unions = ['items', 'additionalItems', 'additionalProperties', 'dependencies']
  const isSchema = 'x-kubernetes-preserve-unknown-fields' in value
  const entries = Object.entries(value).filter(([name]) => !isSchema || !unions.includes(name))
  const copied = Object.fromEntries(entries.map(([name, each]) => [name, plain(each)]))
  /** A struct without fields is not any JSON. */
  return 'subresources' in copied ? { ...copied, subresources: { status: {} } } : copied
}

for (const kind of kinds.filter(({ model }) => model))
  test(`every field of ${kind.apiVersion} ${kind.kind} comes back`, () => {
    const { apiVersion } = kind
    const full = { apiVersion, kind: kind.kind, ...fullObject(kind.model, isQuantity) }
    const object = plain(full) as object
    const bytes = encodeDocument(object)
    assert.ok(bytes, 'has a protobuf form')
    assert.equal(decodeProtobuf(bytes!), object)
  })

test('a schema may be a boolean, a list or names where JSON allows it', () => {
  const schema = {
    items: [{ type: 'string' }, { type: 'integer' }],
    additionalProperties: { type: 'string' },
    additionalItems: false,
    dependencies: { a: ['b', 'c'], d: { type: 'object' } },
    properties: { p: { items: { type: 'number' }, additionalProperties: true } },
    default: { x: [1] },
  }
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    spec: { versions: [{ name: 'v1', schema: { openAPIV3Schema: schema } }] },
  }
  assert.equal(decodeProtobuf(encodeDocument(definition)!), definition)
})

const METADATA = { uid: 'u', creationTimestamp: '2024-02-29T12:34:56Z' }
const secret = (at: number): KubernetesObject =>
  ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `s${at}`, namespace: 'n', resourceVersion: '1', ...METADATA },
    data: { k: Buffer.from('x'.repeat(300)).toString('base64') },
  }) as KubernetesObject

/** The messages of field 2 of the envelope's message. */
const itemsOf = (bytes: Buffer): string[] => {
  const names: string[] = []
  const envelope = new Reader(bytes, 4, bytes.length)
  for (let field = envelope.next(); field !== 0; field = envelope.next()) {
    if (field !== 2) {
      envelope.skip()
      continue
    }
    const list = envelope.message()
    for (let inner = list.next(); inner !== 0; inner = list.next()) {
      const message = list.message()
      if (inner === 2) names.push(textAt(messageAt(message, 1), 1))
    }
  }
  return names
}

test('the pieces of a list are one message, however small they are', () => {
  const items = Array.from({ length: 300 }, (_, at) => secret(at))
  const head = { apiVersion: 'v1', kind: 'SecretList', metadata: { resourceVersion: '7' } }
  const listed = (model: string | undefined) =>
    [...encodeList(head, items, model, 1000)].filter((piece) => piece !== undefined)
  const pieces = listed('V1Secret')
  assert.ok(pieces.length > 50)
  const names = items.map(({ metadata }) => metadata.name)
  assert.equal(itemsOf(Buffer.concat(pieces)), names)
  assert.equal(itemsOf(Buffer.concat(listed(undefined))), names)
})

test('a frame of a watch says its length, its type and the enveloped object', () => {
  const object = secret(1)
  const frame = encodeWatchFrame('ADDED', encodeDocument(object)!)
  assert.is(frame.readUInt32BE(), frame.length - 4)
  const event = new Reader(frame, 4, frame.length)
  assert.is(event.next(), 1)
  assert.is(event.text(), 'ADDED')
  assert.is(event.next(), 2)
  const raw = event.message()
  assert.is(raw.next(), 1)
  assert.equal(decodeProtobuf(raw.bytes()), object)
})

test('numbers of every size come back', () => {
  for (const generation of [1, 127, 128, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 53 - 1, -1, -(2 ** 40)]) {
    const object = { apiVersion: 'v1', kind: 'Secret', metadata: { generation } }
    assert.equal(decodeProtobuf(encodeDocument(object)!), object)
  }
})

test.run()
