/**
 * EndpointSlice: its declaration, defaults, validation and columns.
 */
import type { V1EndpointSlice } from '@kubernetes/client-node'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'

export type EndpointSlice = WireObject<V1EndpointSlice>

export const EndpointSlice = defineKind<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  singular: 'endpointslice',
  namespaced: true,
  model: 'V1EndpointSlice',
  tracksGeneration: true,
  columns: [],
})
