import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ConfigMap } from '../../../src/api/core/config-map.ts'
import { deepCopy } from '../../../src/api/equality.ts'
import { NOW, shown } from './pod-samples.ts'

const metadata = {
  name: 'one',
  namespace: 'default',
  uid: 'uid',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
}
const base = { apiVersion: 'v1', kind: '', metadata }
const configMap = (fields: Partial<ConfigMap>): ConfigMap => deepCopy({ ...base, ...fields })

const KEY =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"

test('keys of a config map are file names, each given once', () => {
  const faults = shown(
    ConfigMap.validate!(configMap({ data: { 'a/b': '', twice: '' }, binaryData: { twice: '' } })),
  )
  assert.equal(faults, [
    `data[a/b]: Invalid value: "a/b": ${KEY}`,
    'data[twice]: Invalid value: "twice": duplicate of key present in binaryData',
  ])
})

test('a config map holds one MiB at most', () => {
  const full = configMap({ data: { a: 'x'.repeat(1024 * 1024) } })
  assert.equal(ConfigMap.validate!(full), [])
  full.binaryData = { b: 'eA==' }
  assert.equal(shown(ConfigMap.validate!(full)), [
    '[]: Too long: may not be more than 1048576 bytes',
  ])
})

test('an immutable config map stays as it is', () => {
  const old = configMap({ data: { a: '1' }, immutable: true })
  assert.equal(ConfigMap.validateUpdate!(deepCopy(old), old), [])
  assert.equal(shown(ConfigMap.validateUpdate!(configMap({ data: { a: '2' } }), old)), [
    'immutable: Forbidden: field is immutable when `immutable` is set',
    'data: Forbidden: field is immutable when `immutable` is set',
  ])
})

test('the row counts texts and bytes together', () => {
  const map = configMap({ data: { a: '', b: '' }, binaryData: { c: '' } })
  assert.equal(
    ConfigMap.columns.map((each) => each.value(map, NOW)),
    ['one', 3, '60m'],
  )
})

test.run()
