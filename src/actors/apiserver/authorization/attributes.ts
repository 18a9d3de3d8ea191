/**
 * What is asked of an authorizer, and what it answers.
 *
 * After Kubernetes' `authorizer.Attributes` and `authorizer.Decision` (apiserver/pkg/authorization/authorizer).
 * Invariant: attributes carry no transport; a request of either door, a review and a check inside admission ask
 * in the same words.
 */
import type { PolicyRule } from '../../../api/rbac/policy-rule.ts'
import type { User } from '../request.ts'

/** What is about to be done; `resource` is absent for a path outside the resources. */
export interface Attributes {
  user: User
  verb: string
  /** `''` for the core group. */
  group?: string
  /** Of the API; only a webhook is told. */
  version?: string
  resource?: string
  subresource?: string | undefined
  /** Undefined for what is in no namespace, and for all namespaces. */
  namespace?: string | undefined
  name?: string | undefined
  path?: string
  /** What the request is restricted to, as in its query; a decision may disregard it. */
  fieldSelector?: string | undefined
  labelSelector?: string | undefined
}

export interface Decision {
  allowed: boolean
  /** It is refused, whatever the authorizers behind would say. */
  denied?: boolean
  /** Why, in Kubernetes' words; often empty. */
  reason?: string
  /** What went wrong on the way to the decision, which stands nevertheless. */
  error?: string
}

export interface ResourceRule {
  verbs: string[]
  apiGroups: string[]
  resources: string[]
  resourceNames?: string[]
}

export interface NonResourceRule {
  verbs: string[]
  nonResourceURLs: string[]
}

export interface RuleList {
  resourceRules: ResourceRule[]
  nonResourceRules: NonResourceRule[]
  /** There may be more rights than the list says. */
  incomplete: boolean
  evaluationError?: string
}

export interface PolicyRules {
  rules: readonly PolicyRule[]
  /** What is wrong with his bindings. */
  error?: string
}

export interface Authorizer {
  /** A promise only where a webhook has to be asked. Never throws. */
  decide(attributes: Attributes): Decision | Promise<Decision>
  /** What the user may do in a namespace. */
  rulesFor(user: User, namespace: string): RuleList
  /** What roles alone give him: nobody else's rights can be given away. */
  policyRulesFor(user: User, namespace: string): PolicyRules
}
