/**
 * The rules of webhooks and policies: which operations on which resources they are about.
 *
 * Wording and order follow Kubernetes 1.36 (`pkg/apis/admissionregistration/validation`).
 */
import type { V1NamedRuleWithOperations, V1RuleWithOperations } from '@kubernetes/client-node'
import { isOneOf } from '../core/field-rules.ts'
import type { Wire } from '../meta.ts'
import { pathSegmentErrors } from '../names.ts'
import { duplicateField, type FieldError, invalidField, requiredField } from '../status-error.ts'

type Rule = Wire<V1RuleWithOperations>
type NamedRule = Wire<V1NamedRuleWithOperations>

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE']
const SCOPES = ['*', 'Cluster', 'Namespaced']

export const applyRuleDefaults = (rules: readonly (Rule | NamedRule)[] | undefined): void => {
  for (const rule of rules ?? []) rule.scope ??= '*'
}

export const checkRule = (errors: FieldError[], at: string, rule: Rule): void => {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule
  const alone = (field: string, values: readonly string[], what: string) => {
    if (values.length === 0) errors.push(requiredField(`${at}.${field}`))
    if (values.length > 1 && values.includes('*')) {
      const why = `if '*' is present, must not specify other ${what}`
      errors.push(invalidField(`${at}.${field}`, values, why))
    }
  }
  alone('operations', operations, 'operations')
  for (const [index, operation] of operations.entries())
    isOneOf(errors, `${at}.operations[${index}]`, operation, OPERATIONS)
  alone('apiGroups', apiGroups, 'API groups')
  alone('apiVersions', apiVersions, 'API versions')
  for (const [index, version] of apiVersions.entries())
    if (!version) errors.push(requiredField(`${at}.apiVersions[${index}]`))
  checkResources(errors, `${at}.resources`, resources)
  if (scope !== undefined) isOneOf(errors, `${at}.scope`, scope, SCOPES)
}

export const checkNamedRule = (errors: FieldError[], at: string, rule: NamedRule): void => {
  const names = new Set<string>()
  for (const [index, name] of (rule.resourceNames ?? []).entries()) {
    const path = `${at}.resourceNames[${index}]`
    for (const fault of pathSegmentErrors(name)) errors.push(invalidField(path, name, fault))
    if (names.has(name)) errors.push(duplicateField(path, name))
    names.add(name)
  }
  checkRule(errors, at, rule)
}

/** Wildcards cover others, which must not be named beside them. */
const checkResources = (errors: FieldError[], path: string, resources: readonly string[]): void => {
  if (resources.length === 0) errors.push(requiredField(path))
  // What stood before and behind a wildcard so far.
  const ofResource = new Set<string>()
  const ofSubresource = new Set<string>()
  let hasPlain = false
  for (const [index, text] of resources.entries()) {
    const at = `${path}[${index}]`
    if (!text) {
      errors.push(requiredField(at))
      continue
    }
    const slash = text.indexOf('/')
    if (slash < 0) {
      hasPlain = text !== '*'
      continue
    }
    const resource = text.slice(0, slash)
    const subresource = text.slice(slash + 1)
    if (ofResource.has(resource)) {
      const why = `if '${resource}/*' is present, must not specify ${text}`
      errors.push(invalidField(at, text, why))
    }
    if (ofSubresource.has(subresource)) {
      const why = `if '*/${subresource}' is present, must not specify ${text}`
      errors.push(invalidField(at, text, why))
    }
    if (subresource === '*') ofResource.add(resource)
    if (resource === '*') ofSubresource.add(subresource)
  }
  if (resources.length > 1 && resources.includes('*/*')) {
    const why = "if '*/*' is present, must not specify other resources"
    errors.push(invalidField(path, resources, why))
  }
  if (resources.includes('*') && hasPlain) {
    const why = "if '*' is present, must not specify other resources without subresources"
    errors.push(invalidField(path, resources, why))
  }
}
