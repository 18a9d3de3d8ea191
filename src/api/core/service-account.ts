/**
 * ServiceAccount: its declaration, defaults, validation and columns.
 */
import type { V1ServiceAccount } from '@kubernetes/client-node'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'

export type ServiceAccount = WireObject<V1ServiceAccount>

export const ServiceAccount = defineKind<ServiceAccount>({
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  singular: 'serviceaccount',
  shortNames: ['sa'],
  namespaced: true,
  model: 'V1ServiceAccount',
  columns: [],
})
