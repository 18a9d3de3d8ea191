/**
 * Role for the test of every kind.
 */
import { Role } from '../../../src/api/rbac/role.ts'
import type { KindCase } from '../kind-case.ts'

const REQUIRED = 'FieldValueRequired'
const INVALID = 'FieldValueInvalid'

export const cases: KindCase = {
  kind: Role,
  minimal: {
    metadata: { name: 'system:reader' },
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
  },
  defaults: { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] },
  bad: [
    {
      name: 'a rule without anything',
      change: (role) => {
        role.rules = [{ verbs: [] }]
      },
      causes: [
        {
          field: 'rules[0].verbs',
          reason: REQUIRED,
          message: 'Required value: verbs must contain at least one value',
        },
        {
          field: 'rules[0].apiGroups',
          reason: REQUIRED,
          message: 'Required value: resource rules must supply at least one api group',
        },
        {
          field: 'rules[0].resources',
          reason: REQUIRED,
          message: 'Required value: resource rules must supply at least one resource',
        },
      ],
    },
    {
      name: 'URLs in a namespace, and beside resources',
      change: (role) => {
        role.rules[0].nonResourceURLs = ['/healthz']
      },
      causes: [
        {
          field: 'rules[0].nonResourceURLs',
          reason: INVALID,
          message:
            'Invalid value: ["/healthz"]: namespaced rules cannot apply to non-resource URLs',
        },
        {
          field: 'rules[0].nonResourceURLs',
          reason: INVALID,
          message:
            'Invalid value: ["/healthz"]: rules cannot apply to both regular resources and non-resource URLs',
        },
      ],
    },
    {
      name: 'names of several resources',
      change: (role) => {
        role.rules[0].resources.push('services')
        role.rules[0].resourceNames = ['web']
      },
      causes: [
        {
          field: 'rules[0].resourceNames',
          reason: REQUIRED,
          message: 'Required value: resource names cannot apply to multiple resources',
        },
      ],
    },
    {
      name: 'a name that is no segment of a path',
      change: (role) => {
        role.metadata.name = 'a%b'
      },
      causes: [{ field: 'metadata.name', reason: INVALID, message: /may not contain '%'/ }],
    },
  ],
  change: (role) => {
    role.rules[0].verbs = ['get', 'list']
  },
  cells: ['system:reader', /^\d{4}-\d\d-\d\dT/],
}
