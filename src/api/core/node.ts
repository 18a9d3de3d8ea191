/**
 * Node: its declaration, defaults, validation and columns.
 */
import type { V1Node } from '@kubernetes/client-node'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'

export type Node = WireObject<V1Node>

export const Node = defineKind<Node>({
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  singular: 'node',
  shortNames: ['no'],
  namespaced: false,
  model: 'V1Node',
  statusSubresource: true,
  columns: [],
})
