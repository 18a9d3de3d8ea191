/**
 * Validation of what decides when a Job has failed or succeeded: pod failure policy and success policy.
 *
 * Order, paths and wording follow Kubernetes 1.36 (`pkg/apis/batch/validation`).
 */
import type {
  V1PodFailurePolicyOnExitCodesRequirement,
  V1PodFailurePolicyRule,
  V1SuccessPolicyRule,
} from '@kubernetes/client-node'
import { checkNonNegative, checkQualifiedName } from '../core/field-rules.ts'
import type { Wire } from '../meta.ts'
import {
  duplicateField,
  type FieldError,
  invalidField,
  invalidWithoutValue,
  requiredField,
  tooLongField,
  tooManyField,
  unsupportedField,
} from '../status-error.ts'
import { countIndexes, IndexError, parseIndexes } from './completion-indexes.ts'
import type { JobSpec } from './job-validation.ts'

const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore']
const OPERATORS = ['In', 'NotIn']
const CONDITION_STATUSES = ['False', 'True', 'Unknown']
const MAX_RULES = 20
const MAX_EXIT_CODES = 255
const MAX_POD_CONDITIONS = 20
const MAX_SUCCEEDED_INDEXES_BYTES = 64 * 1024

export const checkPodFailurePolicy = (errors: FieldError[], path: string, spec: JobSpec): void => {
  const rules = spec.podFailurePolicy?.rules ?? []
  if (rules.length > MAX_RULES) errors.push(tooManyField(path, rules.length, MAX_RULES))
  const { containers = [], initContainers = [] } = spec.template?.spec ?? {}
  const names = new Set([...containers, ...initContainers].map(({ name }) => name))
  for (const [index, rule] of rules.entries()) {
    checkFailureRule(errors, `${path}[${index}]`, rule, spec, names)
  }
}

const checkFailureRule = (
  errors: FieldError[],
  path: string,
  { action, onExitCodes, onPodConditions = [] }: Wire<V1PodFailurePolicyRule>,
  spec: JobSpec,
  containers: ReadonlySet<string>,
): void => {
  checkRequiredChoice(errors, `${path}.action`, action, ACTIONS)
  if (action === 'FailIndex' && spec.backoffLimitPerIndex == null) {
    const why = 'requires the backoffLimitPerIndex to be set'
    errors.push(invalidField(`${path}.action`, action, why))
  }
  if (onExitCodes) checkExitCodes(errors, `${path}.onExitCodes`, onExitCodes, containers)
  if (onPodConditions.length > MAX_POD_CONDITIONS) {
    const count = onPodConditions.length
    errors.push(tooManyField(`${path}.onPodConditions`, count, MAX_POD_CONDITIONS))
  }
  for (const [index, { type, status }] of onPodConditions.entries()) {
    const at = `${path}.onPodConditions[${index}]`
    checkQualifiedName(errors, `${at}.type`, type ?? '')
    checkRequiredChoice(errors, `${at}.status`, status, CONDITION_STATUSES)
  }
  const hasConditions = onPodConditions.length > 0
  if (Boolean(onExitCodes) !== hasConditions) return
  const why = hasConditions
    ? 'specifying both OnExitCodes and OnPodConditions is not supported'
    : 'specifying one of OnExitCodes and OnPodConditions is required'
  errors.push(invalidWithoutValue(path, why))
}

const checkRequiredChoice = (
  errors: FieldError[],
  path: string,
  value: string | undefined,
  supported: readonly string[],
): void => {
  if (!value) {
    const list = supported.map((choice) => JSON.stringify(choice)).join(' ')
    errors.push(requiredField(path, `valid values: [${list}]`))
  } else if (!supported.includes(value)) errors.push(unsupportedField(path, value, supported))
}

const checkExitCodes = (
  errors: FieldError[],
  path: string,
  { containerName, operator, values = [] }: Wire<V1PodFailurePolicyOnExitCodesRequirement>,
  containers: ReadonlySet<string>,
): void => {
  checkRequiredChoice(errors, `${path}.operator`, operator, OPERATORS)
  if (containerName != null && !containers.has(containerName)) {
    const why = 'must be one of the container or initContainer names in the pod template'
    errors.push(invalidField(`${path}.containerName`, containerName, why))
  }
  const at = `${path}.values`
  if (values.length === 0) errors.push(invalidField(at, values, 'at least one value is required'))
  else if (values.length > MAX_EXIT_CODES) {
    errors.push(tooManyField(at, values.length, MAX_EXIT_CODES))
  }
  const seen = new Set<number>()
  for (const [index, value] of values.entries()) {
    if (operator === 'In' && value === 0) {
      errors.push(invalidField(`${at}[${index}]`, value, 'must not be 0 for the In operator'))
    }
    if (seen.has(value)) errors.push(duplicateField(`${at}[${index}]`, value))
    seen.add(value)
  }
  const isOrdered = values.every((value, index) => index === 0 || values[index - 1]! <= value)
  if (!isOrdered) errors.push(invalidField(at, values, 'must be ordered'))
}

/** Of an indexed Job; others have none. */
export const checkSuccessPolicy = (errors: FieldError[], path: string, spec: JobSpec): void => {
  const rules = spec.successPolicy?.rules ?? []
  if (rules.length === 0) {
    const why = 'at least one rules must be specified when the successPolicy is specified'
    errors.push(requiredField(path, why))
  }
  if (rules.length > MAX_RULES) errors.push(tooManyField(path, rules.length, MAX_RULES))
  for (const [index, rule] of rules.entries()) {
    checkSuccessRule(errors, `${path}[${index}]`, rule, spec.completions ?? 0)
  }
}

const checkSuccessRule = (
  errors: FieldError[],
  path: string,
  { succeededCount, succeededIndexes }: Wire<V1SuccessPolicyRule>,
  completions: number,
): void => {
  if (succeededCount == null && succeededIndexes == null) {
    const why = 'at least one of succeededCount or succeededIndexes must be specified'
    errors.push(requiredField(path, why))
  }
  const listed =
    succeededIndexes == null
      ? undefined
      : checkSucceededIndexes(errors, `${path}.succeededIndexes`, succeededIndexes, completions)
  if (succeededCount == null) return
  const at = `${path}.succeededCount`
  checkNonNegative(errors, at, succeededCount)
  if (succeededCount > completions) {
    const why = `must be less than or equal to ${completions} (the number of specified completions)`
    errors.push(invalidField(at, succeededCount, why))
  }
  if (listed !== undefined && succeededCount > listed) {
    const why = `must be less than or equal to ${listed} (the number of indexes in the specified succeededIndexes field)`
    errors.push(invalidField(at, succeededCount, why))
  }
}

/** How many indexes the text lists; 0 when it cannot be read. */
const checkSucceededIndexes = (
  errors: FieldError[],
  path: string,
  text: string,
  completions: number,
): number => {
  if (Buffer.byteLength(text) > MAX_SUCCEEDED_INDEXES_BYTES) {
    errors.push(tooLongField(path, MAX_SUCCEEDED_INDEXES_BYTES))
  }
  try {
    return countIndexes(parseIndexes(text, completions))
  } catch (error) {
    if (!(error instanceof IndexError)) throw error
    errors.push(invalidField(path, text, `error parsing succeededIndexes: ${error.message}`))
    return 0
  }
}
