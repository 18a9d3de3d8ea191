/**
 * The rules of Roles and ClusterRoles: which verbs are allowed on what.
 *
 * Wording and order follow Kubernetes 1.36 (`pkg/apis/rbac/validation`). It judges the form of rules only;
 * whether a request is allowed is not decided here.
 */
import type { V1PolicyRule } from '@kubernetes/client-node'
import type { Column } from '../kind.ts'
import type { KubernetesObject, Wire } from '../meta.ts'
import { type FieldError, invalidField, requiredField } from '../status-error.ts'

export type PolicyRule = Wire<V1PolicyRule>

export const RBAC_GROUP = 'rbac.authorization.k8s.io'

/** Pushes the faults of `rules`; those of a namespaced role may not name URLs. */
export const checkRules = (
  errors: FieldError[],
  rules: readonly PolicyRule[] | undefined,
  isNamespaced: boolean,
): void => {
  for (const [index, rule] of (rules ?? []).entries())
    checkRule(errors, `rules[${index}]`, rule, isNamespaced)
}

const checkRule = (
  errors: FieldError[],
  at: string,
  rule: PolicyRule,
  isNamespaced: boolean,
): void => {
  const { verbs, apiGroups, resources, resourceNames, nonResourceURLs } = rule
  const require = (field: string, why: string) => errors.push(requiredField(`${at}.${field}`, why))
  if (!verbs?.length) require('verbs', 'verbs must contain at least one value')
  if (nonResourceURLs?.length) {
    const refuse = (why: string) =>
      errors.push(invalidField(`${at}.nonResourceURLs`, nonResourceURLs, why))
    if (isNamespaced) refuse('namespaced rules cannot apply to non-resource URLs')
    if (apiGroups?.length || resources?.length || resourceNames?.length)
      refuse('rules cannot apply to both regular resources and non-resource URLs')
    return
  }
  if (!apiGroups?.length) require('apiGroups', 'resource rules must supply at least one api group')
  if (!resources?.length) require('resources', 'resource rules must supply at least one resource')
  if (resourceNames?.length && (resources?.length ?? 0) > 1)
    require('resourceNames', 'resource names cannot apply to multiple resources')
}

/** Roles show when they were made, not how long ago. */
export const createdAtColumn: Column<KubernetesObject> = {
  name: 'Created At',
  type: 'date',
  description: 'When the object was created.',
  priority: 0,
  value: ({ metadata }) => metadata.creationTimestamp ?? '<unknown>',
}

/** All that is kept of a role or binding where nobody decides by it. */
export const metadataOnly = <T extends KubernetesObject>({ apiVersion, kind, metadata }: T): T =>
  ({ apiVersion, kind, metadata }) as T
