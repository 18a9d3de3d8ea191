/**
 * MutatingWebhookConfiguration: programs that are asked about requests; each changes objects on their way in.
 */
import type { V1MutatingWebhookConfiguration } from '@kubernetes/client-node'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { staticNameWarnings } from '../core/warning-rules.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { loadCompiler } from './admission-expressions.ts'
import { applyWebhookDefaults, webhookErrors } from './webhook-validation.ts'

export type MutatingWebhookConfiguration = WireObject<V1MutatingWebhookConfiguration>

export const MutatingWebhookConfiguration = defineKind<MutatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
  singular: 'mutatingwebhookconfiguration',
  categories: ['api-extensions'],
  namespaced: false,
  model: 'V1MutatingWebhookConfiguration',
  tracksGeneration: true,
  load: loadCompiler,
  applyDefaults: ({ webhooks }) => {
    applyWebhookDefaults(webhooks)
    for (const webhook of webhooks ?? []) webhook.reinvocationPolicy ??= 'Never'
  },
  validate: ({ webhooks }, old) => webhookErrors(webhooks, old && (old.webhooks ?? [])),
  warnings: staticNameWarnings,
  columns: [
    nameColumn,
    column('Webhooks', 'Number of webhooks.', ({ webhooks }) => webhooks?.length ?? 0, 'integer'),
    ageColumn,
  ],
})
