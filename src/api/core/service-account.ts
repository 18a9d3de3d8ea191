/**
 * ServiceAccount: an identity for what runs in pods.
 *
 * Kubernetes 1.36 lists it by name and age only; references to secrets are reduced to their names.
 */
import type { V1ServiceAccount } from '@kubernetes/client-node'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { ageColumn, nameColumn } from './columns.ts'
import { annotationWarnings } from './warning-rules.ts'

export type ServiceAccount = WireObject<V1ServiceAccount>

const MOUNTABLE = [
  'kubernetes.io/enforce-mountable-secrets',
  'deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets',
] as const

const keepSecretNames = (account: ServiceAccount): void => {
  if (account.secrets) account.secrets = account.secrets.map(({ name }) => ({ name }))
}

export const ServiceAccount = defineKind<ServiceAccount>({
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  singular: 'serviceaccount',
  shortNames: ['sa'],
  namespaced: true,
  model: 'V1ServiceAccount',
  prepareForCreate: keepSecretNames,
  prepareForUpdate: keepSecretNames,
  warnings: ({ metadata }, old) =>
    old?.metadata.annotations?.[MOUNTABLE[0]] === undefined
      ? annotationWarnings(metadata, [MOUNTABLE])
      : [],
  columns: [nameColumn, ageColumn],
})
