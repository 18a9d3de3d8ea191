/**
 * ValidatingAdmissionPolicy: policies in CEL may refuse what is about to be stored.
 *
 * Which ones are about a request is found by maps; what evaluates them is loaded with the first that is.
 */
import { isExemptFromPolicies } from './dynamic-admission.ts'
import type { AdmissionPlugin } from './plugin.ts'

export const validatingAdmissionPolicy: AdmissionPlugin = {
  name: 'ValidatingAdmissionPolicy',
  handles: (kind) => !isExemptFromPolicies(kind),
  validate: (attributes) => {
    const { services, kind, operation, subresource } = attributes
    const { validatingPolicies } = services.dynamicAdmission
    const candidates = validatingPolicies.candidates(kind, operation, subresource)
    if (candidates.length === 0) return undefined
    return import('./policies/validating-policies.ts').then(
      async ({ enforceValidatingPolicies }) => {
        await enforceValidatingPolicies(attributes, candidates)
        return undefined
      },
    )
  },
}
