/**
 * Whether one set of rules allows everything another does, and what it does not.
 *
 * After Kubernetes 1.36 (`component-helpers/auth/rbac/validation`, `registry/rbac/validation`): rules are broken
 * down to single rights, of which each must be covered by one rule. Pure.
 */
import type { PolicyRule } from './policy-rule.ts'

/** The single rights of `rules` that `owned` does not allow; empty: everything is covered. */
export const uncovered = (
  owned: readonly PolicyRule[],
  rules: readonly PolicyRule[],
): PolicyRule[] =>
  rules.flatMap(brokenDown).filter((right) => !owned.some((rule) => covers(rule, right)))

/** What is missing as lines of an error message: rights to one resource joined, sorted. */
export const describeRules = (rules: readonly PolicyRule[]): string =>
  [...new Set(compacted(rules).map(describe))].sort().join('\n')

const brokenDown = (rule: PolicyRule): PolicyRule[] => {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule
  const rights: PolicyRule[] = []
  for (const group of apiGroups)
    for (const resource of resources)
      for (const verb of verbs) {
        const right = { apiGroups: [group], resources: [resource], verbs: [verb] }
        if (resourceNames.length === 0) rights.push(right)
        else for (const name of resourceNames) rights.push({ ...right, resourceNames: [name] })
      }
  for (const url of nonResourceURLs)
    for (const verb of verbs) rights.push({ nonResourceURLs: [url], verbs: [verb] })
  return rights
}

const covers = (owned: PolicyRule, right: PolicyRule): boolean => {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = owned
  if (!hasAll(verbs, right.verbs) || !hasAll(apiGroups, right.apiGroups)) return false
  const [resource] = right.resources ?? []
  if (resource !== undefined && !coversResource(resources, resource)) return false
  const [url] = right.nonResourceURLs ?? []
  if (url !== undefined && !nonResourceURLs.some((each) => coversUrl(each, url))) return false
  if (resourceNames.length === 0) return true
  const [name] = right.resourceNames ?? []
  return name !== undefined && resourceNames.includes(name)
}

const hasAll = (set: readonly string[], wanted: readonly string[] = []): boolean =>
  set.includes('*') || wanted.every((each) => set.includes(each))

const coversResource = (resources: readonly string[], resource: string): boolean => {
  if (resources.includes('*') || resources.includes(resource)) return true
  const slash = resource.indexOf('/')
  return slash >= 0 && resources.includes(`*${resource.slice(slash)}`)
}

const coversUrl = (owned: string, url: string): boolean =>
  owned === url || (owned.endsWith('*') && url.startsWith(owned.replace(/\*+$/, '')))

/** Rights to the same resource, which differ in their verbs only, become one. */
const compacted = (rules: readonly PolicyRule[]): PolicyRule[] => {
  const result: PolicyRule[] = []
  const simple = new Map<string, PolicyRule>()
  for (const rule of rules) {
    const key = rule.nonResourceURLs
      ? undefined
      : JSON.stringify([rule.apiGroups, rule.resources, rule.resourceNames])
    const same = key === undefined ? undefined : simple.get(key)
    if (same) {
      same.verbs = [...same.verbs, ...rule.verbs]
      continue
    }
    const copy = { ...rule }
    result.push(copy)
    if (key !== undefined) simple.set(key, copy)
  }
  return result
}

const FIELDS: readonly (readonly [keyof PolicyRule, string])[] = [
  ['apiGroups', 'APIGroups'],
  ['resources', 'Resources'],
  ['nonResourceURLs', 'NonResourceURLs'],
  ['resourceNames', 'ResourceNames'],
  ['verbs', 'Verbs'],
]

const describe = (rule: PolicyRule): string =>
  `{${FIELDS.filter(([field]) => rule[field]?.length)
    .map(([field, title]) => `${title}:${goList(rule[field] ?? [])}`)
    .join(', ')}}`

/** As Go prints a list with %q. */
export const goList = (texts: readonly string[]): string =>
  `[${texts.map((text) => JSON.stringify(text)).join(' ')}]`
