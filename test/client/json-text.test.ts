/**
 * Texts and bytes of shared objects are made once, and forgotten when others need their room.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { itemBytes, jsonText, passingJsonText } from '../../src/client/json-text.ts'

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

test('what nobody asks for makes room', () => {
  const early = { metadata: { name: 'early' } }
  const bytes = itemBytes(early)
  for (let at = 0; at < 80; at++) itemBytes({ metadata: { name: 'x'.repeat(1024 * 1024), at } })
  const again = itemBytes(early)
  assert.is.not(again, bytes)
  assert.equal(again, bytes)
})

test.run()
