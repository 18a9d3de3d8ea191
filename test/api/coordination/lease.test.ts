import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Lease } from '../../../src/api/coordination/lease.ts'

const NOW = Date.parse('2026-01-01T01:00:00Z')

const lease = (spec: Lease['spec']): Lease => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: {
    name: 'scheduler',
    namespace: 'kube-system',
    uid: 'uid',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  spec,
})

test('durations are positive and transitions not negative', () => {
  const errors = Lease.validate!(lease({ leaseDurationSeconds: 0, leaseTransitions: -1 }))
  assert.equal(
    errors.map(({ field, message }) => `${field}: ${message}`),
    [
      'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
      'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
    ],
  )
})

test('fields of coordinated election are dropped', () => {
  const held = lease({ holderIdentity: 'a', strategy: 'OldestEmulationVersion' })
  Lease.prepareForCreate!(held, { now: NOW })
  assert.equal(held.spec, { holderIdentity: 'a' })
})

test('the row shows the holder', () => {
  const row = (spec: Lease['spec']) => Lease.columns.map((each) => each.value(lease(spec), NOW))
  assert.equal(row({ holderIdentity: 'a' }), ['scheduler', 'a', '60m'])
  assert.equal(row({}), ['scheduler', '', '60m'])
})

test.run()
