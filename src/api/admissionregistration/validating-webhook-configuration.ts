/**
 * ValidatingWebhookConfiguration: programs that are asked about requests; each may refuse what is about to be stored.
 */
import type { V1ValidatingWebhookConfiguration } from '@kubernetes/client-node'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { staticNameWarnings } from '../core/warning-rules.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { loadCompiler } from './admission-expressions.ts'
import { applyWebhookDefaults, webhookErrors } from './webhook-validation.ts'

export type ValidatingWebhookConfiguration = WireObject<V1ValidatingWebhookConfiguration>

export const ValidatingWebhookConfiguration = defineKind<ValidatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingWebhookConfiguration',
  plural: 'validatingwebhookconfigurations',
  singular: 'validatingwebhookconfiguration',
  categories: ['api-extensions'],
  namespaced: false,
  model: 'V1ValidatingWebhookConfiguration',
  tracksGeneration: true,
  load: loadCompiler,
  applyDefaults: ({ webhooks }) => applyWebhookDefaults(webhooks),
  validate: ({ webhooks }, old) => webhookErrors(webhooks, old && (old.webhooks ?? [])),
  warnings: staticNameWarnings,
  columns: [
    nameColumn,
    column('Webhooks', 'Number of webhooks.', ({ webhooks }) => webhooks?.length ?? 0, 'integer'),
    ageColumn,
  ],
})
