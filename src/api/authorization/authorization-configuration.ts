/**
 * Kubernetes' AuthorizationConfiguration: which authorizers there are, in which order.
 *
 * Defaults, faults and their wording follow Kubernetes 1.36 (`apiserver/pkg/apis/apiserver`). Pure; what its
 * expressions say is judged by `match-conditions.ts`.
 */
import { dns1123SubdomainErrors } from '../names.ts'
import {
  duplicateField,
  type FieldError,
  invalidField,
  requiredField,
  tooManyField,
  unsupportedField,
} from '../status-error.ts'

export interface WebhookConfiguration {
  authorizedTtlMs: number
  unauthorizedTtlMs: number
  cacheAuthorizedRequests: boolean
  cacheUnauthorizedRequests: boolean
  timeoutMs: number
  subjectAccessReviewVersion: 'v1' | 'v1beta1'
  failurePolicy: 'NoOpinion' | 'Deny'
  /** Where the connection is described; absolute. */
  kubeConfigFile: string
  /** CEL; all must be true for the webhook to be asked. */
  matchConditions: readonly string[]
}

export type AuthorizerConfiguration =
  | { type: 'Node' | 'RBAC' | 'AlwaysAllow' | 'AlwaysDeny'; name: string }
  | { type: 'Webhook'; name: string; webhook: WebhookConfiguration }

const TYPES = ['ABAC', 'AlwaysAllow', 'AlwaysDeny', 'Node', 'RBAC', 'Webhook']
const VERSIONS = ['v1', 'v1beta1', 'v1alpha1'].map(
  (version) => `apiserver.config.k8s.io/${version}`,
)
const CONDITIONS_MAX = 64
const TIMEOUT_MAX_MS = 30_000

type Tree = Readonly<Record<string, unknown>>

const treeOf = (value: unknown): Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Tree) : {}
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** The authorizers of a document, and its faults. Throws Error for a document that is another one. */
export const readAuthorizationConfiguration = (
  document: unknown,
): { authorizers: AuthorizerConfiguration[]; errors: FieldError[] } => {
  const { apiVersion, kind, authorizers } = treeOf(document)
  if (kind !== 'AuthorizationConfiguration' || !VERSIONS.includes(textOf(apiVersion)))
    throw new Error(
      `expected an AuthorizationConfiguration of ${VERSIONS[0]}, got ${textOf(kind)} of ${textOf(apiVersion)}`,
    )
  const errors: FieldError[] = []
  const all = listOf(authorizers)
  if (all.length === 0)
    errors.push(requiredField('authorizers', 'at least one authorization mode must be defined'))
  const reader = new Reader(errors)
  const found = all.flatMap((each, index) => reader.read(`authorizers[${index}]`, treeOf(each)))
  return { authorizers: found, errors }
}

class Reader {
  private readonly errors: FieldError[]
  private readonly types = new Set<string>()
  private readonly names = new Set<string>()

  constructor(errors: FieldError[]) {
    this.errors = errors
  }

  read(at: string, tree: Tree): AuthorizerConfiguration[] {
    const { errors } = this
    const type = textOf(tree['type'])
    if (!type) errors.push(requiredField(`${at}.type`))
    else if (!TYPES.includes(type)) errors.push(unsupportedField(`${at}.type`, type, TYPES))
    else if (this.types.has(type) && type !== 'Webhook')
      errors.push(duplicateField(`${at}.type`, type))
    else {
      this.types.add(type)
      const name = this.nameOf(at, tree)
      return this.ofType(at, type, name, tree)
    }
    return []
  }

  private nameOf(at: string, tree: Tree): string {
    const { errors, names } = this
    const name = textOf(tree['name'])
    const faults = dns1123SubdomainErrors(name)
    if (!name) errors.push(requiredField(`${at}.name`))
    else if (names.has(name)) errors.push(duplicateField(`${at}.name`, name))
    else if (faults.length > 0) {
      const why = `authorizer name is invalid: ${faults.join(', ')}`
      errors.push(invalidField(`${at}.name`, name, why))
    }
    names.add(name)
    return name
  }

