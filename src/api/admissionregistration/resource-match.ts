/**
 * Whether a rule of a webhook or a policy is about a request.
 *
 * After Kubernetes' `apiserver/pkg/admission/plugin/webhook/predicates/rules`. Pure; names of objects and labels are
 * looked at elsewhere.
 */
import type { V1NamedRuleWithOperations } from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'

export type Rule = Wire<V1NamedRuleWithOperations>

/** What a request is about, as rules see it. */
export interface RequestedResource {
  operation: string
  group: string
  version: string
  resource: string
  /** `''`: the object itself. */
  subresource: string
  /** Of namespaces themselves: false. */
  isNamespaced: boolean
}

export const ruleMatches = (rule: Rule, requested: RequestedResource): boolean =>
  isInScope(rule, requested) &&
  isAmong(rule.operations, requested.operation) &&
  isAmong(rule.apiGroups, requested.group) &&
  isAmong(rule.apiVersions, requested.version) &&
  (rule.resources ?? []).some((text) => isResource(text, requested))

const isInScope = ({ scope = '*' }: Rule, { isNamespaced }: RequestedResource): boolean =>
  scope === '*' || (scope === 'Namespaced' ? isNamespaced : scope === 'Cluster' && !isNamespaced)

const isAmong = (items: readonly string[] | undefined, wanted: string): boolean =>
  items?.some((item) => item === '*' || item === wanted) ?? false

const isResource = (text: string, { resource, subresource }: RequestedResource): boolean => {
  const slash = text.indexOf('/')
  const main = slash < 0 ? text : text.slice(0, slash)
  const part = slash < 0 ? '' : text.slice(slash + 1)
  return (main === '*' || main === resource) && (part === '*' || part === subresource)
}
