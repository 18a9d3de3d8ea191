/**
 * ClusterRoleBinding for the test of every kind.
 */
import { ClusterRoleBinding } from '../../../src/api/rbac/cluster-role-binding.ts'
import type { KindCase } from '../kind-case.ts'

const GROUP = 'rbac.authorization.k8s.io'

export const cases: KindCase = {
  kind: ClusterRoleBinding,
  minimal: {
    metadata: { name: 'tests:admins' },
    roleRef: { kind: 'ClusterRole', name: 'cluster-admin' },
  },
  defaults: { roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: 'cluster-admin' } },
  bad: [
    {
      name: 'a role of a namespace',
      change: (binding) => {
        binding.roleRef.kind = 'Role'
      },
      causes: [
        {
          field: 'roleRef.kind',
          reason: 'FieldValueNotSupported',
          message: 'Unsupported value: "Role": supported values: "ClusterRole"',
        },
      ],
    },
    {
      name: 'a service account of no namespace',
      change: (binding) => {
        binding.subjects = [{ kind: 'ServiceAccount', name: 'robot' }]
      },
      causes: [
        {
          field: 'subjects[0].namespace',
          reason: 'FieldValueRequired',
          message: 'Required value',
        },
      ],
    },
  ],
  immutable: [
    {
      name: 'the role it gives',
      change: (binding) => {
        binding.roleRef.name = 'view'
      },
      causes: [
        { field: 'roleRef', reason: 'FieldValueInvalid', message: /cannot change roleRef$/ },
      ],
    },
  ],
  change: (binding) => {
    binding.subjects = [{ kind: 'Group', name: 'staff', apiGroup: GROUP }]
  },
  cells: ['tests:admins', 'ClusterRole/cluster-admin', '', '', ''],
}
