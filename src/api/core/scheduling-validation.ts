/**
 * Validation of where a pod may run: node selectors, affinity, tolerations, taints, topology
 * spread.
 *
 * Wording follows Kubernetes 1.36. It does not look at nodes: that is the scheduler's.
 */

import type {
  V1Affinity,
  V1LabelSelector,
  V1NodeAffinity,
  V1NodeSelector,
  V1NodeSelectorRequirement,
  V1NodeSelectorTerm,
  V1PodAffinity,
  V1PodAffinityTerm,
  V1Taint,
  V1Toleration,
  V1TopologySpreadConstraint,
} from '@kubernetes/client-node'
import { internalValue } from '../internal-struct.ts'
import type { Wire } from '../meta.ts'
import { dns1123LabelErrors, labelValueErrors } from '../names.ts'
import {
  duplicateField,
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  unsupportedField,
} from '../status-error.ts'
import {
  checkDnsSubdomain,
  checkLabelSelector,
  checkLabelValue,
  checkPositive,
  checkQualifiedName,
  isOneOf,
} from './field-rules.ts'

type Requirement = Wire<V1NodeSelectorRequirement>
type Term = Wire<V1PodAffinityTerm>

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']
const UNSATISFIABLE = ['DoNotSchedule', 'ScheduleAnyway']
const NODE_POLICIES = ['Honor', 'Ignore']

export const checkTolerations = (
  errors: FieldError[],
  path: string,
  tolerations: Wire<V1Toleration>[] | undefined,
): void => {
  for (const [index, toleration] of (tolerations ?? []).entries()) {
    checkToleration(errors, `${path}[${index}]`, toleration)
  }
}

const checkToleration = (
  errors: FieldError[],
  at: string,
  { key, operator, value, effect, tolerationSeconds }: Wire<V1Toleration>,
): void => {
  if (key) checkQualifiedName(errors, `${at}.key`, key)
  else if (operator !== 'Exists') {
    const why =
      'operator must be Exists when `key` is empty, which means "match all values and all keys"'
    errors.push(invalidField(`${at}.operator`, operator ?? '', why))
  }
  if (tolerationSeconds != null && effect !== 'NoExecute') {
    const why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
    errors.push(invalidField(`${at}.effect`, effect ?? '', why))
  }
  switch (operator) {
    case 'Equal':
    case '':
    case undefined: {
      const faults = labelValueErrors(value ?? '')
      if (faults.length > 0) {
        errors.push(invalidField(`${at}.operator`, value ?? '', faults.join(';')))
      }
      break
    }
    case 'Exists':
      if (value) {
        const why = "value must be empty when `operator` is 'Exists'"
        errors.push(invalidField(`${at}.operator`, value, why))
      }
      break
    case 'Lt':
    case 'Gt':
      // Known, and off by default in 1.36: the message lists them all the same.
      errors.push(unsupportedField(`${at}.operator`, operator, ['Equal', 'Exists', 'Lt', 'Gt']))
      break
    default:
      isOneOf(errors, `${at}.operator`, operator, ['Equal', 'Exists'])
  }
  if (effect) isOneOf(errors, `${at}.effect`, effect, EFFECTS)
}

export const checkTaints = (
  errors: FieldError[],
  path: string,
  taints: Wire<V1Taint>[] | undefined,
): void => {
  const seen = new Set<string>()
  for (const [index, taint] of (taints ?? []).entries()) {
    const at = `${path}[${index}]`
    checkQualifiedName(errors, `${at}.key`, taint.key ?? '')
    const faults = labelValueErrors(taint.value ?? '')
    if (faults.length > 0) errors.push(invalidField(`${at}.value`, taint.value, faults.join(';')))
    if (!taint.effect) errors.push(requiredField(`${at}.effect`))
    else isOneOf(errors, `${at}.effect`, taint.effect, EFFECTS)
    const identity = `${taint.effect}:${taint.key}`
    if (seen.has(identity)) {
      const shown = internalValue('core.Taint', taint)
      errors.push(duplicateField(at, shown, 'taints must be unique by key and effect pair'))
    }
    seen.add(identity)
  }
}

