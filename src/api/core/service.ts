/**
 * Service: its declaration, defaults, validation and columns.
 */
import type { V1Service } from '@kubernetes/client-node'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'

export type Service = WireObject<V1Service>

export const Service = defineKind<Service>({
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  singular: 'service',
  shortNames: ['svc'],
  namespaced: true,
  model: 'V1Service',
  statusSubresource: true,
  columns: [],
})
