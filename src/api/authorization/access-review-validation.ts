/**
 * What a question about access must say: who, and either a resource or a path.
 *
 * Wording and order follow Kubernetes 1.36 (`pkg/apis/authorization/validation`).
 */
import type {
  V1FieldSelectorAttributes,
  V1LabelSelectorAttributes,
  V1SelfSubjectAccessReviewSpec,
  V1SubjectAccessReviewSpec,
} from '@kubernetes/client-node'
import { checkLabelValue, checkQualifiedName } from '../core/field-rules.ts'
import type { ObjectMeta, Wire } from '../meta.ts'
import { type FieldError, forbiddenField, invalidField, requiredField } from '../status-error.ts'

export type AccessSpec = Wire<V1SelfSubjectAccessReviewSpec>
type SubjectSpec = Wire<V1SubjectAccessReviewSpec>
type Selector = Wire<V1FieldSelectorAttributes> | Wire<V1LabelSelectorAttributes>

/** Faults of a review's spec; `subject` is given where the review names whom it is about. */
export const accessSpecErrors = (spec: AccessSpec, subject?: SubjectSpec): FieldError[] => {
  const errors: FieldError[] = []
  const { resourceAttributes, nonResourceAttributes } = spec
  if (resourceAttributes && nonResourceAttributes) {
    const why = 'cannot be specified in combination with resourceAttributes'
    errors.push(invalidField('spec.nonResourceAttributes', nonResourceAttributes, why))
  }
  if (!resourceAttributes && !nonResourceAttributes) {
    const why = 'exactly one of nonResourceAttributes or resourceAttributes must be specified'
    errors.push(invalidField('spec.resourceAttributes', null, why))
  }
  if (subject && !subject.user && !subject.groups?.length) {
    const why = 'at least one of user or group must be specified'
    errors.push(invalidField('spec.user', '', why))
  }
  const path = 'spec.resourceAttributes'
  checkSelector(errors, `${path}.fieldSelector`, resourceAttributes?.fieldSelector, false)
  checkSelector(errors, `${path}.labelSelector`, resourceAttributes?.labelSelector, true)
  return errors
}

const checkSelector = (
  errors: FieldError[],
  path: string,
  selector: Selector | undefined,
  ofLabels: boolean,
): void => {
  if (!selector) return
  const { rawSelector, requirements = [] } = selector
  if (rawSelector && requirements.length > 0) {
    const why = 'may not specified at the same time as requirements'
    errors.push(invalidField(`${path}.rawSelector`, rawSelector, why))
  }
  if (!rawSelector && requirements.length === 0) {
    const why = `when ${path} is specified, requirements or rawSelector is required`
    errors.push(requiredField(`${path}.requirements`, why))
  }
  for (const [index, requirement] of requirements.entries())
    checkRequirement(errors, `${path}.requirements[${index}]`, requirement, ofLabels)
}

/** Operators that are unknown here are let through: a newer client may know more. */
const checkRequirement = (
  errors: FieldError[],
  at: string,
  { key, operator, values = [] }: NonNullable<Selector['requirements']>[number],
  ofLabels: boolean,
): void => {
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) {
      const why = "must be specified when `operator` is 'In' or 'NotIn'"
      errors.push(requiredField(`${at}.values`, why))
    }
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0) {
      const why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
      errors.push(forbiddenField(`${at}.values`, why))
    }
  }
  if (!ofLabels) {
    if (!key) errors.push(requiredField(`${at}.key`, 'must be specified'))
    return
  }
  checkQualifiedName(errors, `${at}.key`, key)
  for (const [index, value] of values.entries())
    checkLabelValue(errors, `${at}.values[${index}]`, value)
}

/** A review is no object: its metadata is empty, but for the namespace of a local one. */
export const emptyMetadataErrors = (
  metadata: Partial<ObjectMeta>,
  mayHaveNamespace: boolean,
): FieldError[] => {
  const { managedFields: _, namespace, ...rest } = metadata
  const isEmpty = Object.values(rest).every((value) => value === null || value === undefined)
  if (isEmpty && (mayHaveNamespace || !namespace)) return []
  const why = mayHaveNamespace ? 'must be empty except for namespace' : 'must be empty'
  return [invalidField('metadata', metadata, why)]
}
