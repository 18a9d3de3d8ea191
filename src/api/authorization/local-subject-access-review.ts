/**
 * LocalSubjectAccessReview: asks whether somebody may do something in one namespace. The answer is its
 * status; nothing is stored.
 */
import type { V1LocalSubjectAccessReview } from '@kubernetes/client-node'
import { nameColumn } from '../core/columns.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { type FieldError, invalidField } from '../status-error.ts'
import { accessSpecErrors, emptyMetadataErrors } from './access-review-validation.ts'

export type LocalSubjectAccessReview = WireObject<V1LocalSubjectAccessReview>

const validate = ({ spec = {}, metadata }: LocalSubjectAccessReview): FieldError[] => {
  const errors = [...accessSpecErrors(spec, spec), ...emptyMetadataErrors(metadata, true)]
  const { resourceAttributes, nonResourceAttributes } = spec
  const namespace = resourceAttributes?.namespace ?? ''
  if (resourceAttributes && namespace !== (metadata.namespace ?? ''))
    errors.push(
      invalidField('spec.resourceAttributes.namespace', namespace, 'must match metadata.namespace'),
    )
  if (nonResourceAttributes) {
    const why = 'disallowed on this kind of request'
    errors.push(invalidField('spec.nonResourceAttributes', nonResourceAttributes, why))
  }
  return errors
}

export const LocalSubjectAccessReview = defineKind<LocalSubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'LocalSubjectAccessReview',
  plural: 'localsubjectaccessreviews',
  singular: 'localsubjectaccessreview',
  namespaced: true,
  isVirtual: true,
  model: 'V1LocalSubjectAccessReview',
  validate,
  columns: [nameColumn],
})
