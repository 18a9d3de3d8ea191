/**
 * Namespace: its declaration, defaults, validation and columns.
 */
import type { V1Namespace } from '@kubernetes/client-node'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'

export type Namespace = WireObject<V1Namespace>

export const Namespace = defineKind<Namespace>({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  namespaced: false,
  model: 'V1Namespace',
  statusSubresource: true,
  columns: [],
})
