/**
 * Pod: its declaration, defaults, validation and columns.
 */
import type { V1Pod } from '@kubernetes/client-node'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'

export type Pod = WireObject<V1Pod>

export const Pod = defineKind<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  singular: 'pod',
  shortNames: ['po'],
  namespaced: true,
  model: 'V1Pod',
  statusSubresource: true,
  tracksGeneration: true,
  columns: [],
})
