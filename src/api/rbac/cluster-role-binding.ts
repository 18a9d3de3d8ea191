/**
 * ClusterRoleBinding: gives a ClusterRole, in the whole cluster, to users, groups and service accounts.
 *
 * Which role it gives never changes; make a new binding instead.
 */
import type { V1ClusterRoleBinding } from '@kubernetes/client-node'
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

export type ClusterRoleBinding = WireObject<V1ClusterRoleBinding>

const ROLE_KINDS = ['ClusterRole']

export const ClusterRoleBinding = defineKind<ClusterRoleBinding>({
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  singular: 'clusterrolebinding',
  namespaced: false,
  model: 'V1ClusterRoleBinding',
  nameRule: 'pathSegment',
  digest: metadataOnly,
  applyDefaults: applyBindingDefaults,
  validate: (binding) => bindingErrors(binding, ROLE_KINDS),
  validateUpdate: roleRefChangeErrors,
  columns: [nameColumn, roleColumn, ageColumn, ...subjectColumns],
})
