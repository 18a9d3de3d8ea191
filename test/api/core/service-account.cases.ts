/**
 * ServiceAccount for the test of every kind.
 */
import { ServiceAccount } from '../../../src/api/core/service-account.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: ServiceAccount,
  minimal: {
    metadata: { name: 'robot' },
    secrets: [{ name: 'robot-token', namespace: 'elsewhere' }],
  },
  defaults: { secrets: [{ name: 'robot-token' }] },
  bad: [
    {
      name: 'a name with capitals',
      change: ({ metadata }) => {
        metadata.name = 'Robot'
      },
      causes: [{ field: 'metadata.name', reason: 'FieldValueInvalid' }],
    },
  ],
  change: (account) => {
    account.automountServiceAccountToken = false
    account.imagePullSecrets = [{ name: 'registry' }]
  },
  cells: ['robot'],
}
