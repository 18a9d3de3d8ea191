/**
 * Secret: its declaration, defaults, validation and columns.
 */
import type { V1Secret } from '@kubernetes/client-node'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'

export type Secret = WireObject<V1Secret>

export const Secret = defineKind<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  singular: 'secret',
  namespaced: true,
  model: 'V1Secret',
  columns: [],
})
