/**
 * Lease for the test of every kind.
 */
import { Lease } from '../../../src/api/coordination/lease.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: Lease,
  minimal: { metadata: { name: 'leader' } },
  defaults: { spec: {} },
  bad: [
    {
      name: 'no time to hold it, transitions below none',
      change: (lease) => {
        lease.spec = { leaseDurationSeconds: 0, leaseTransitions: -1 }
      },
      causes: [
        {
          field: 'spec.leaseDurationSeconds',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: 0: must be greater than 0',
        },
        {
          field: 'spec.leaseTransitions',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: -1: must be greater than or equal to 0',
        },
      ],
    },
  ],
  change: ({ spec }) => {
    Object.assign(spec, {
      holderIdentity: 'me',
      leaseDurationSeconds: 15,
      acquireTime: '2026-01-01T00:00:00.000001Z',
    })
  },
  cells: ['leader', ''],
}
