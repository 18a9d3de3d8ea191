/**
 * Several keys of service accounts' tokens: which of them sign, verify and are shown.
 */
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { TokenRefused } from '../../../src/actors/apiserver/authentication/bearer-token.ts'
import { TokenKeys } from '../../../src/actors/apiserver/token-keys.ts'
import { createSigningKey } from '../../../src/node/pki.ts'
import {
  decodeToken,
  readSigningKey,
  readVerifyingKey,
  signToken,
} from '../../../src/std/json-web-token.ts'

const [first, second, third] = await Promise.all([
  createSigningKey(),
  createSigningKey(),
  createSigningKey(),
])
const publicPem = (pem: string) =>
  createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString()
const idOf = (pem: string) => readVerifyingKey(pem).id
const tokenOf = (pem: string) => signToken({ sub: 'x' }, readSigningKey(pem))

const faultOf = (keys: TokenKeys, token: string): string => {
  try {
    keys.checkSignature(decodeToken(token)!)
    return ''
  } catch (error) {
    if (error instanceof TokenRefused) return error.message
    throw error
  }
}
const idsShown = (keys: TokenKeys) =>
  (keys.keySet() as { keys: { kid: string }[] }).keys.map(({ kid }) => kid)
const withoutKeyId = async (pem: string) => {
  const key = readSigningKey(pem)
  return signToken({ sub: 'x' }, { ...key, id: '' })
}

test('a key is named alike by its private and its public half', () => {
  assert.is(idOf(first), readSigningKey(first).id)
  assert.is(idOf(publicPem(first)), idOf(first))
  assert.is(idOf(`Made: 2026-01-01T00:00:00Z\n${publicPem(first)}`), idOf(first))
})

test('tokens of every key are good, those of others have no key', async () => {
  const keys = new TokenKeys({
    serviceAccountKey: first,
    otherServiceAccountKeys: [second, publicPem(third)],
  })
  for (const pem of [first, second, third]) assert.is(faultOf(keys, await tokenOf(pem)), '')
  const stranger = await createSigningKey()
  assert.is(faultOf(keys, await tokenOf(stranger)), 'invalid signature, no keys found')
})

test('a token that names a key is judged by that one alone, one that names none by all', async () => {
  const keys = new TokenKeys({ serviceAccountKey: first, otherServiceAccountKeys: [second] })
  assert.is(faultOf(keys, await withoutKeyId(second)), '')
  assert.is(faultOf(keys, await withoutKeyId(third)), 'the signature of the token is not valid')
  const misnamed = await signToken({ sub: 'x' }, { ...readSigningKey(second), id: idOf(first) })
  assert.is(faultOf(keys, misnamed), 'the signature of the token is not valid')
})

test('the key set shows every key once, the one that signs first, and nothing private', () => {
  const keys = new TokenKeys({
    serviceAccountKey: second,
    otherServiceAccountKeys: [second, publicPem(first), third],
  })
  assert.equal(idsShown(keys), [second, first, third].map(idOf))
  const [shown] = (keys.keySet() as { keys: object[] }).keys
  assert.equal(Object.keys(shown!).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use'])
})

test('replacing tells whether anything is different; what is no RSA key changes nothing', () => {
  const keys = new TokenKeys({ serviceAccountKey: first })
  assert.not(keys.replace({ serviceAccountKey: first, otherServiceAccountKeys: [] }))
  assert.ok(keys.replace({ serviceAccountKey: first, otherServiceAccountKeys: [second] }))
  assert.ok(keys.replace({ serviceAccountKey: second, otherServiceAccountKeys: [first] }))
  assert.is(keys.signing.id, idOf(second))
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = curve.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const replace = (key: string, others: string[] = []) =>
    keys.replace({ serviceAccountKey: key, otherServiceAccountKeys: others })
  assert.throws(() => replace(pem), 'tokens are signed with RSA, and this key is of ec')
  assert.throws(() => replace(first, [pem]), /RSA/)
  assert.throws(() => replace('nonsense'))
  assert.equal(idsShown(keys), [second, first].map(idOf))
  assert.is(keys.signing.id, idOf(second))
})

test.run()
