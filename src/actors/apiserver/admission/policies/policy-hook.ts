/**
 * Policies that are in force, with the bindings that put them there; a policy without any is not.
 */
import type { MatchResources } from '../../../../api/admissionregistration/match-validation.ts'
import type {
  BindingSpec,
  PolicySpec,
} from '../../../../api/admissionregistration/policy-validation.ts'
import type { Kind } from '../../../../api/kind.ts'
import type { KubernetesObject } from '../../../../api/meta.ts'
import { EVERYTHING, labelSelectorOf } from '../../../../api/selector.ts'
import type { Cache } from '../../../../client/view.ts'
import type { Criteria } from '../matching/criteria.ts'
import { type Hook, HookSource } from '../matching/hook-source.ts'

type Policy = KubernetesObject & { spec?: PolicySpec }
type Binding = KubernetesObject & { spec?: BindingSpec }

export interface BindingHook<B> extends Hook {
  binding: B
}

export interface PolicyHook<P, B> extends Hook {
  policy: P
  bindings: HookSource<BindingHook<B>>
}

const byName = (one: KubernetesObject, other: KubernetesObject): number =>
  one.metadata.name < other.metadata.name ? -1 : 1

/** Reads all policies of `kind` that a binding names, by name, and so their bindings. */
export const readPolicies =
  <P extends Policy, B extends Binding>(
    kind: Kind<P>,
    bindingKind: Kind<B>,
  ): ((cache: Cache) => readonly PolicyHook<P, B>[]) =>
  (cache) => {
    const bindings = byPolicy(cache.list(bindingKind).sort(byName))
    return cache
      .list(kind)
      .sort(byName)
      .flatMap((policy) => {
        const own = bindings.get(policy.metadata.name)
        if (!own) return []
        const hooks = own.map((binding) => ({
          binding,
          criteria: criteriaOf(binding.spec?.matchResources, 'any'),
        }))
        const criteria = criteriaOf(policy.spec?.matchConstraints, [])
        return [{ policy, criteria, bindings: new HookSource(cache, () => hooks) }]
      })
  }

const byPolicy = <B extends Binding>(bindings: readonly B[]): Map<string, B[]> => {
  const grouped = new Map<string, B[]>()
  for (const binding of bindings) {
    const name = binding.spec?.policyName ?? ''
    const others = grouped.get(name)
    if (others) others.push(binding)
    else grouped.set(name, [binding])
  }
  return grouped
}

/** `bare`: what is meant when no rules are named. */
const criteriaOf = (match: MatchResources | undefined, bare: Criteria['rules']): Criteria => {
  if (!match) {
    return {
      rules: bare,
      excluded: [],
      isEquivalent: false,
      namespaces: EVERYTHING,
      objects: EVERYTHING,
    }
  }
  const { resourceRules = [], excludeResourceRules = [], matchPolicy } = match
  return {
    rules: resourceRules.length > 0 ? resourceRules : 'any',
    excluded: excludeResourceRules,
    isEquivalent: matchPolicy === 'Equivalent',
    namespaces: labelSelectorOf(match.namespaceSelector ?? {}),
    objects: labelSelectorOf(match.objectSelector ?? {}),
  }
}
