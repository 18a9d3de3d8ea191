/**
 * ClusterRole: what may be done in the whole cluster, or, through a RoleBinding, in one namespace.
 *
 * With an `aggregationRule` its rules are gathered from other ClusterRoles by a controller, not here.
 */
import type { V1ClusterRole } from '@kubernetes/client-node'
import { nameColumn } from '../core/columns.ts'
import { checkLabelSelector } from '../core/field-rules.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { type FieldError, requiredField } from '../status-error.ts'
import { checkRules, createdAtColumn, RBAC_GROUP } from './policy-rule.ts'

export type ClusterRole = WireObject<V1ClusterRole>

const validate = ({ rules, aggregationRule }: ClusterRole): FieldError[] => {
  const errors: FieldError[] = []
  checkRules(errors, rules, false)
  if (!aggregationRule) return errors
  const path = 'aggregationRule.clusterRoleSelectors'
  const selectors = aggregationRule.clusterRoleSelectors ?? []
  if (selectors.length === 0) {
    const why = 'at least one clusterRoleSelector required if aggregationRule is non-nil'
    errors.push(requiredField(path, why))
  }
  for (const [index, selector] of selectors.entries())
    checkLabelSelector(errors, `${path}[${index}]`, selector)
  return errors
}

export const ClusterRole = defineKind<ClusterRole>({
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'ClusterRole',
  plural: 'clusterroles',
  singular: 'clusterrole',
  namespaced: false,
  model: 'V1ClusterRole',
  nameRule: 'pathSegment',
  validate,
  columns: [nameColumn, createdAtColumn],
})
