/**
 * What webhooks and policies share: match conditions, match constraints, policies for failures.
 *
 * Wording and order follow Kubernetes 1.36 (`pkg/apis/admissionregistration/validation`).
 */
import type { V1MatchCondition, V1MatchResources } from '@kubernetes/client-node'
import { checkLabelSelector, checkQualifiedName, isOneOf } from '../core/field-rules.ts'
import type { Wire } from '../meta.ts'
import { duplicateField, type FieldError, requiredField, tooManyField } from '../status-error.ts'
import { checkExpression } from './admission-expressions.ts'
import { applyRuleDefaults, checkNamedRule } from './rule-validation.ts'

type MatchCondition = Wire<V1MatchCondition>
export type MatchResources = Wire<V1MatchResources>

export const FAILURE_POLICIES = ['Fail', 'Ignore']
export const MATCH_POLICIES = ['Equivalent', 'Exact']
export const REINVOCATION_POLICIES = ['IfNeeded', 'Never']
const MATCH_CONDITIONS_MAX = 64

export const checkMatchConditions = (
  errors: FieldError[],
  path: string,
  conditions: readonly MatchCondition[] = [],
  hasParams = false,
): void => {
  if (conditions.length > MATCH_CONDITIONS_MAX)
    errors.push(tooManyField(path, conditions.length, MATCH_CONDITIONS_MAX))
  const names = new Set<string>()
  for (const [index, { name, expression = '' }] of conditions.entries()) {
    const at = `${path}[${index}]`
    const trimmed = expression.trim()
    if (!trimmed) errors.push(requiredField(`${at}.expression`))
    else {
      const options = { hasParams, hasAuthorizer: true }
      checkExpression(errors, `${at}.expression`, trimmed, ['bool'], options)
    }
    if (!name) errors.push(requiredField(`${at}.name`))
    else {
      checkQualifiedName(errors, `${at}.name`, name)
      if (names.has(name)) errors.push(duplicateField(`${at}.name`, name))
      names.add(name)
    }
  }
}

export const applyMatchResourcesDefaults = (match: MatchResources | undefined): void => {
  if (!match) return
  match.matchPolicy ??= 'Equivalent'
  match.namespaceSelector ??= {}
  match.objectSelector ??= {}
  applyRuleDefaults(match.resourceRules)
  applyRuleDefaults(match.excludeResourceRules)
}

export const checkMatchResources = (
  errors: FieldError[],
  path: string,
  match: MatchResources,
): void => {
  const { matchPolicy, namespaceSelector, objectSelector } = match
  if (matchPolicy === undefined) errors.push(requiredField(`${path}.matchPolicy`))
  else isOneOf(errors, `${path}.matchPolicy`, matchPolicy, MATCH_POLICIES)
  if (!namespaceSelector) errors.push(requiredField(`${path}.namespaceSelector`))
  checkLabelSelector(errors, `${path}.namespaceSelector`, namespaceSelector)
  if (!objectSelector) errors.push(requiredField(`${path}.objectSelector`))
  checkLabelSelector(errors, `${path}.objectSelector`, objectSelector)
  for (const field of ['resourceRules', 'excludeResourceRules'] as const)
    for (const [index, rule] of (match[field] ?? []).entries())
      checkNamedRule(errors, `${path}.${field}[${index}]`, rule)
}
