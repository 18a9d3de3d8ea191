/**
 * TokenReview: asks whose bearer token this is. The answer is its status; nothing is stored.
 *
 * The apiserver answers from its own authentication (`reviews/token-review.ts`).
 */
import type { V1TokenReview } from '@kubernetes/client-node'
import { nameColumn } from '../core/columns.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'

export type TokenReview = WireObject<V1TokenReview>

export const TokenReview = defineKind<TokenReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenReview',
  plural: 'tokenreviews',
  singular: 'tokenreview',
  namespaced: false,
  isVirtual: true,
  model: 'V1TokenReview',
  columns: [nameColumn],
})
