/**
 * Gathers the rules of ClusterRoles that are made up of others (Kubernetes' `pkg/controller/clusterroleaggregation`).
 *
 * Invariant: a role with an `aggregationRule` has the rules of the roles its selectors name, selector by selector,
 * those in the order of their names, each rule once; whatever else was in it is gone. Roles that gather from roles
 * that gather follow in turn.
 */
import { isDeepStrictEqual } from 'node:util'
import { ClusterRole } from '../../api/rbac/cluster-role.ts'
import type { PolicyRule } from '../../api/rbac/policy-rule.ts'
import { labelSelectorOf, matchesLabels } from '../../api/selector.ts'
import type { Cache } from '../../client/view.ts'
import { type Controller, defineController } from './controller.ts'
import { NOTHING } from './plan.ts'

/** A burst of roles, as at the first start, is one look. */
const INTERVAL_MS = 100

export const clusterRoleAggregation: Controller = defineController<ClusterRole>({
  name: 'cluster-role-aggregation',
  component: 'clusterrole-aggregation-controller',
  for: ClusterRole,
  concerns: ({ object }) => isGathered(object as ClusterRole),
  watches: [
    {
      kind: ClusterRole,
      keys: ({ object, previous }, cache) =>
        gathered(cache)
          .filter((role) => selects(role, object) || (previous && selects(role, previous)))
          .map(({ metadata }) => metadata.name),
    },
  ],
  intervalMs: INTERVAL_MS,
  reconcile: (role, _key, view) => {
    if (!role || !isGathered(role) || role.metadata.deletionTimestamp) return NOTHING
    const rules = rulesFor(role, view)
    if (isDeepStrictEqual(rules, role.rules ?? [])) return NOTHING
    return {
      commands: [
        { verb: 'patch', kind: ClusterRole, object: role, type: 'merge', patch: { rules } },
      ],
    }
  },
})

const isGathered = ({ aggregationRule }: ClusterRole): boolean => aggregationRule !== undefined

const gathered = (cache: Cache): ClusterRole[] => cache.list(ClusterRole).filter(isGathered)

const selectorsOf = ({ aggregationRule }: ClusterRole) =>
  (aggregationRule?.clusterRoleSelectors ?? []).map((selector) => labelSelectorOf(selector))

const selects = (role: ClusterRole, { metadata }: { metadata: ClusterRole['metadata'] }) =>
  role.metadata.name !== metadata.name &&
  selectorsOf(role).some((selector) => matchesLabels(selector, metadata.labels))

const rulesFor = (role: ClusterRole, view: Cache): PolicyRule[] => {
  const roles = view.list(ClusterRole).sort(byName)
  const rules: PolicyRule[] = []
  for (const selector of selectorsOf(role))
    for (const { metadata, rules: own = [] } of roles) {
      if (metadata.name === role.metadata.name) continue
      if (!matchesLabels(selector, metadata.labels)) continue
      for (const rule of own)
        if (!rules.some((each) => isDeepStrictEqual(each, rule))) rules.push(rule)
    }
  return rules
}

const byName = (a: ClusterRole, b: ClusterRole): number =>
  a.metadata.name < b.metadata.name ? -1 : 1