export const checkAffinity = (
  errors: FieldError[],
  path: string,
  { nodeAffinity, podAffinity, podAntiAffinity }: Wire<V1Affinity>,
): void => {
  if (nodeAffinity) checkNodeAffinity(errors, `${path}.nodeAffinity`, nodeAffinity)
  if (podAffinity) checkPodAffinity(errors, `${path}.podAffinity`, podAffinity)
  if (podAntiAffinity) checkPodAffinity(errors, `${path}.podAntiAffinity`, podAntiAffinity)
}

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution'
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution'

const checkNodeAffinity = (
  errors: FieldError[],
  path: string,
  affinity: Wire<V1NodeAffinity>,
): void => {
  const required = affinity[REQUIRED]
  if (required) checkNodeSelector(errors, `${path}.${REQUIRED}`, required)
  for (const [index, { weight, preference }] of (affinity[PREFERRED] ?? []).entries()) {
    const at = `${path}.${PREFERRED}[${index}]`
    checkWeight(errors, `${at}.weight`, weight)
    checkNodeTerm(errors, `${at}.preference`, preference, false)
  }
}

/** A choice of nodes: at least one term. */
export const checkNodeSelector = (
  errors: FieldError[],
  path: string,
  { nodeSelectorTerms: terms = [] }: Partial<Wire<V1NodeSelector>>,
): void => {
  const at = `${path}.nodeSelectorTerms`
  if (terms.length === 0) {
    errors.push(requiredField(at, 'must have at least one node selector term'))
  }
  for (const [index, term] of terms.entries()) checkNodeTerm(errors, `${at}[${index}]`, term, true)
}

const checkWeight = (errors: FieldError[], path: string, weight = 0): void => {
  if (weight > 0 && weight <= 100) return
  errors.push(invalidField(path, weight, 'must be in the range 1-100'))
}

const checkNodeTerm = (
  errors: FieldError[],
  path: string,
  term: Wire<V1NodeSelectorTerm>,
  checkValues: boolean,
): void => {
  for (const [index, requirement] of (term.matchExpressions ?? []).entries()) {
    checkNodeRequirement(errors, `${path}.matchExpressions[${index}]`, requirement, checkValues)
  }
  for (const [index, requirement] of (term.matchFields ?? []).entries()) {
    checkNodeField(errors, `${path}.matchFields[${index}]`, requirement)
  }
}

const checkNodeRequirement = (
  errors: FieldError[],
  at: string,
  { key, operator, values = [] }: Requirement,
  checkValues: boolean,
): void => {
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) {
        const why = "must be specified when `operator` is 'In' or 'NotIn'"
        errors.push(requiredField(`${at}.values`, why))
      }
      break
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        const why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        errors.push(forbiddenField(`${at}.values`, why))
      }
      break
    case 'Gt':
    case 'Lt':
      if (values.length !== 1) {
        const why = "must be specified single value when `operator` is 'Lt' or 'Gt'"
        errors.push(requiredField(`${at}.values`, why))
      }
      break
    default:
      errors.push(invalidField(`${at}.operator`, operator, 'not a valid selector operator'))
  }
  checkQualifiedName(errors, `${at}.key`, key ?? '')
  if (!checkValues) return
  for (const [index, value] of values.entries()) {
    checkLabelValue(errors, `${at}.values[${index}]`, value)
  }
}

/** Nodes can be selected by one field only: their name. */
const checkNodeField = (
  errors: FieldError[],
  at: string,
  { key, operator, values = [] }: Requirement,
): void => {
  if (operator !== 'In' && operator !== 'NotIn') {
    errors.push(invalidField(`${at}.operator`, operator, 'not a valid selector operator'))
  } else if (values.length !== 1) {
    const why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
    errors.push(requiredField(`${at}.values`, why))
  }
  if (key !== 'metadata.name') {
    errors.push(invalidField(`${at}.key`, key, 'not a valid field selector key'))
    return
  }
  for (const [index, value] of values.entries()) {
    checkDnsSubdomain(errors, `${at}.values[${index}]`, value)
  }
}

/** Affinity and anti-affinity have the same shape. */
const checkPodAffinity = (
  errors: FieldError[],
  path: string,
  affinity: Wire<V1PodAffinity>,
): void => {
  for (const [index, term] of (affinity[REQUIRED] ?? []).entries()) {
    checkPodTerm(errors, `${path}.${REQUIRED}[${index}]`, term)
  }
  for (const [index, { weight, podAffinityTerm }] of (affinity[PREFERRED] ?? []).entries()) {
    const at = `${path}.${PREFERRED}[${index}]`
    checkWeight(errors, `${at}.weight`, weight)
    checkPodTerm(errors, `${at}.podAffinityTerm`, podAffinityTerm)
  }
}

