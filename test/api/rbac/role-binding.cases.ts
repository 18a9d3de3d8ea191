/**
 * RoleBinding for the test of every kind.
 */
import { RoleBinding } from '../../../src/api/rbac/role-binding.ts'
import type { KindCase } from '../kind-case.ts'

const GROUP = 'rbac.authorization.k8s.io'
const REQUIRED = 'FieldValueRequired'
const INVALID = 'FieldValueInvalid'
const UNSUPPORTED = 'FieldValueNotSupported'

export const cases: KindCase = {
  kind: RoleBinding,
  minimal: {
    metadata: { name: 'readers' },
    roleRef: { kind: 'Role', name: 'reader' },
    subjects: [
      { kind: 'User', name: 'jane' },
      { kind: 'Group', name: 'staff' },
      { kind: 'ServiceAccount', name: 'robot', namespace: 'default' },
    ],
  },
  defaults: {
    roleRef: { apiGroup: GROUP, kind: 'Role', name: 'reader' },
    subjects: [
      { apiGroup: GROUP, kind: 'User', name: 'jane' },
      { apiGroup: GROUP, kind: 'Group', name: 'staff' },
      { kind: 'ServiceAccount', name: 'robot', namespace: 'default' },
    ],
  },
  bad: [
    {
      name: 'a role of another kind, group and no name',
      change: (binding) => {
        binding.roleRef = { apiGroup: 'apps', kind: 'Pod', name: '' }
      },
      causes: [
        {
          field: 'roleRef.apiGroup',
          reason: UNSUPPORTED,
          message: `Unsupported value: "apps": supported values: "${GROUP}"`,
        },
        {
          field: 'roleRef.kind',
          reason: UNSUPPORTED,
          message: 'Unsupported value: "Pod": supported values: "Role", "ClusterRole"',
        },
        { field: 'roleRef.name', reason: REQUIRED, message: 'Required value' },
      ],
    },
    {
      name: 'subjects of no kind, no name and no group',
      change: (binding) => {
        binding.subjects = [
          { kind: 'Robot', name: 'r' },
          { kind: 'User', name: '' },
          { kind: 'ServiceAccount', name: 'A', apiGroup: GROUP },
        ]
      },
      causes: [
        {
          field: 'subjects[0].kind',
          reason: UNSUPPORTED,
          message:
            'Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
        },
        { field: 'subjects[1].name', reason: REQUIRED },
        {
          field: 'subjects[1].name',
          reason: INVALID,
          message: 'Invalid value: "": user name cannot be empty',
        },
        { field: 'subjects[2].name', reason: INVALID, message: /lowercase RFC 1123 subdomain/ },
        {
          field: 'subjects[2].apiGroup',
          reason: UNSUPPORTED,
          message: `Unsupported value: "${GROUP}": supported values: ""`,
        },
      ],
    },
  ],
  immutable: [
    {
      name: 'the role it gives',
      change: (binding) => {
        binding.roleRef.name = 'writer'
      },
      causes: [
        {
          field: 'roleRef',
          reason: INVALID,
          message: `Invalid value: {"APIGroup":"${GROUP}","Kind":"Role","Name":"writer"}: cannot change roleRef`,
        },
      ],
    },
  ],
  change: (binding) => {
    binding.subjects = [{ kind: 'User', name: 'joe', apiGroup: GROUP }]
  },
  cells: ['readers', 'Role/reader', 'jane', 'staff', 'default/robot'],
}
