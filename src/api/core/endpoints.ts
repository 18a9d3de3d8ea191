/**
 * Endpoints: its declaration, defaults, validation and columns.
 */
import type { V1Endpoints } from '@kubernetes/client-node'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'

export type Endpoints = WireObject<V1Endpoints>

export const Endpoints = defineKind<Endpoints>({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  singular: 'endpoints',
  shortNames: ['ep'],
  namespaced: true,
  model: 'V1Endpoints',
  columns: [],
})
