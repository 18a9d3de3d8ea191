/**
 * ConfigMap: its declaration, defaults, validation and columns.
 */
import type { V1ConfigMap } from '@kubernetes/client-node'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'

export type ConfigMap = WireObject<V1ConfigMap>

export const ConfigMap = defineKind<ConfigMap>({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  singular: 'configmap',
  shortNames: ['cm'],
  namespaced: true,
  model: 'V1ConfigMap',
  columns: [],
})
