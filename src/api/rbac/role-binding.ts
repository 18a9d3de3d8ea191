/**
 * RoleBinding: gives a Role, or a ClusterRole within one namespace, to users, groups and service accounts.
 *
 * Which role it gives never changes; make a new binding instead.
 */
import type { V1RoleBinding } from '@kubernetes/client-node'
import { ageColumn, nameColumn } from '../core/columns.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { metadataOnly, RBAC_GROUP } from './policy-rule.ts'
import {
  applyBindingDefaults,
  bindingErrors,
  roleColumn,
  roleRefChangeErrors,
  subjectColumns,
} from './role-subject.ts'

export type RoleBinding = WireObject<V1RoleBinding>

const ROLE_KINDS = ['Role', 'ClusterRole']

export const RoleBinding = defineKind<RoleBinding>({
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'RoleBinding',
  plural: 'rolebindings',
  singular: 'rolebinding',
  namespaced: true,
  model: 'V1RoleBinding',
  nameRule: 'pathSegment',
  digest: metadataOnly,
  applyDefaults: applyBindingDefaults,
  validate: (binding) => bindingErrors(binding, ROLE_KINDS),
  validateUpdate: roleRefChangeErrors,
  columns: [nameColumn, roleColumn, ageColumn, ...subjectColumns],
})
