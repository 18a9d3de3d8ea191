/**
 * MutatingAdmissionPolicy: policies in CEL may change what is about to be stored.
 *
 * Which ones are about a request is found by maps; what evaluates them is loaded with the first that is.
 */
import { isExemptFromPolicies } from './dynamic-admission.ts'
import type { AdmissionPlugin } from './plugin.ts'

export const mutatingAdmissionPolicy: AdmissionPlugin = {
  name: 'MutatingAdmissionPolicy',
  handles: (kind) => !isExemptFromPolicies(kind),
  mutate: (attributes) => {
    const { services, kind, operation, subresource } = attributes
    const { mutatingPolicies } = services.dynamicAdmission
    const candidates = mutatingPolicies.candidates(kind, operation, subresource)
    if (candidates.length === 0) return undefined
    return import('./policies/mutating-policies.ts').then(({ applyMutatingPolicies }) =>
      applyMutatingPolicies(attributes, candidates),
    )
  },
}
