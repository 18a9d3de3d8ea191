/**
 * What the bindings of one scope give a subject: a user or a group, in the whole cluster or in one namespace.
 *
 * Invariant: it is made when first asked for, and made anew after one of its bindings or roles has changed. A few
 * roles are asked one after the other, each with the index it shares with every subject; many are merged into one
 * index, so that a decision never looks at all of them.
 */
import type { PolicyRule } from '../../../api/rbac/policy-rule.ts'
import { type Access, RuleIndex } from '../../../api/rbac/rule-index.ts'
import type { Decision } from './attributes.ts'

/** One binding, seen from one of its subjects. */
export interface Grant {
  /** `<namespace>/<name>`, or `/<name>` of a ClusterRoleBinding. */
  binding: string
  /** `<namespace>/<name>`, or `/<name>` of a ClusterRole. */
  role: string
  /** What is allowed by it. */
  decision: Decision
}

/** A role's rules, with the scopes that were made from them. */
export interface RoleRules {
  key: string
  /** Undefined: there is no such role. */
  rules: readonly PolicyRule[] | undefined
  index: RuleIndex<true> | undefined
  dependents: Set<Scope>
}

interface Part {
  role: RoleRules
  grant: Grant
}

interface Compiled {
  /** Every role that was asked for. */
  roles: RoleRules[]
  /** Few roles. */
  parts: Part[]
  /** In place of `parts`: many. */
  merged: RuleIndex<Grant> | undefined
  /** Roles that are bound and do not exist. */
  missing: readonly string[]
}

/** More roles than this are merged. */
const PARTS_MAX = 8

export class Scope {
  grants: Grant[] = []
  private compiled: Compiled | undefined

  add(grant: Grant, roles: RoleSource): void {
    this.grants.push(grant)
    this.forget(roles)
  }

  remove(binding: string, roles: RoleSource): void {
    this.grants = this.grants.filter((grant) => grant.binding !== binding)
    this.forget(roles)
  }

  /** A binding or a role of it has changed, or room is needed. */
  forget(roles: RoleSource): void {
    const { compiled } = this
    if (!compiled) return
    this.compiled = undefined
    for (const role of compiled.roles) roles.release(role, this)
  }

  find(access: Access, roles: RoleSource): Decision | undefined {
    const { parts, merged } = this.compiledWith(roles)
    if (merged) return merged.find(access)?.decision
    for (const { role, grant } of parts) {
      role.index ??= indexOf(role)
      if (role.index.find(access)) return grant.decision
    }
    return undefined
  }

  missing(roles: RoleSource): readonly string[] {
    return this.compiledWith(roles).missing
  }

  private compiledWith(roles: RoleSource): Compiled {
    this.compiled ??= this.compile(roles)
    return this.compiled
  }

  private compile(roles: RoleSource): Compiled {
    const byRole = new Map<string, Grant>()
    for (const grant of this.grants) if (!byRole.has(grant.role)) byRole.set(grant.role, grant)
    const parts: Part[] = []
    const missing: string[] = []
    const asked: RoleRules[] = []
    for (const [key, grant] of byRole) {
      const role = roles.take(key, this)
      asked.push(role)
      if (role.rules) parts.push({ role, grant })
      else missing.push(key)
    }
    if (parts.length <= PARTS_MAX) return { roles: asked, parts, merged: undefined, missing }
    roles.willMerge(this)
    return { roles: asked, parts: [], merged: mergedIndex(parts), missing }
  }
}

/** Where scopes get roles from. */
export interface RoleSource {
  /** `scope` is told to forget when the role changes, comes or goes, until it is released. */
  take(role: string, scope: Scope): RoleRules
  release(role: RoleRules, scope: Scope): void
  /** A scope is about to take much room. */
  willMerge(scope: Scope): void
}

const mergedIndex = (parts: readonly Part[]): RuleIndex<Grant> => {
  const index = new RuleIndex<Grant>()
  for (const { role, grant } of parts) for (const rule of role.rules ?? []) index.add(rule, grant)
  return index
}

const indexOf = ({ rules = [] }: RoleRules): RuleIndex<true> => {
  const index = new RuleIndex<true>()
  for (const rule of rules) index.add(rule, true)
  return index
}
