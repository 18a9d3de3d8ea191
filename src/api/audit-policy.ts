/**
 * `Policy` (audit.k8s.io/v1): which requests are written into the audit log, and how much of each.
 *
 * After Kubernetes' "Auditing". Invariant: pure; the first rule that matches decides, and a request that none
 * matches is not audited. Faults of a policy are told with Kubernetes' paths and words.
 */
import { type FieldError, invalidField, requiredField, unsupportedField } from './status-error.ts'

export type AuditLevel = 'None' | 'Metadata' | 'Request' | 'RequestResponse'
export type AuditStage = 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete' | 'Panic'

export interface AuditRule {
  level: AuditLevel
  users: readonly string[]
  userGroups: readonly string[]
  verbs: readonly string[]
  resources: readonly { group: string; resources: string[]; resourceNames: string[] }[]
  namespaces: readonly string[]
  nonResourceURLs: readonly string[]
  omitStages: readonly string[]
  omitManagedFields: boolean
}

export type AuditPolicy = readonly AuditRule[]

/** What a request asks, as authorization sees it; `resource` is absent for other paths. */
export interface AuditAttributes {
  user: { name: string; groups: readonly string[] } | undefined
  verb: string
  path: string
  group?: string
  resource?: string
  subresource?: string | undefined
  namespace?: string | undefined
  name?: string | undefined
}

/** The document is not a usable policy; the message holds every fault. */
export class AuditPolicyError extends Error {}

const LEVELS: readonly string[] = ['None', 'Metadata', 'Request', 'RequestResponse']
const STAGES: readonly string[] = [
  'RequestReceived',
  'ResponseStarted',
  'ResponseComplete',
  'Panic',
]

/** Whether `level` holds at least what `least` does. */
export const isAtLeast = (level: AuditLevel, least: AuditLevel): boolean =>
  LEVELS.indexOf(level) >= LEVELS.indexOf(least)

type Loose = Record<string, unknown>

/** Throws AuditPolicyError. */
export const parseAuditPolicy = (document: unknown): AuditPolicy => {
  const { apiVersion, kind, rules, omitStages, omitManagedFields } = (document ?? {}) as Loose
  if (apiVersion !== 'audit.k8s.io/v1' || kind !== 'Policy')
    throw new AuditPolicyError(
      `it must be a Policy of audit.k8s.io/v1, it says ${String(kind)} of ${String(apiVersion)}`,
    )
  if (!Array.isArray(rules) || rules.length === 0)
    throw new AuditPolicyError('loaded illegal policy with 0 rules')
  const errors = stageErrors(words(omitStages), 'omitStages')
  for (const [index, rule] of rules.entries()) errors.push(...ruleErrors(rule, `rules[${index}]`))
  if (errors.length > 0)
    throw new AuditPolicyError(
      errors.map(({ field, message }) => `${field}: ${message}`).join(', '),
    )
  return rules.map((rule: Loose) => ({
    level: rule['level'] as AuditLevel,
    users: words(rule['users']),
    userGroups: words(rule['userGroups']),
    verbs: words(rule['verbs']),
    resources: resourcesOf(rule),
    namespaces: words(rule['namespaces']),
    nonResourceURLs: words(rule['nonResourceURLs']),
    omitStages: [...words(omitStages), ...words(rule['omitStages'])],
    omitManagedFields: Boolean(rule['omitManagedFields'] ?? omitManagedFields ?? false),
  }))
}

const words = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : [])

const resourcesOf = (rule: Loose) =>
  (Array.isArray(rule['resources']) ? (rule['resources'] as Loose[]) : []).map((entry) => ({
    group: String(entry['group'] ?? ''),
    resources: words(entry['resources']),
    resourceNames: words(entry['resourceNames']),
  }))

const ruleErrors = (rule: Loose, path: string): FieldError[] => {
  const errors: FieldError[] = []
  const level = rule['level']
  if (level === undefined || level === '') errors.push(requiredField(`${path}.level`))
  else if (!LEVELS.includes(String(level)))
    errors.push(unsupportedField(`${path}.level`, level, LEVELS))
  const urls = words(rule['nonResourceURLs'])
  urls.forEach((url, index) => {
    const field = `${path}.nonResourceURLs[${index}]`
    if (url === '*') return
    if (!url.startsWith('/'))
      errors.push(
        invalidField(field, url, "non-resource URL rules must begin with a '/' character"),
      )
    if (url.slice(0, -1).includes('*'))
      errors.push(
        invalidField(
          field,
          url,
          "non-resource URL wildcards '*' must be the final character of the rule",
        ),
      )
  })
  const resources = resourcesOf(rule)
  for (const { resources: names, resourceNames } of resources)
    if (resourceNames.length > 0 && names.length === 0) {
      const why = 'using resourceNames requires at least one resource'
      errors.push(invalidField(`${path}.resources.resourceNames`, resourceNames, why))
    }
  errors.push(...stageErrors(words(rule['omitStages']), `${path}.omitStages`))
  if (urls.length > 0 && (resources.length > 0 || words(rule['namespaces']).length > 0)) {
    const why = 'rules cannot apply to both regular resources and non-resource URLs'
    errors.push(invalidField(`${path}.nonResourceURLs`, urls, why))
  }
  return errors
}

const stageErrors = (stages: readonly string[], path: string): FieldError[] =>
  stages.flatMap((stage, index) =>
    STAGES.includes(stage)
      ? []
      : [invalidField(`${path}[${index}]`, stage, `allowed stages are ${STAGES.join(',')}`)],
  )

/** The rule that decides about a request, undefined when none does. */
export const ruleFor = (policy: AuditPolicy, request: AuditAttributes): AuditRule | undefined =>
  policy.find((rule) => matches(rule, request))

const allows = (list: readonly string[], value: string): boolean =>
  list.length === 0 || list.includes(value)

const matches = (rule: AuditRule, request: AuditAttributes): boolean => {
  const { user, verb, resource, path } = request
  if (rule.users.length > 0 && !(user && rule.users.includes(user.name))) return false
  if (rule.userGroups.length > 0 && !user?.groups.some((group) => rule.userGroups.includes(group)))
    return false
  if (!allows(rule.verbs, verb)) return false
  if (rule.namespaces.length > 0 || rule.resources.length > 0)
    return resource !== undefined && matchesResource(rule, request)
  if (rule.nonResourceURLs.length > 0)
    return resource === undefined && rule.nonResourceURLs.some((url) => matchesPath(url, path))
  return true
}

const matchesPath = (url: string, path: string): boolean =>
  url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.replace(/\*+$/, '')))

const matchesResource = (rule: AuditRule, request: AuditAttributes): boolean => {
  const { group = '', resource = '', subresource, namespace = '', name = '' } = request
  if (!allows(rule.namespaces, namespace)) return false
  if (rule.resources.length === 0) return true
  const whole = subresource ? `${resource}/${subresource}` : resource
  const names = new Set([whole, '*', `${resource}/*`])
  if (subresource) names.add(`*/${subresource}`)
  return rule.resources.some(
    (entry) =>
      (entry.group === group || entry.group === '*') &&
      (entry.resources.length === 0 ||
        (allows(entry.resourceNames, name) && entry.resources.some((one) => names.has(one)))),
  )
}
