/**
 * MutatingAdmissionWebhook: programs outside of the apiserver may change what is about to be stored.
 *
 * Which ones are asked is found by maps; what asks them is loaded with the first that is.
 */
import { isExempt } from './dynamic-admission.ts'
import type { AdmissionPlugin } from './plugin.ts'

export const mutatingAdmissionWebhook: AdmissionPlugin = {
  name: 'MutatingAdmissionWebhook',
  handles: (kind) => !isExempt(kind),
  mutate: (attributes) => {
    const { services, kind, operation, subresource } = attributes
    const { mutatingWebhooks } = services.dynamicAdmission
    const candidates = mutatingWebhooks.candidates(kind, operation, subresource)
    if (candidates.length === 0) return undefined
    return import('./webhooks/mutating-webhooks.ts').then(({ callMutatingWebhooks }) =>
      callMutatingWebhooks(attributes, candidates),
    )
  },
}
