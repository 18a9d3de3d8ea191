/**
 * The roles and bindings that every cluster has, and how existing ones are completed.
 *
 * After Kubernetes 1.36 (`rbac/bootstrappolicy`, `component-helpers/auth/rbac/reconciliation`). Invariant:
 * completing only adds: rules, subjects, selectors, labels; what says autoupdate "false" stays as it is. Pure.
 */
import { isDeepStrictEqual } from 'node:util'
import type { AnyKind } from '../kind.ts'
import type { KubernetesObject } from '../meta.ts'
import { ClusterRole } from './cluster-role.ts'
import { ClusterRoleBinding } from './cluster-role-binding.ts'
import {
  controllerRoles,
  publicNamespaceBindings,
  publicNamespaceRoles,
  systemNamespaceBindings,
  systemNamespaceRoles,
} from './default-controller-roles.ts'
import { systemBindings, systemRoles } from './default-system-roles.ts'
import { userRoles } from './default-user-roles.ts'
import { type PolicyRule, RBAC_GROUP } from './policy-rule.ts'
import { Role } from './role.ts'
import { RoleBinding } from './role-binding.ts'
import type { Subject } from './role-subject.ts'
import { type BindingDraft, parseBindings, parseRoles, type RoleDraft } from './role-table.ts'
import { uncovered } from './rule-cover.ts'

const AUTO_UPDATE = 'rbac.authorization.kubernetes.io/autoupdate'
const LABELS = { 'kubernetes.io/bootstrapping': 'rbac-defaults' }
const ANNOTATIONS = { [AUTO_UPDATE]: 'true' }

export type AnyRole = ClusterRole | Role
export type AnyBinding = ClusterRoleBinding | RoleBinding

export interface DefaultRole {
  kind: AnyKind
  object: AnyRole
}

export interface DefaultBinding {
  kind: AnyKind
  object: AnyBinding
}

export const defaultRoles = (): DefaultRole[] => [
  ...[...[userRoles, systemRoles, controllerRoles].flatMap(parseRoles), allControllers()].map(
    (draft) => ({ kind: ClusterRole, object: roleOf(draft) }),
  ),
  ...parseRoles(systemNamespaceRoles).map((draft) => ({
    kind: Role,
    object: roleOf(draft, 'kube-system'),
  })),
  ...parseRoles(publicNamespaceRoles).map((draft) => ({
    kind: Role,
    object: roleOf(draft, 'kube-public'),
  })),
]

export const defaultBindings = (): DefaultBinding[] => [
  ...[
    ...parseBindings(systemBindings),
    ...parseRoles(controllerRoles).map(controllerBinding),
    ...parseBindings(`${CONTROLLERS} ${CONTROLLERS} user:system:kube-controller-manager`),
    ...parseBindings('kubus:simulated-nodes system:node user:system:node-simulator'),
  ].map((draft) => ({ kind: ClusterRoleBinding, object: bindingOf(draft) })),
  ...parseBindings(systemNamespaceBindings).map((draft) => ({
    kind: RoleBinding,
    object: bindingOf(draft, 'kube-system'),
  })),
  ...parseBindings(publicNamespaceBindings).map((draft) => ({
    kind: RoleBinding,
    object: bindingOf(draft, 'kube-public'),
  })),
]

/** Here all controllers are one identity: it may do what any of Kubernetes' may. */
const CONTROLLERS = 'kubus:controllers'

/** What Kubernetes' own apiserver does without asking: it writes who has which address. */
const OWN_RULES: readonly PolicyRule[] = [
  {
    verbs: ['create', 'delete', 'get', 'list', 'watch'],
    apiGroups: ['networking.k8s.io'],
    resources: ['ipaddresses'],
  },
]

const allControllers = (): RoleDraft => {
  const tables = [controllerRoles, systemNamespaceRoles, publicNamespaceRoles]
  const byObject = new Map<string, PolicyRule>()
  for (const { rules } of tables.flatMap(parseRoles))
    for (const { verbs, ...rest } of rules) {
      const key = JSON.stringify(rest)
      const known = byObject.get(key)?.verbs ?? []
      byObject.set(key, { ...rest, verbs: [...new Set([...known, ...verbs])].sort() })
    }
  return { name: CONTROLLERS, rules: [...byObject.values(), ...OWN_RULES], labels: {} }
}

