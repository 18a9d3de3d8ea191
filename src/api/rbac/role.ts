/**
 * Role: what may be done in one namespace. A RoleBinding gives it to somebody.
 *
 * Its name may be any segment of a URL path, as `system:controller:x`.
 */
import type { V1Role } from '@kubernetes/client-node'
import { nameColumn } from '../core/columns.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import type { FieldError } from '../status-error.ts'
import { checkRules, createdAtColumn, metadataOnly, RBAC_GROUP } from './policy-rule.ts'

export type Role = WireObject<V1Role>

export const Role = defineKind<Role>({
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'Role',
  plural: 'roles',
  singular: 'role',
  namespaced: true,
  model: 'V1Role',
  nameRule: 'pathSegment',
  digest: metadataOnly,
  validate: ({ rules }) => {
    const errors: FieldError[] = []
    checkRules(errors, rules, true)
    return errors
  },
  columns: [nameColumn, createdAtColumn],
})
