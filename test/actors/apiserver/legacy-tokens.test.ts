/**
 * Tokens of service accounts that are kept in Secrets, at a whole apiserver.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Secret } from '../../../src/api/core/secret.ts'
import { ServiceAccount } from '../../../src/api/core/service-account.ts'
import { dayOf, LAST_USED, legacyClaims } from '../../../src/api/core/token-secret.ts'
import { sleep, systemClock } from '../../../src/std/clock.ts'
import { readSigningKey, signToken } from '../../../src/std/json-web-token.ts'
import { startTestApiserver } from '../../support/api-server.ts'

const api = await startTestApiserver()
test.after(() => api.stop())

const BASE = '/api/v1/namespaces/default'
const { cache } = api.storage

const keep = async (name: string): Promise<string> => {
  const type = 'kubernetes.io/service-account-token'
  const annotations = { 'kubernetes.io/service-account.name': 'robot' }
  const created = await api.call('POST', `${BASE}/secrets`, {
    metadata: { name, annotations },
    type,
  })
  assert.is(created.code, 201, created.text)
  const secret = cache.get(Secret, 'default', name)!
  const account = cache.get(ServiceAccount, 'default', 'robot')!
  const key = readSigningKey(api.pki.serviceAccountKey)
  const token = await signToken(legacyClaims(account, secret), key)
  await api.call(
    'PATCH',
    `${BASE}/secrets/${name}`,
    { data: { token: Buffer.from(token).toString('base64') } },
    { headers: { 'content-type': 'application/merge-patch+json' } },
  )
  return token
}

const review = async (token: string, audiences?: string[]) => {
  const { json } = await api.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
    spec: { token, ...(audiences ? { audiences } : {}) },
  })
  return json.status
}

test.before(async () => {
  await api.call('POST', `${BASE}/serviceaccounts`, { metadata: { name: 'robot' } })
})

test('such a token names its account, for this API only', async () => {
  const token = await keep('kept')
  const { authenticated, user } = await review(token)
  assert.ok(authenticated)
  assert.is(user.username, 'system:serviceaccount:default:robot')
  assert.is(user.uid, cache.get(ServiceAccount, 'default', 'robot')!.metadata.uid)
  assert.equal(user.groups, [
    'system:serviceaccounts',
    'system:serviceaccounts:default',
    'system:authenticated',
  ])
  assert.is(user.extra, undefined)
  const { error } = await review(token, ['vault'])
  assert.match(error, 'is invalid for the target audiences ["vault"]')
})

test('the day of its use is written down', async () => {
  const labels = () => cache.get(Secret, 'default', 'kept')!.metadata.labels
  for (let tries = 0; !labels()?.[LAST_USED] && tries < 100; tries++) await sleep(10, systemClock)
  assert.is(labels()?.[LAST_USED], dayOf(systemClock.now()))
})

test('it is worth nothing when it is marked, changed or gone', async () => {
  const token = await keep('spent')
  const label = (value: string | null) =>
    api.call(
      'PATCH',
      `${BASE}/secrets/spent`,
      { metadata: { labels: { 'kubernetes.io/legacy-token-invalid-since': value } } },
      { headers: { 'content-type': 'application/merge-patch+json' } },
    )
  await label('2026-01-01')
  assert.match(
    (await review(token)).error,
    'the token in secret default/spent for service account default/robot has been marked invalid.',
  )
  await label(null)
  assert.ok((await review(token)).authenticated)
  await api.call(
    'PATCH',
    `${BASE}/secrets/spent`,
    { data: { token: 'b3RoZXI=' } },
    { headers: { 'content-type': 'application/merge-patch+json' } },
  )
  assert.match((await review(token)).error, "Token does not match server's copy")
  await api.call('DELETE', `${BASE}/secrets/spent`)
  assert.match((await review(token)).error, 'Token has been invalidated')
})

test.run()
