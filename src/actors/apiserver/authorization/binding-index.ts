/**
 * Who is bound to which roles: subjects → bindings → rules, kept by changes of the cache.
 *
 * Invariant: it says what the cache says, in the same turn; nothing is read before the first question. A change
 * costs what it changes: a binding its subjects, a role those who were judged by it.
 */
import type { AnyKind } from '../../../api/kind.ts'
import type { KubernetesObject } from '../../../api/meta.ts'
import { ClusterRole } from '../../../api/rbac/cluster-role.ts'
import { ClusterRoleBinding } from '../../../api/rbac/cluster-role-binding.ts'
import type { PolicyRule } from '../../../api/rbac/policy-rule.ts'
import { Role } from '../../../api/rbac/role.ts'
import { RoleBinding } from '../../../api/rbac/role-binding.ts'
import type { Binding, Subject } from '../../../api/rbac/role-subject.ts'
import type { Cache, Change } from '../../../client/view.ts'
import type { User } from '../request.ts'
import { type Grant, type RoleRules, type RoleSource, Scope } from './granted-rules.ts'

/** What one user or group is given. */
interface Holdings {
  cluster: Scope | undefined
  namespaces: Map<string, Scope> | undefined
}

/** Scopes with an index of their own; the one made first goes. */
const MERGED_MAX = 64

export class BindingIndex implements RoleSource {
  private readonly users = new Map<string, Holdings>()
  private readonly groups = new Map<string, Holdings>()
  private readonly roles = new Map<string, RoleRules>()
  private readonly merged = new Set<Scope>()
  private readonly cache: Cache
  private isFilled = false
  readonly stop: () => void

  constructor(cache: Cache) {
    this.cache = cache
    this.stop = cache.subscribe((change) => {
      if (this.isFilled) this.apply(change)
    })
  }

  /** Every scope that says something about the user: of the cluster, then of the namespace. */
  scopesOf(user: User, namespace: string | undefined): Scope[] {
    if (!this.isFilled) this.fill()
    const scopes: Scope[] = []
    const own = this.users.get(user.name)
    if (own?.cluster) scopes.push(own.cluster)
    for (const group of user.groups) {
      const scope = this.groups.get(group)?.cluster
      if (scope) scopes.push(scope)
    }
    if (!namespace) return scopes
    const inside = own?.namespaces?.get(namespace)
    if (inside) scopes.push(inside)
    for (const group of user.groups) {
      const scope = this.groups.get(group)?.namespaces?.get(namespace)
      if (scope) scopes.push(scope)
    }
    return scopes
  }

  /** The rules of a role as it is now; undefined: there is no such role. */
  rulesOf(role: string): readonly PolicyRule[] | undefined {
    const slash = role.indexOf('/')
    const namespace = role.slice(0, slash)
    const name = role.slice(slash + 1)
    const found = namespace
      ? this.cache.get(Role, namespace, name)
      : this.cache.get(ClusterRole, undefined, name)
    return found && (found.rules ?? [])
  }

  take(key: string, scope: Scope): RoleRules {
    let role = this.roles.get(key)
    if (!role) {
      role = { key, rules: this.rulesOf(key), index: undefined, dependents: new Set() }
      this.roles.set(key, role)
    }
    role.dependents.add(scope)
    return role
  }

  release(role: RoleRules, scope: Scope): void {
    role.dependents.delete(scope)
    if (role.dependents.size === 0 && this.roles.get(role.key) === role) this.roles.delete(role.key)
  }

  willMerge(scope: Scope): void {
    for (const each of this.merged) {
      if (this.merged.size < MERGED_MAX) break
      this.merged.delete(each)
      each.forget(this)
    }
    this.merged.add(scope)
  }

  private fill(): void {
    this.isFilled = true
    for (const binding of this.cache.list(ClusterRoleBinding)) this.add(binding as Binding)
    for (const binding of this.cache.list(RoleBinding)) this.add(binding as Binding)
  }

  private apply({ kind, type, object, previous }: Change): void {
    if (isBindingKind(kind)) {
      if (previous) this.remove(previous as Binding)
      if (type !== 'DELETED') this.add(object as Binding)
    } else if (kind === (ClusterRole as AnyKind) || kind === (Role as AnyKind))
      this.forgetRole(keyOf(object))
  }

