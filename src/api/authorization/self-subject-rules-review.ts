/**
 * SelfSubjectRulesReview: asks for all that the asker may do in a namespace. The answer is its status;
 * nothing is stored.
 */
import type { V1SelfSubjectRulesReview } from '@kubernetes/client-node'
import { nameColumn } from '../core/columns.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'

export type SelfSubjectRulesReview = WireObject<V1SelfSubjectRulesReview>

export const SelfSubjectRulesReview = defineKind<SelfSubjectRulesReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectRulesReview',
  plural: 'selfsubjectrulesreviews',
  singular: 'selfsubjectrulesreview',
  namespaced: false,
  isVirtual: true,
  model: 'V1SelfSubjectRulesReview',
  columns: [nameColumn],
})
