/**
 * Nobody gives away rights he does not have: neither by writing a role nor by binding one.
 *
 * After Kubernetes 1.36's storage of RBAC kinds (`registry/rbac/<kind>/policybased`), which judges what mutating
 * plug-ins made of the object, before it is validated: that is why this is the last of them. `system:masters`, who
 * may `escalate`, and who may `bind` the role are not asked for more.
 */
import { isDeepStrictEqual } from 'node:util'
import type { AnyKind } from '../../../api/kind.ts'
import type { KubernetesObject } from '../../../api/meta.ts'
import { ClusterRole } from '../../../api/rbac/cluster-role.ts'
import { ClusterRoleBinding } from '../../../api/rbac/cluster-role-binding.ts'
import type { PolicyRule } from '../../../api/rbac/policy-rule.ts'
import { Role } from '../../../api/rbac/role.ts'
import { RoleBinding } from '../../../api/rbac/role-binding.ts'
import type { Binding } from '../../../api/rbac/role-subject.ts'
import { describeRules, goList, uncovered } from '../../../api/rbac/rule-cover.ts'
import { forbidden, notFound, type StatusError } from '../../../api/status-error.ts'
import { MASTERS } from '../authorization/authorizer.ts'
import type { AdmissionAttributes, AdmissionPlugin } from './plugin.ts'

const ROLES: ReadonlySet<AnyKind> = new Set<AnyKind>([Role, ClusterRole])
const BINDINGS: ReadonlySet<AnyKind> = new Set<AnyKind>([RoleBinding, ClusterRoleBinding])

export const roleEscalation: AdmissionPlugin = {
  name: 'RoleEscalation',
  handles: (kind, operation, subresource) =>
    (ROLES.has(kind) || BINDINGS.has(kind)) &&
    (operation === 'CREATE' || operation === 'UPDATE') &&
    subresource === undefined,
  mutate: (attributes) => {
    const { user, object, old, kind } = attributes
    if (user.groups.includes(MASTERS)) return undefined
    if (object && old && onlyLifetimeDiffers(object, old)) return undefined
    return ROLES.has(kind) ? checkRole(attributes) : checkBinding(attributes)
  },
}

const checkRole = async (attributes: AdmissionAttributes): Promise<void> => {
  const { services, user, kind, namespace, operation, name } = attributes
  const { group, plural: resource } = kind
  const asked = { user, verb: 'escalate', group, version: '*', resource, namespace }
  // The path of a create names no object.
  const decision = await services.authorizer.decide(
    operation === 'CREATE' ? asked : { ...asked, name },
  )
  if (decision.allowed) return
  const role = attributes.object as ClusterRole
  checkRules(attributes, role.rules ?? [])
  const old = attributes.old as ClusterRole | undefined
  if (!gathers(role) && !(old && gathers(old))) return
  if (missingRights(attributes, EVERYTHING).rules.length > 0)
    throw refused(attributes, 'must have cluster-admin privileges to use the aggregationRule')
}

const checkBinding = async (attributes: AdmissionAttributes): Promise<void> => {
  const { services, user, namespace } = attributes
  const { roleRef } = attributes.object as Binding
  const resource = RESOURCES[roleRef?.kind]
  if (!resource) return
  const { apiGroup: group = '', name } = roleRef
  const asked = { user, verb: 'bind', group, version: '*', resource, namespace, name }
  if ((await services.authorizer.decide(asked)).allowed) return
  const role =
    roleRef.kind === 'Role'
      ? services.storage.cache.get(Role, namespace, name)
      : services.storage.cache.get(ClusterRole, undefined, name)
  if (!role) throw notFound({ group, resource }, name)
  checkRules(attributes, role.rules ?? [])
}

/** What a binding may refer to; the kind's own validation refuses the rest. */
const RESOURCES: Readonly<Record<string, string>> = { Role: 'roles', ClusterRole: 'clusterroles' }

/** What it takes to make use of an aggregation, which can gather anything. */
const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
]

const gathers = ({ aggregationRule }: ClusterRole): boolean =>
  (aggregationRule?.clusterRoleSelectors?.length ?? 0) > 0

interface Missing {
  rules: PolicyRule[]
  error: string | undefined
}

const missingRights = (
  { services, user, namespace = '' }: AdmissionAttributes,
  rules: readonly PolicyRule[],
): Missing => {
  const own = services.authorizer.policyRulesFor(user, namespace)
  return { rules: uncovered(own.rules, rules), error: own.error }
}

const checkRules = (attributes: AdmissionAttributes, rules: readonly PolicyRule[]): void => {
  const { user } = attributes
  const missing = missingRights(attributes, rules)
  if (missing.rules.length === 0) return
  const faults = missing.error ? `; resolution errors: [${missing.error}]` : ''
  throw refused(
    attributes,
    `user ${JSON.stringify(user.name)} (groups=${goList(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${describeRules(missing.rules)}${faults}`,
  )
}

const refused = ({ kind, object }: AdmissionAttributes, why: string): StatusError =>
  forbidden(kind, object?.metadata.name ?? '', why)

/** What garbage collection writes changes no rights. */
const onlyLifetimeDiffers = (object: KubernetesObject, old: KubernetesObject): boolean =>
  isDeepStrictEqual(withoutLifetime(object), withoutLifetime(old))

const withoutLifetime = ({ metadata, ...rest }: KubernetesObject) => {
  const { ownerReferences: _, finalizers: __, managedFields: ___, ...kept } = metadata
  return { ...rest, metadata: JSON.parse(JSON.stringify(kept)) as unknown }
}
