/**
 * What validating and mutating admission policies and their bindings share: parameters, constraints, variables.
 *
 * Wording and order follow Kubernetes 1.36 (`pkg/apis/admissionregistration/validation`).
 */
import type { V1MatchCondition, V1ParamKind, V1ParamRef, V1Variable } from '@kubernetes/client-node'
import type { CelType } from '../cel/cel-type.ts'
import { checkLabelSelector, isOneOf } from '../core/field-rules.ts'
import type { Wire } from '../meta.ts'
import { dns1035LabelErrors, dns1123SubdomainErrors, pathSegmentErrors } from '../names.ts'
import {
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  unsupportedField,
} from '../status-error.ts'
import { checkExpression } from './admission-expressions.ts'
import {
  applyMatchResourcesDefaults,
  checkMatchConditions,
  checkMatchResources,
  FAILURE_POLICIES,
  type MatchResources,
} from './match-validation.ts'

type ParamKind = Wire<V1ParamKind>
type ParamRef = Wire<V1ParamRef>
type Variable = Wire<V1Variable>

/** What the specs of both policies have. */
export interface PolicySpec {
  failurePolicy?: string
  matchConditions?: Wire<V1MatchCondition>[]
  matchConstraints?: MatchResources
  paramKind?: ParamKind
  variables?: Variable[]
}

export interface BindingSpec {
  policyName?: string
  paramRef?: ParamRef
  matchResources?: MatchResources
}

const NOT_FOUND_ACTIONS = ['Deny', 'Allow']
/** What is deleted cannot be changed. */
const MUTATING_OPERATIONS = ['*', 'CONNECT', 'CREATE', 'UPDATE']

export const applyPolicyDefaults = (spec: PolicySpec | undefined): void => {
  if (!spec) return
  spec.failurePolicy ??= 'Fail'
  applyMatchResourcesDefaults(spec.matchConstraints)
}

/** Pushes the faults of what both policies have; the result are the types of the variables, by name. */
export const checkPolicy = (
  errors: FieldError[],
  spec: PolicySpec,
  conditionsUnchanged: boolean,
  isMutating = false,
): Record<string, CelType> => {
  const { failurePolicy, paramKind, matchConstraints } = spec
  if (failurePolicy === undefined) errors.push(requiredField('spec.failurePolicy'))
  else isOneOf(errors, 'spec.failurePolicy', failurePolicy, FAILURE_POLICIES)
  if (paramKind) checkParamKind(errors, 'spec.paramKind', paramKind)
  if (!matchConstraints) errors.push(requiredField('spec.matchConstraints'))
  else {
    checkMatchResources(errors, 'spec.matchConstraints', matchConstraints)
    if (!matchConstraints.resourceRules?.length)
      errors.push(requiredField('spec.matchConstraints.resourceRules'))
    if (isMutating) checkMutatingOperations(errors, 'spec.matchConstraints', matchConstraints)
  }
  const hasParams = paramKind !== undefined
  if (!conditionsUnchanged)
    checkMatchConditions(errors, 'spec.matchConditions', spec.matchConditions, hasParams)
  const composed: Record<string, CelType> = {}
  for (const [index, variable] of (spec.variables ?? []).entries())
    checkVariable(errors, `spec.variables[${index}]`, variable, hasParams, composed)
  return composed
}

const checkParamKind = (
  errors: FieldError[],
  path: string,
  { apiVersion = '', kind = '' }: ParamKind,
): void => {
  const refuse = (field: string, value: string, why: string) =>
    errors.push(invalidField(`${path}.${field}`, value, why))
  const parts = apiVersion.split('/')
  if (!apiVersion) errors.push(requiredField(`${path}.apiVersion`))
  else if (parts.length > 2)
    refuse('apiVersion', apiVersion, `unexpected GroupVersion string: ${apiVersion}`)
  else {
    const group = parts.length === 2 ? (parts[0] ?? '') : ''
    const version = apiVersion === '/' ? '' : (parts.at(-1) ?? '')
    const groupFaults = group ? dns1123SubdomainErrors(group) : []
    if (groupFaults.length > 0) refuse('apiVersion', group, groupFaults.join(','))
    const versionFaults = dns1035LabelErrors(version)
    if (!version) refuse('apiVersion', apiVersion, 'version must be specified')
    else if (versionFaults.length > 0) refuse('apiVersion', version, versionFaults.join(','))
  }
  if (!kind) errors.push(requiredField(`${path}.kind`))
  else {
    const faults = dns1035LabelErrors(kind.toLowerCase()).join(',')
    if (faults) refuse('kind', kind, `may have mixed case, but should otherwise match: ${faults}`)
  }
}