const controllerBinding = ({ name }: RoleDraft): BindingDraft => {
  const account = name.slice(name.lastIndexOf(':') + 1)
  const subject = { kind: 'ServiceAccount', name: account, namespace: 'kube-system' }
  return { name, role: name, subjects: [subject] }
}

const metadataOf = (name: string, labels: object, namespace: string | undefined) =>
  ({
    name,
    ...(namespace ? { namespace } : {}),
    labels: { ...LABELS, ...labels },
    annotations: ANNOTATIONS,
  }) as unknown as KubernetesObject['metadata']

const roleOf = ({ name, rules, labels, aggregationRule }: RoleDraft, namespace?: string) =>
  ({
    metadata: metadataOf(name, labels, namespace),
    ...(aggregationRule ? { aggregationRule } : { rules }),
  }) as AnyRole

const bindingOf = ({ name, role, subjects }: BindingDraft, namespace?: string) =>
  ({
    metadata: metadataOf(name, {}, namespace),
    roleRef: { apiGroup: RBAC_GROUP, kind: namespace ? 'Role' : 'ClusterRole', name: role },
    ...(subjects.length > 0 ? { subjects } : {}),
  }) as AnyBinding

/** `existing` with what it lacks of `expected`; undefined: nothing is to be written. */
export const completedRole = (existing: AnyRole, expected: AnyRole): AnyRole | undefined => {
  if (isProtected(existing)) return undefined
  const result = { ...existing, metadata: completedMetadata(existing, expected) }
  const missing = uncovered(existing.rules ?? [], expected.rules ?? [])
  if (missing.length > 0) result.rules = [...(existing.rules ?? []), ...missing]
  completeAggregation(result, expected)
  return isDeepStrictEqual(result, existing) ? undefined : result
}

const completeAggregation = (role: AnyRole, expected: AnyRole): void => {
  const own = 'aggregationRule' in role ? role.aggregationRule : undefined
  const wanted = 'aggregationRule' in expected ? expected.aggregationRule : undefined
  if (!wanted) {
    if (own) delete (role as ClusterRole).aggregationRule
    return
  }
  const selectors = own?.clusterRoleSelectors ?? []
  const missing = (wanted.clusterRoleSelectors ?? []).filter(
    (selector) => !selectors.some((each) => isDeepStrictEqual(each, selector)),
  )
  if (missing.length > 0)
    (role as ClusterRole).aggregationRule = { clusterRoleSelectors: [...selectors, ...missing] }
}

/** As `completedRole`; `recreate`: it refers to another role, which cannot be changed. */
export const completedBinding = (
  existing: AnyBinding,
  expected: AnyBinding,
): AnyBinding | 'recreate' | undefined => {
  if (isProtected(existing)) return undefined
  if (!isDeepStrictEqual(existing.roleRef, expected.roleRef)) return 'recreate'
  const result = { ...existing, metadata: completedMetadata(existing, expected) }
  const subjects = existing.subjects ?? []
  const missing = (expected.subjects ?? []).filter(
    (subject) => !subjects.some((each) => isSame(each, subject)),
  )
  if (missing.length > 0) result.subjects = [...subjects, ...missing]
  return isDeepStrictEqual(result, existing) ? undefined : result
}

const isSame = (a: Subject, b: Subject): boolean =>
  a.kind === b.kind &&
  a.name === b.name &&
  (a.namespace ?? '') === (b.namespace ?? '') &&
  (a.apiGroup ?? '') === (b.apiGroup ?? '')

const isProtected = ({ metadata }: KubernetesObject): boolean =>
  metadata.annotations?.[AUTO_UPDATE] === 'false'

/** What the existing object says has precedence. */
const completedMetadata = (
  { metadata }: KubernetesObject,
  { metadata: expected }: KubernetesObject,
): KubernetesObject['metadata'] => ({
  ...metadata,
  labels: { ...expected.labels, ...metadata.labels },
  annotations: { ...expected.annotations, ...metadata.annotations },
})
