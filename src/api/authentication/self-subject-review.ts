/**
 * SelfSubjectReview: asks who the asker is. The answer is its status; nothing is stored.
 */
import type { V1SelfSubjectReview } from '@kubernetes/client-node'
import { nameColumn } from '../core/columns.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'

export type SelfSubjectReview = WireObject<V1SelfSubjectReview>

export const SelfSubjectReview = defineKind<SelfSubjectReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  singular: 'selfsubjectreview',
  namespaced: false,
  isVirtual: true,
  model: 'V1SelfSubjectReview',
  columns: [nameColumn],
})