const IDENTIFIER = /^[_a-zA-Z][_a-zA-Z0-9]*$/
const RESERVED = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
)

/** Each variable sees those before it. */
const checkVariable = (
  errors: FieldError[],
  at: string,
  { name = '', expression = '' }: Variable,
  hasParams: boolean,
  composed: Record<string, CelType>,
): void => {
  if (!name.trim()) errors.push(requiredField(`${at}.name`, 'name is not specified'))
  else if (!IDENTIFIER.test(name) || RESERVED.has(name))
    errors.push(invalidField(`${at}.name`, name, 'must be a valid CEL identifier'))
  if (!expression.trim()) {
    errors.push(requiredField(`${at}.expression`, 'expression is not specified'))
    return
  }
  const options = { hasParams, hasAuthorizer: true, composed }
  composed[name] = checkExpression(errors, `${at}.expression`, expression, [], options)
}

export const applyPolicyBindingDefaults = (spec: BindingSpec | undefined): void =>
  applyMatchResourcesDefaults(spec?.matchResources)

export const checkPolicyBinding = (errors: FieldError[], spec: BindingSpec): void => {
  const { policyName, paramRef, matchResources } = spec
  if (!policyName) errors.push(requiredField('spec.policyName'))
  else
    for (const fault of dns1123SubdomainErrors(policyName))
      errors.push(invalidField('spec.policyName', policyName, fault))
  if (paramRef) checkParamRef(errors, 'spec.paramRef', paramRef)
  if (matchResources) checkMatchResources(errors, 'spec.matchResources', matchResources)
}

const checkParamRef = (errors: FieldError[], path: string, reference: ParamRef): void => {
  const { name, selector, parameterNotFoundAction: action } = reference
  const exclusive = 'name and selector are mutually exclusive'
  if (name) {
    for (const fault of pathSegmentErrors(name))
      errors.push(invalidField(`${path}.name`, name, fault))
    if (selector) errors.push(forbiddenField(`${path}.name`, exclusive))
  }
  checkLabelSelector(errors, `${path}.selector`, selector)
  if (selector && name) errors.push(forbiddenField(`${path}.selector`, exclusive))
  if (!name && !selector)
    errors.push(requiredField(path, 'one of name or selector must be specified'))
  if (!action) errors.push(requiredField(`${path}.parameterNotFoundAction`))
  else if (!NOT_FOUND_ACTIONS.includes(action))
    errors.push(unsupportedField(`${path}.parameterNotFoundAction`, action, NOT_FOUND_ACTIONS))
}

/** Faults of what a mutating policy or its binding matches. */
export const checkMutatingOperations = (
  errors: FieldError[],
  path: string,
  match: MatchResources | undefined,
): void => {
  for (const { operations } of match?.resourceRules ?? [])
    for (const operation of operations ?? [])
      isOneOf(errors, `${path}.resourceRules.operations`, operation, MUTATING_OPERATIONS)
}

export const paramKindCell = (kind: ParamKind | undefined): string =>
  kind ? `${kind.apiVersion}/${kind.kind}` : '<unset>'

export const paramRefCell = (reference: ParamRef | undefined): string => {
  if (!reference) return '<unset>'
  const { name, namespace, selector } = reference
  // Whether the parameters have namespaces at all cannot be told from here.
  if (name) return `${namespace || '*'}/${name}`
  if (!selector) return '<unset>'
  const labels = Object.entries(selector.matchLabels ?? {}).map(
    ([key, value]) => `${key}: ${value},`,
  )
  const expressions = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  )
  return `&LabelSelector{MatchLabels:map[string]string{${labels.join('')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`
}