  private ofType(at: string, type: string, name: string, tree: Tree): AuthorizerConfiguration[] {
    const { errors } = this
    const webhook = tree['webhook']
    if (type === 'Webhook') {
      if (!webhook) errors.push(requiredField(`${at}.webhook`, 'required when type=Webhook'))
      else return [{ type, name, webhook: readWebhook(errors, at, treeOf(webhook)) }]
      return []
    }
    if (webhook)
      errors.push(
        invalidField(`${at}.webhook`, 'non-null', 'may only be specified when type=Webhook'),
      )
    if (type === 'ABAC') errors.push(invalidField(`${at}.type`, type, 'is not offered here'))
    return [{ type: type as 'Node', name }]
  }
}

const readWebhook = (errors: FieldError[], at: string, tree: Tree): WebhookConfiguration => {
  const timeoutMs = durationOf(tree['timeout'])
  if (timeoutMs === 0) errors.push(requiredField(`${at}.timeout`))
  else if (!(timeoutMs > 0 && timeoutMs <= TIMEOUT_MAX_MS))
    errors.push(invalidField(`${at}.timeout`, tree['timeout'], 'must be > 0s and <= 30s'))
  const ttl = (field: string, byDefault: number): number => {
    const ms = durationOf(tree[field]) || byDefault
    if (!(ms > 0)) errors.push(invalidField(`${at}.${field}`, tree[field], 'must be > 0s'))
    return ms
  }
  const oneOf = (field: string, known: readonly string[]): string => {
    const text = textOf(tree[field])
    if (!text) errors.push(requiredField(`${at}.${field}`))
    else if (!known.includes(text)) errors.push(unsupportedField(`${at}.${field}`, text, known))
    return text
  }
  const conditions = listOf(tree['matchConditions']).map((each) =>
    textOf(treeOf(each)['expression']),
  )
  const version = oneOf('subjectAccessReviewVersion', ['v1', 'v1beta1'])
  checkConditions(errors, at, conditions, textOf(tree['matchConditionSubjectAccessReviewVersion']))
  return {
    timeoutMs,
    authorizedTtlMs: ttl('authorizedTTL', 5 * 60_000),
    unauthorizedTtlMs: ttl('unauthorizedTTL', 30_000),
    cacheAuthorizedRequests: tree['cacheAuthorizedRequests'] !== false,
    cacheUnauthorizedRequests: tree['cacheUnauthorizedRequests'] !== false,
    subjectAccessReviewVersion: version as 'v1',
    failurePolicy: oneOf('failurePolicy', ['NoOpinion', 'Deny']) as 'Deny',
    kubeConfigFile: readConnection(errors, `${at}.connectionInfo`, treeOf(tree['connectionInfo'])),
    matchConditions: conditions,
  }
}

const checkConditions = (
  errors: FieldError[],
  at: string,
  conditions: readonly string[],
  version: string,
): void => {
  const field = `${at}.matchConditionSubjectAccessReviewVersion`
  if (!version && conditions.length > 0)
    errors.push(requiredField(field, 'required if match conditions are specified'))
  if (version && version !== 'v1') errors.push(unsupportedField(field, version, ['v1']))
  const path = `${at}.matchConditions`
  if (conditions.length > CONDITIONS_MAX)
    errors.push(tooManyField(path, conditions.length, CONDITIONS_MAX))
  for (const [index, expression] of conditions.entries())
    if (!expression.trim()) errors.push(requiredField(`${path}[${index}].expression`))
    else if (conditions.indexOf(expression) < index)
      errors.push(duplicateField(`${path}[${index}].expression`, expression))
}

/** The apiserver itself, which Kubernetes allows here, is nobody to ask. */
const readConnection = (errors: FieldError[], at: string, tree: Tree): string => {
  const type = textOf(tree['type'])
  const file = textOf(tree['kubeConfigFile'])
  if (!type) errors.push(requiredField(`${at}.type`))
  else if (type !== 'KubeConfigFile')
    errors.push(unsupportedField(`${at}.type`, type, ['KubeConfigFile']))
  else if (!file) errors.push(requiredField(`${at}.kubeConfigFile`))
  else if (!file.startsWith('/'))
    errors.push(invalidField(`${at}.kubeConfigFile`, file, 'must be an absolute path'))
  return file
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Go's durations, as far as these are written; NaN for what is none. */
const durationOf = (value: unknown): number => {
  const text = textOf(value)
  if (text === '' || text === '0') return 0
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  if (parts.map(([part]) => part).join('') !== text) return Number.NaN
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * UNITS[unit!]!, 0)
}
