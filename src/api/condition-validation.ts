/**
 * Validation of `metav1.Condition` lists in a status.
 *
 * Order, paths and wording follow Kubernetes 1.36 (`apimachinery/pkg/apis/meta/v1/validation`). Kinds whose
 * conditions are of an older type of their own (pods, jobs, deployments) do not use it.
 */
import type { V1Condition } from '@kubernetes/client-node'
import type { Wire } from './meta.ts'
import { patternMessage, qualifiedNameErrors } from './names.ts'
import {
  duplicateField,
  type FieldError,
  invalidField,
  requiredField,
  tooLongField,
  unsupportedField,
} from './status-error.ts'

type Condition = Wire<V1Condition>

const STATUSES = ['False', 'True', 'Unknown']
const MAX_REASON = 1024
const MAX_MESSAGE = 32 * 1024
const REASON = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?'
const reasonPattern = new RegExp(`^${REASON}$`)
const REASON_RULE =
  "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'"
const REASON_EXAMPLES = ['my_name', 'MY_NAME', 'MyName', 'ReasonA,ReasonB', 'ReasonA:ReasonB']

export const checkConditions = (
  errors: FieldError[],
  path: string,
  conditions: readonly Condition[] | undefined,
): void => {
  const seen = new Set<string>()
  for (const [index, condition] of (conditions ?? []).entries()) {
    const at = `${path}[${index}]`
    if (seen.has(condition.type)) errors.push(duplicateField(`${at}.type`, condition.type))
    seen.add(condition.type)
    checkCondition(errors, at, condition)
  }
}

const checkCondition = (errors: FieldError[], path: string, condition: Condition): void => {
  const { type = '', status = '', observedGeneration = 0, message = '' } = condition
  for (const fault of qualifiedNameErrors(type)) {
    errors.push(invalidField(`${path}.type`, type, fault))
  }
  if (!STATUSES.includes(status)) errors.push(unsupportedField(`${path}.status`, status, STATUSES))
  if (observedGeneration < 0) {
    const why = 'must be greater than or equal to zero'
    errors.push(invalidField(`${path}.observedGeneration`, observedGeneration, why))
  }
  if (!condition.lastTransitionTime) {
    errors.push(requiredField(`${path}.lastTransitionTime`, 'must be set'))
  }
  checkReason(errors, `${path}.reason`, condition.reason ?? '')
  if (Buffer.byteLength(message) > MAX_MESSAGE) {
    errors.push(tooLongField(`${path}.message`, MAX_MESSAGE))
  }
}

const checkReason = (errors: FieldError[], path: string, reason: string): void => {
  if (reason === '') {
    errors.push(requiredField(path, 'must be set'))
    return
  }
  if (!reasonPattern.test(reason)) {
    const why = patternMessage(REASON_RULE, REASON, ...REASON_EXAMPLES)
    errors.push(invalidField(path, reason, why))
  }
  if (Buffer.byteLength(reason) > MAX_REASON) errors.push(tooLongField(path, MAX_REASON))
}
