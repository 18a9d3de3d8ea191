/**
 * ValidatingAdmissionPolicyBinding for the test of every kind.
 */
import { ValidatingAdmissionPolicyBinding } from '../../../src/api/admissionregistration/validating-admission-policy-binding.ts'
import type { KindCase } from '../kind-case.ts'

const REQUIRED = 'FieldValueRequired'
const FORBIDDEN = 'FieldValueForbidden'

export const cases: KindCase = {
  kind: ValidatingAdmissionPolicyBinding,
  minimal: {
    metadata: { name: 'replicas.example.com' },
    spec: {
      policyName: 'replicas.example.com',
      validationActions: ['Deny'],
      matchResources: {},
      paramRef: { name: 'limits', namespace: 'default', parameterNotFoundAction: 'Deny' },
    },
  },
  defaults: {
    spec: {
      matchResources: { matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {} },
    },
  },
  bad: [
    {
      name: 'a binding of nothing',
      change: (binding) => {
        binding.spec = { policyName: '', validationActions: [], paramRef: {} }
      },
      causes: [
        { field: 'spec.policyName', reason: REQUIRED },
        {
          field: 'spec.paramRef',
          reason: REQUIRED,
          message: 'Required value: one of name or selector must be specified',
        },
        { field: 'spec.paramRef.parameterNotFoundAction', reason: REQUIRED },
        {
          field: 'spec.validationActions',
          reason: REQUIRED,
          message: 'Required value: at least one validation action is required',
        },
      ],
    },
    {
      name: 'actions that do not go together, parameters found twice',
      change: (binding) => {
        binding.spec.validationActions = ['Deny', 'Warn', 'Deny', 'Shout']
        binding.spec.paramRef.selector = {}
      },
      causes: [
        {
          field: 'spec.paramRef.name',
          reason: FORBIDDEN,
          message: 'Forbidden: name and selector are mutually exclusive',
        },
        { field: 'spec.paramRef.selector', reason: FORBIDDEN },
        { field: 'spec.validationActions[2]', reason: 'FieldValueDuplicate' },
        {
          field: 'spec.validationActions[3]',
          reason: 'FieldValueNotSupported',
          message: 'Unsupported value: "Shout": supported values: "Audit", "Deny", "Warn"',
        },
        {
          field: 'spec.validationActions',
          reason: 'FieldValueInvalid',
          message: /must not contain both Deny and Warn/,
        },
      ],
    },
  ],
  change: (binding) => {
    binding.spec.validationActions = ['Warn', 'Audit']
  },
  cells: ['replicas.example.com', 'replicas.example.com', 'default/limits'],
}
