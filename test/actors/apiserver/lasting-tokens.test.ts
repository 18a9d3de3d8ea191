/**
 * Tokens that outlive their key's last day of signing, at two replicas over one store.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ConfigMap } from '../../../src/api/core/config-map.ts'
import { LASTING_TOKENS, lastTokenEndMs } from '../../../src/api/core/lasting-tokens.ts'
import { readVerifyingKey } from '../../../src/std/json-web-token.ts'
import { startTestApiserver } from '../../support/api-server.ts'
import { memoryStorage } from '../../support/memory-storage.ts'

const storage = memoryStorage()
const first = await startTestApiserver(storage)
const second = await startTestApiserver(storage, undefined, 0, 2)
test.after(async () => {
  await first.stop()
  await second.stop()
})

const YEAR = 365 * 24 * 3600
const BASE = '/api/v1/namespaces/default/serviceaccounts'
const ask = async (api: typeof first, expirationSeconds: number) => {
  const { code, text } = await api.call('POST', `${BASE}/robot/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds },
  })
  assert.is(code, 201, text)
}
const entries = () => storage.cache.get(ConfigMap, LASTING_TOKENS.namespace, LASTING_TOKENS.name)

test('usual tokens are not written down, longer ones are by key, whoever signs them', async () => {
  await first.call('POST', BASE, { metadata: { name: 'robot' } })
  await ask(first, 3600)
  await ask(second, YEAR)
  assert.is(entries(), undefined)
  await Promise.all([ask(first, 3 * YEAR), ask(second, 20 * YEAR), ask(second, 5 * YEAR)])
  const keyId = readVerifyingKey(first.pki.serviceAccountKey).id
  assert.is(Object.keys(entries()?.data ?? {}).length, 3)
  assert.ok(lastTokenEndMs(entries(), keyId) > Date.now() + 20 * YEAR * 1000)
  const { writes } = storage
  await ask(first, 20 * YEAR)
  assert.is(storage.writes, writes)
})

test.run()
