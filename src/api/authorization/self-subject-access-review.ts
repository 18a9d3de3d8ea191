/**
 * SelfSubjectAccessReview: asks whether the asker may do something. The answer is its status; nothing is
 * stored.
 */
import type { V1SelfSubjectAccessReview } from '@kubernetes/client-node'
import { nameColumn } from '../core/columns.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { accessSpecErrors, emptyMetadataErrors } from './access-review-validation.ts'

export type SelfSubjectAccessReview = WireObject<V1SelfSubjectAccessReview>

export const SelfSubjectAccessReview = defineKind<SelfSubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
  singular: 'selfsubjectaccessreview',
  namespaced: false,
  isVirtual: true,
  model: 'V1SelfSubjectAccessReview',
  validate: ({ spec = {}, metadata }) => [
    ...accessSpecErrors(spec),
    ...emptyMetadataErrors(metadata, false),
  ],
  columns: [nameColumn],
})