const checkPodTerm = (errors: FieldError[], at: string, term: Term): void => {
  checkLabelSelector(errors, `${at}.labelSelector`, term.labelSelector)
  checkLabelSelector(errors, `${at}.namespaceSelector`, term.namespaceSelector)
  for (const name of term.namespaces ?? []) {
    for (const fault of dns1123LabelErrors(name)) {
      errors.push(invalidField(`${at}.namespace`, name, fault))
    }
  }
  checkLabelKeys(errors, at, term.matchLabelKeys, term.mismatchLabelKeys, term.labelSelector)
  if (!term.topologyKey) errors.push(requiredField(`${at}.topologyKey`, 'can not be empty'))
  checkQualifiedName(errors, `${at}.topologyKey`, term.topologyKey ?? '')
}

/** Keys whose values are taken from the pod itself; none may be selected by hand as well. */
const checkLabelKeys = (
  errors: FieldError[],
  at: string,
  matching: readonly string[] = [],
  mismatching: readonly string[] = [],
  selector: V1LabelSelector | undefined,
): void => {
  for (const [field, keys] of [
    ['matchLabelKeys', matching],
    ['mismatchLabelKeys', mismatching],
  ] as const) {
    if (keys.length === 0) continue
    if (!selector) {
      const why = 'must not be specified when labelSelector is not set'
      errors.push(forbiddenField(`${at}.${field}`, why))
      continue
    }
    for (const [index, key] of keys.entries()) {
      checkQualifiedName(errors, `${at}.${field}[${index}]`, key)
    }
  }
  if (matching.length === 0) return
  const selected = new Set(Object.keys(selector?.matchLabels ?? {}))
  for (const { key } of selector?.matchExpressions ?? []) {
    const index = matching.lastIndexOf(key)
    if (index >= 0 && selected.has(key)) {
      const why = 'exists in both matchLabelKeys and labelSelector'
      errors.push(invalidField(`${at}[${index}]`, key, why))
    }
    selected.add(key)
  }
  for (const [index, key] of matching.entries()) {
    if (!mismatching.includes(key)) continue
    const why = 'exists in both matchLabelKeys and mismatchLabelKeys'
    errors.push(invalidField(`${at}.matchLabelKeys[${index}]`, key, why))
  }
}

export const checkTopologySpread = (
  errors: FieldError[],
  path: string,
  constraints: Wire<V1TopologySpreadConstraint>[] | undefined,
): void => {
  if (!constraints?.length) return
  for (const [index, constraint] of constraints.entries()) {
    const at = `${path}[${index}]`
    const { topologyKey, whenUnsatisfiable, minDomains } = constraint
    checkPositive(errors, `${at}.maxSkew`, constraint.maxSkew)
    if (!topologyKey) errors.push(requiredField(`${at}.topologyKey`, 'can not be empty'))
    isOneOf(errors, `${at}.whenUnsatisfiable`, whenUnsatisfiable ?? '', UNSATISFIABLE)
    const repeated = constraints
      .slice(index + 1)
      .some(
        (other) =>
          other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable,
      )
    if (repeated) {
      const pair = `{${topologyKey}, ${whenUnsatisfiable}}`
      errors.push(duplicateField(`${at}.{topologyKey, whenUnsatisfiable}`, pair))
    }
    if (minDomains != null) {
      checkPositive(errors, `${at}.minDomains`, minDomains)
      if (whenUnsatisfiable !== 'DoNotSchedule') {
        const why = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`
        errors.push(invalidField(`${at}.minDomains`, minDomains, why))
      }
    }
    for (const field of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      const policy = constraint[field]
      if (policy == null || NODE_POLICIES.includes(policy)) continue
      errors.push(unsupportedField(`${at}.${field}`, policy, NODE_POLICIES))
    }
    checkLabelKeys(errors, at, constraint.matchLabelKeys, [], constraint.labelSelector)
    checkLabelSelector(errors, `${at}.labelSelector`, constraint.labelSelector)
  }
}
