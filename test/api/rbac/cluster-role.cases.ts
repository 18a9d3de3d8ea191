/**
 * ClusterRole for the test of every kind.
 */
import { ClusterRole } from '../../../src/api/rbac/cluster-role.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: ClusterRole,
  minimal: {
    metadata: { name: 'tests:cluster-reader' },
    rules: [{ nonResourceURLs: ['/healthz'], verbs: ['get'] }],
  },
  defaults: { rules: [{ nonResourceURLs: ['/healthz'], verbs: ['get'] }] },
  bad: [
    {
      name: 'an aggregation of nothing',
      change: (role) => {
        role.aggregationRule = { clusterRoleSelectors: [] }
      },
      causes: [
        {
          field: 'aggregationRule.clusterRoleSelectors',
          reason: 'FieldValueRequired',
          message:
            'Required value: at least one clusterRoleSelector required if aggregationRule is non-nil',
        },
      ],
    },
    {
      name: 'an aggregation by a label that is none',
      change: (role) => {
        role.aggregationRule = { clusterRoleSelectors: [{ matchLabels: { a: 'b c' } }] }
      },
      causes: [
        {
          field: 'aggregationRule.clusterRoleSelectors[0].matchLabels',
          reason: 'FieldValueInvalid',
          message: /^Invalid value: "b c": a valid label must be/,
        },
      ],
    },
    {
      name: 'a rule without verbs',
      change: (role) => {
        role.rules[0].verbs = []
      },
      causes: [{ field: 'rules[0].verbs', reason: 'FieldValueRequired' }],
    },
  ],
  change: (role) => {
    role.aggregationRule = { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] }
  },
  cells: ['tests:cluster-reader', /^\d{4}-\d\d-\d\dT/],
}
