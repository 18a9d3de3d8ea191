/**
 * SubjectAccessReview: asks whether somebody may do something. The answer is its status; nothing is stored.
 */
import type { V1SubjectAccessReview } from '@kubernetes/client-node'
import { nameColumn } from '../core/columns.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { accessSpecErrors, emptyMetadataErrors } from './access-review-validation.ts'

export type SubjectAccessReview = WireObject<V1SubjectAccessReview>

export const SubjectAccessReview = defineKind<SubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  singular: 'subjectaccessreview',
  namespaced: false,
  isVirtual: true,
  model: 'V1SubjectAccessReview',
  validate: ({ spec = {}, metadata }) => [
    ...accessSpecErrors(spec, spec),
    ...emptyMetadataErrors(metadata, false),
  ],
  columns: [nameColumn],
})
