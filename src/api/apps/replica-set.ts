/**
 * ReplicaSet: its declaration, defaults, validation and columns.
 */
import type { V1ReplicaSet } from '@kubernetes/client-node'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'

export type ReplicaSet = WireObject<V1ReplicaSet>

export const ReplicaSet = defineKind<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  singular: 'replicaset',
  shortNames: ['rs'],
  namespaced: true,
  model: 'V1ReplicaSet',
  statusSubresource: true,
  tracksGeneration: true,
  columns: [],
})
