/**
 * Texts and bytes of shared objects are made once, and forgotten when others need their room.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { entryOf, setManagers } from '../../src/api/managed-fields/manager-entry.ts'
import { itemBytes, jsonText, passingJsonText, plainJsonText } from '../../src/client/json-text.ts'

const BY = {
  manager: 'm',
  operation: 'Update',
  apiVersion: 'v1',
  time: '',
  subresource: '',
} as const

test('a text is made once', () => {
  const object = { metadata: { name: 'ä' } }
  const text = jsonText(object)
  object.metadata.name = 'never looked at again'
  assert.is(jsonText(object), text)
  assert.is(passingJsonText(object), text)
})

test('bytes of an item are UTF-8, made once', () => {
  const object = { metadata: { name: 'ä€' } }
  let made = 0
  const textOf = (one: object) => {
    made++
    return JSON.stringify(one)
  }
  const bytes = itemBytes(object, textOf)
  assert.is(bytes.toString(), '{"metadata":{"name":"ä€"}}')
  assert.is(bytes.length, Buffer.byteLength(bytes.toString()))
  assert.is(itemBytes(object, textOf), bytes)
  assert.is(made, 1)
})

test('the plain text is the one without managers, whether the whole text is known or not', () => {
  for (const isManaged of [true, false]) {
    const object = { kind: 'X', metadata: { name: 'ä', uid: '1' }, spec: { managedFields: [] } }
    const plain = JSON.stringify(object)
    if (isManaged) setManagers(object, [entryOf(BY, '{"f:spec":{}}')])
    assert.is(plainJsonText(object), plain)
    const whole = jsonText(object)
    assert.is(whole.includes('"manager":"m"'), isManaged)
    assert.is(plainJsonText(object), plain)
    const { metadata, ...rest } = JSON.parse(whole)
    const { managedFields: _, ...kept } = metadata
    assert.equal({ ...rest, metadata: kept }, JSON.parse(plain))
  }
})

test('what nobody asks for makes room', () => {
  const early = { metadata: { name: 'early' } }
  const bytes = itemBytes(early)
  for (let at = 0; at < 80; at++) itemBytes({ metadata: { name: 'x'.repeat(1024 * 1024), at } })
  const again = itemBytes(early)
  assert.is.not(again, bytes)
  assert.equal(again, bytes)
})

test.run()
