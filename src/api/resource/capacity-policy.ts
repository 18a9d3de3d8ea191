/**
 * Which amounts of a shared device's capacity may be asked for: some values, or a range in steps.
 *
 * Wording and order follow Kubernetes 1.36 (`validateRequestPolicy` in `pkg/apis/resource/validation`).
 */
import { parseQuantity } from '../quantity.ts'
import {
  duplicateField,
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  tooManyField,
} from '../status-error.ts'

interface Range {
  min?: string
  max?: string
  step?: string
}

export interface CapacityPolicy {
  default?: string
  validRange?: Range
  validValues?: string[]
}

const VALUES_MAX = 10

const nanos = (quantity: string): bigint => BigInt(parseQuantity(quantity).nanos)

/** `capacity` is all there is. */
export const checkCapacityPolicy = (
  errors: FieldError[],
  path: string,
  policy: CapacityPolicy,
  capacity: string,
): void => {
  const { default: usual, validRange, validValues = [] } = policy
  if (validValues.length > 0 && validRange) {
    const why =
      'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time'
    errors.push(forbiddenField(path, why))
  } else if (validValues.length > 0) {
    if (usual === undefined)
      errors.push(requiredField(`${path}.default`, 'required when validValues is defined'))
    else checkValues(errors, `${path}.validValues`, validValues, usual, capacity)
  } else if (validRange) {
    if (usual === undefined)
      errors.push(requiredField(`${path}.default`, 'required when validRange is defined'))
    else checkRange(errors, `${path}.validRange`, validRange, usual, capacity)
  }
}

const checkValues = (
  errors: FieldError[],
  path: string,
  values: readonly string[],
  usual: string,
  capacity: string,
): void => {
  const amounts = values.map(nanos)
  for (const [index, amount] of amounts.entries())
    if (index > 0 && amounts[index - 1]! > amount) {
      const why = 'values must be sorted in ascending order'
      errors.push(invalidField(`${path}[${index}]`, values[index], why))
    }
  if (values.length > VALUES_MAX) errors.push(tooManyField(path, values.length, VALUES_MAX))
  else {
    for (const [index, amount] of amounts.entries())
      if (amount > nanos(capacity)) {
        const why = `option is larger than capacity value: ${capacity}`
        errors.push(invalidField(`${path}[${index}]`, values[index], why))
      }
    for (const [index, amount] of amounts.entries())
      if (amounts.indexOf(amount) < index)
        errors.push(duplicateField(`${path}[${index}]`, values[index]))
  }
  if (!amounts.includes(nanos(usual))) {
    const why = 'default value is not valid according to the requestPolicy'
    errors.push(invalidField(path, usual, why))
  }
}

const checkRange = (
  errors: FieldError[],
  path: string,
  { min, max, step }: Range,
  usual: string,
  capacity: string,
): void => {
  if (min === undefined) {
    errors.push(requiredField(`${path}.min`, 'required when validRange is defined'))
    return
  }
  const refuse = (field: string, value: string, why: string) =>
    errors.push(invalidField(`${path}.${field}`, value, why))
  const all = nanos(capacity)
  if (nanos(min) > all) refuse('min', min, `min is larger than capacity value: ${capacity}`)
  if (nanos(usual) < nanos(min)) refuse('default', usual, `default is less than min: ${min}`)
  if (max !== undefined) {
    if (nanos(min) > nanos(max)) refuse('max', min, `min is larger than max: ${max}`)
    if (nanos(max) > all) refuse('max', max, `max is larger than capacity value: ${capacity}`)
    if (nanos(usual) > nanos(max)) refuse('default', usual, `default is more than max: ${max}`)
  }
  if (step === undefined) return
  if (nanos(step) <= 0n) {
    refuse('step', step, 'must be greater than zero')
    return
  }
  if (nanos(min) + nanos(step) > all)
    refuse('step', step, `one step ${step} is larger than capacity value: ${capacity}`)
  for (const value of max === undefined ? [usual] : [usual, max])
    if ((nanos(value) - nanos(min)) % nanos(step) !== 0n)
      refuse('step', value, `value is not a multiple of a given step (${step}) from (${min})`)
}
