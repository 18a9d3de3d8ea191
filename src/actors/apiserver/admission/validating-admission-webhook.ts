/**
 * ValidatingAdmissionWebhook: programs outside of the apiserver may refuse what is about to be stored.
 *
 * Which ones are asked is found by maps; what asks them is loaded with the first that is.
 */
import { isExempt } from './dynamic-admission.ts'
import type { AdmissionPlugin } from './plugin.ts'

export const validatingAdmissionWebhook: AdmissionPlugin = {
  name: 'ValidatingAdmissionWebhook',
  handles: (kind) => !isExempt(kind),
  validate: (attributes) => {
    const { services, kind, operation, subresource } = attributes
    const { validatingWebhooks } = services.dynamicAdmission
    const candidates = validatingWebhooks.candidates(kind, operation, subresource)
    if (candidates.length === 0) return undefined
    return import('./webhooks/validating-webhooks.ts').then(async ({ callValidatingWebhooks }) => {
      await callValidatingWebhooks(attributes, candidates)
      return undefined
    })
  },
}
