import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ServiceAccount } from '../../../src/api/core/service-account.ts'
import { deepCopy } from '../../../src/api/equality.ts'
import { NOW } from './pod-samples.ts'

const metadata = {
  name: 'one',
  namespace: 'default',
  uid: 'uid',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
}
const base = { apiVersion: 'v1', kind: '', metadata }
test('a service account keeps only the names of its secrets', () => {
  const account: ServiceAccount = deepCopy({
    ...base,
    secrets: [{ name: 'a', kind: 'Secret', uid: 'x' }],
  })
  ServiceAccount.prepareForCreate!(account, { now: NOW })
  assert.equal(account.secrets, [{ name: 'a' }])
})

test.run()
