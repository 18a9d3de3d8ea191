/**
 * Whether a user may do what a request asks: several authorizers as one.
 *
 * `system:masters` may do everything; then, unless told otherwise, nodes' own rights and roles, each asked only when
 * those before it had no opinion, as Kubernetes' `union` does. Invariant: one authorizer decides for every door, for
 * reviews and for checks inside admission, and answers at once unless a webhook is asked.
 */
import type { PolicyRule } from '../../../api/rbac/policy-rule.ts'
import type { Cache } from '../../../client/view.ts'
import type { User } from '../request.ts'
import type { Attributes, Authorizer, Decision, RuleList } from './attributes.ts'
import { NodeAuthorizer, nodeOf } from './node-authorizer.ts'
import { RoleBased } from './role-based.ts'

/** One of several authorizers. */
export interface Stage {
  /** A promise only where somebody outside has to be asked. Never throws. */
  decide(attributes: Attributes): Decision | Promise<Decision>
  /** `incomplete`: it may allow more than it can list. */
  rulesFor(user: User, namespace: string): StageRules
  stop(): void
}

export interface StageRules {
  rules: readonly PolicyRule[]
  incomplete: boolean
  error?: string
}

export interface OwnedAuthorizer extends Authorizer {
  stop(): void
}

/** Whose members are asked nothing. */
export const MASTERS = 'system:masters'
const ALLOWED: Decision = { allowed: true }

/** What every authorizer may be made of. */
export interface OwnStages {
  node: Stage
  roles: Stage
}

/** Nodes' own rights, then roles, unless `arrange` says otherwise. */
export const createAuthorizer = (
  cache: Cache,
  arrange: (own: OwnStages) => readonly Stage[] = ({ node, roles }) => [node, roles],
): OwnedAuthorizer => {
  const rolesOnly = new RoleBased(cache)
  const own = { node: nodeStage(cache), roles: roleStage(rolesOnly) }
  const stages = arrange(own)
  return {
    decide: (attributes) =>
      attributes.user.groups.includes(MASTERS) ? ALLOWED : decideFrom(stages, 0, attributes),
    rulesFor: (user, namespace) => listOf(stages.map((stage) => stage.rulesFor(user, namespace))),
    policyRulesFor: (user, namespace) => rolesOnly.rulesFor(user, namespace),
    stop: () => {
      for (const stage of new Set([...stages, own.node, own.roles])) stage.stop()
    },
  }
}

const roleStage = (roles: RoleBased): Stage => ({
  decide: (attributes) => roles.decide(attributes),
  rulesFor: (user, namespace) => ({ ...roles.rulesFor(user, namespace), incomplete: false }),
  stop: () => roles.stop(),
})

const NO_OPINION: Decision = { allowed: false }

const nodeStage = (cache: Cache): Stage => {
  const nodes = new NodeAuthorizer(cache)
  return {
    decide: (attributes) => {
      const node = nodeOf(attributes.user)
      return node === undefined ? NO_OPINION : nodes.decide(node, attributes)
    },
    rulesFor: (user) =>
      nodeOf(user) === undefined
        ? { rules: [], incomplete: false }
        : {
            rules: [],
            incomplete: true,
            error: 'node authorizer does not support user rule resolution',
          },
    stop: () => nodes.stop(),
  }
}

const decideFrom = (
  stages: readonly Stage[],
  first: number,
  attributes: Attributes,
  before: Decision = NO_OPINION,
): Decision | Promise<Decision> => {
  let so = before
  for (let at = first; at < stages.length; at++) {
    const decision = stages[at]!.decide(attributes)
    if (decision instanceof Promise)
      return decision.then((made) =>
        isFinal(made) ? made : decideFrom(stages, at + 1, attributes, joined(so, made)),
      )
    if (isFinal(decision)) return decision
    so = joined(so, decision)
  }
  return so
}

const isFinal = ({ allowed, denied }: Decision): boolean => allowed || denied === true

/** What two without an opinion say together. */
const joined = (first: Decision, second: Decision): Decision => {
  if (!first.reason && !first.error) return second
  if (!second.reason && !second.error) return first
  const reason = [first.reason, second.reason].filter(Boolean).join('\n')
  const error = goErrors([first.error, second.error])
  return { allowed: false, ...(reason ? { reason } : {}), ...(error ? { error } : {}) }
}

/** As Go prints several errors. */
const goErrors = (given: readonly (string | undefined)[]): string => {
  const texts = given.filter((text) => text !== undefined)
  return texts.length > 1 ? `[${texts.join(', ')}]` : (texts[0] ?? '')
}

const listOf = (given: readonly StageRules[]): RuleList => {
  const list: RuleList = { resourceRules: [], nonResourceRules: [], incomplete: false }
  for (const { rules, incomplete } of given) {
    if (incomplete) list.incomplete = true
    for (const rule of rules) addTo(list, rule)
  }
  const error = goErrors(given.map((each) => each.error))
  if (error) list.evaluationError = error
  return list
}

const addTo = (list: RuleList, rule: PolicyRule): void => {
  const { verbs, apiGroups = [], resources, resourceNames, nonResourceURLs } = rule
  const named = resourceNames?.length ? { resourceNames } : {}
  if (resources?.length) list.resourceRules.push({ verbs, apiGroups, resources, ...named })
  if (nonResourceURLs?.length) list.nonResourceRules.push({ verbs, nonResourceURLs })
}
