/**
 * Deployment: its declaration, defaults, validation and columns.
 */
import type { V1Deployment } from '@kubernetes/client-node'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'

export type Deployment = WireObject<V1Deployment>

export const Deployment = defineKind<Deployment>({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  singular: 'deployment',
  shortNames: ['deploy'],
  namespaced: true,
  model: 'V1Deployment',
  statusSubresource: true,
  tracksGeneration: true,
  columns: [],
})
