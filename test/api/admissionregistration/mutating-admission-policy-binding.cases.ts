/**
 * MutatingAdmissionPolicyBinding for the test of every kind.
 */
import { MutatingAdmissionPolicyBinding } from '../../../src/api/admissionregistration/mutating-admission-policy-binding.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: MutatingAdmissionPolicyBinding,
  minimal: { metadata: { name: 'labels.example.com' }, spec: { policyName: 'labels.example.com' } },
  defaults: { metadata: { generation: 1 }, spec: { policyName: 'labels.example.com' } },
  bad: [
    {
      name: 'a policy whose name is none',
      change: (binding) => {
        binding.spec.policyName = 'A'
      },
      causes: [
        {
          field: 'spec.policyName',
          reason: 'FieldValueInvalid',
          message: /^Invalid value: "A": a lowercase RFC 1123 subdomain/,
        },
      ],
    },
  ],
  change: (binding) => {
    binding.spec.policyName = 'other.example.com'
  },
  cells: ['labels.example.com', 'labels.example.com', '<unset>'],
}
