/**
 * Role-based access control: what the bindings of the cluster allow.
 *
 * After Kubernetes 1.36 (`plugin/pkg/auth/authorizer/rbac`, `registry/rbac/validation/rule.go`). Invariant: it
 * answers at once, from the index; rights only add up, it never denies what others may allow.
 */
import type { PolicyRule } from '../../../api/rbac/policy-rule.ts'
import type { Cache } from '../../../client/view.ts'
import type { User } from '../request.ts'
import type { Attributes, Decision } from './attributes.ts'
import { BindingIndex } from './binding-index.ts'

export class RoleBased {
  private readonly index: BindingIndex

  constructor(cache: Cache) {
    this.index = new BindingIndex(cache)
  }

  decide(attributes: Attributes): Decision {
    const scopes = this.index.scopesOf(attributes.user, namespaceOf(attributes))
    for (const scope of scopes) {
      const decision = scope.find(attributes, this.index)
      if (decision) return decision
    }
    const missing = missingRoles(scopes.flatMap((scope) => scope.missing(this.index)))
    return missing ? { allowed: false, reason: `RBAC: ${missing}` } : REFUSED
  }

  /** All rules of the user, and what is wrong with the bindings. */
  rulesFor(user: User, namespace: string | undefined): { rules: PolicyRule[]; error?: string } {
    const scopes = this.index.scopesOf(user, namespace)
    const rules: PolicyRule[] = []
    const seen = new Set<string>()
    for (const scope of scopes)
      for (const { binding, role } of scope.grants) {
        if (seen.has(binding)) continue
        seen.add(binding)
        rules.push(...(this.index.rulesOf(role) ?? []))
      }
    const error = missingRoles(scopes.flatMap((scope) => scope.missing(this.index)))
    return error ? { rules, error } : { rules }
  }

  stop(): void {
    this.index.stop()
  }
}

const REFUSED: Decision = { allowed: false }

const namespaceOf = ({ resource, namespace }: Attributes): string | undefined =>
  resource === undefined ? undefined : namespace

/** As Go prints several errors. */
const missingRoles = (keys: readonly string[]): string => {
  const texts = [...new Set(keys)].map((key) => {
    const kind = key.startsWith('/') ? 'clusterrole' : 'role'
    const name = key.slice(key.indexOf('/') + 1)
    return `${kind}.rbac.authorization.k8s.io ${JSON.stringify(name)} not found`
  })
  return texts.length > 1 ? `[${texts.join(', ')}]` : (texts[0] ?? '')
}