  private forgetRole(key: string): void {
    const role = this.roles.get(key)
    if (!role) return
    this.roles.delete(key)
    for (const scope of [...role.dependents]) scope.forget(this)
  }

  private add(binding: Binding): void {
    const { namespace } = binding.metadata
    for (const { holders, name, subject } of subjectsOf(binding)) {
      const map = this[holders]
      let holdings = map.get(name)
      if (!holdings) {
        holdings = { cluster: undefined, namespaces: undefined }
        map.set(name, holdings)
      }
      scopeIn(holdings, namespace).add(grantOf(binding, subject), this)
    }
  }

  private remove(binding: Binding): void {
    const { namespace } = binding.metadata
    const key = keyOf(binding)
    for (const { holders, name } of subjectsOf(binding)) {
      const map = this[holders]
      const holdings = map.get(name)
      const scope = namespace ? holdings?.namespaces?.get(namespace) : holdings?.cluster
      if (!holdings || !scope) continue
      scope.remove(key, this)
      if (scope.grants.length > 0) continue
      this.merged.delete(scope)
      if (namespace) holdings.namespaces?.delete(namespace)
      else holdings.cluster = undefined
      if (!holdings.cluster && !holdings.namespaces?.size) map.delete(name)
    }
  }
}

const isBindingKind = (kind: AnyKind): boolean =>
  kind === ClusterRoleBinding || kind === RoleBinding

const scopeIn = (holdings: Holdings, namespace: string | undefined): Scope => {
  if (!namespace) {
    holdings.cluster ??= new Scope()
    return holdings.cluster
  }
  holdings.namespaces ??= new Map()
  let scope = holdings.namespaces.get(namespace)
  if (!scope) {
    scope = new Scope()
    holdings.namespaces.set(namespace, scope)
  }
  return scope
}

interface Holder {
  holders: 'users' | 'groups'
  name: string
  subject: Subject
}

/** The users and groups that a binding names, each once; a service account is a user. */
function* subjectsOf({ metadata, subjects = [] }: Binding): Generator<Holder> {
  const seen = subjects.length > 1 ? new Set<string>() : undefined
  for (const subject of subjects) {
    const holder = holderOf(subject, metadata.namespace)
    if (!holder) continue
    const id = `${holder.holders}/${holder.name}`
    if (seen?.has(id)) continue
    seen?.add(id)
    yield holder
  }
}

const holderOf = (subject: Subject, bindingNamespace: string | undefined): Holder | undefined => {
  switch (subject.kind) {
    case 'User':
      return { holders: 'users', name: subject.name, subject }
    case 'Group':
      return { holders: 'groups', name: subject.name, subject }
    case 'ServiceAccount': {
      const namespace = subject.namespace || bindingNamespace
      const name = `system:serviceaccount:${namespace}:${subject.name}`
      return namespace ? { holders: 'users', name, subject } : undefined
    }
    default:
      return undefined
  }
}

const keyOf = ({ metadata }: KubernetesObject): string =>
  `${metadata.namespace ?? ''}/${metadata.name}`

const grantOf = (binding: Binding, subject: Subject): Grant => {
  const { roleRef, metadata } = binding
  const namespace = roleRef.kind === 'Role' ? (metadata.namespace ?? '') : ''
  return {
    binding: keyOf(binding),
    role: `${namespace}/${roleRef.name}`,
    decision: new GrantDecision(binding, subject),
  }
}

/** Says why only when somebody wants to know. */
class GrantDecision {
  readonly allowed = true
  private readonly binding: Binding
  private readonly subject: Subject

  constructor(binding: Binding, subject: Subject) {
    this.binding = binding
    this.subject = subject
  }

  /** In Kubernetes' words, a binding's name before its namespace. */
  get reason(): string {
    const { metadata, roleRef } = this.binding
    const { namespace, name } = metadata
    const title = namespace ? 'RoleBinding' : 'ClusterRoleBinding'
    const shown = JSON.stringify(namespace ? `${name}/${namespace}` : name)
    return `RBAC: allowed by ${title} ${shown} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${describeSubject(this.subject, namespace ?? '')}`
  }
}

const describeSubject = ({ kind, name, namespace }: Subject, bindingNamespace: string): string =>
  kind === 'ServiceAccount'
    ? `${kind} ${JSON.stringify(`${name}/${namespace || bindingNamespace}`)}`
    : `${kind} ${JSON.stringify(name)}`
