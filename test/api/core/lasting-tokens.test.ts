import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ConfigMap } from '../../../src/api/core/config-map.ts'
import { lastingEntry, lastTokenEndMs, secretKeyId } from '../../../src/api/core/lasting-tokens.ts'
import type { Secret } from '../../../src/api/core/secret.ts'

const entries = (...keys: string[]) =>
  ({ data: Object.fromEntries(keys.map((key) => [key, ''])) }) as ConfigMap

test('an entry stands for all tokens of a key that end in a year', () => {
  assert.is(lastingEntry('abc', Date.UTC(2031, 0, 1)), 'abc.2032')
  assert.is(lastingEntry('abc', Date.UTC(2031, 11, 31, 23, 59)), 'abc.2032')
})

test('of a key’s entries the last one counts, and no other key’s', () => {
  const known = entries('abc.2032', 'abc.2030', 'abcd.2040', 'ab.2050', 'abc.x')
  assert.is(lastTokenEndMs(known, 'abc'), Date.UTC(2032, 0, 1))
  assert.is(lastTokenEndMs(known, 'xyz'), 0)
  assert.is(lastTokenEndMs(undefined, 'abc'), 0)
})

test('a token in a Secret names its key', () => {
  const header = Buffer.from(JSON.stringify({ alg: 'RS256', kid: 'abc' })).toString('base64url')
  const token = Buffer.from(`${header}.e30.AAAA`).toString('base64')
  const secret = (type: string, data?: object) => ({ type, data }) as Secret
  const TYPE = 'kubernetes.io/service-account-token'
  assert.is(secretKeyId(secret(TYPE, { token })), 'abc')
  assert.is(secretKeyId(secret(TYPE)), undefined)
  assert.is(secretKeyId(secret(TYPE, { token: 'bm9uZQ==' })), undefined)
  assert.is(secretKeyId(secret('Opaque', { token })), undefined)
})

test.run()
