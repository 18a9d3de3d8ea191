/**
 * MutatingAdmissionPolicy for the test of every kind.
 */
import { MutatingAdmissionPolicy } from '../../../src/api/admissionregistration/mutating-admission-policy.ts'
import type { KindCase } from '../kind-case.ts'

const REQUIRED = 'FieldValueRequired'
const pods = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }

export const cases: KindCase = {
  kind: MutatingAdmissionPolicy,
  minimal: {
    metadata: { name: 'labels.example.com' },
    spec: {
      matchConstraints: { resourceRules: [pods] },
      reinvocationPolicy: 'Never',
      mutations: [
        {
          patchType: 'ApplyConfiguration',
          applyConfiguration: {
            expression: 'Object{metadata: Object.metadata{labels: {"a": "b"}}}',
          },
        },
        {
          patchType: 'JSONPatch',
          jsonPatch: {
            expression: '[JSONPatch{op: "add", path: "/metadata/labels/c", value: "d"}]',
          },
        },
      ],
    },
  },
  defaults: {
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        matchPolicy: 'Equivalent',
        namespaceSelector: {},
        objectSelector: {},
        resourceRules: [{ ...pods, scope: '*' }],
      },
    },
  },
  bad: [
    {
      name: 'a policy of nothing',
      change: (policy) => {
        policy.spec = { matchConstraints: {} }
      },
      causes: [
        { field: 'spec.matchConstraints.resourceRules', reason: REQUIRED },
        {
          field: 'spec.mutations',
          reason: REQUIRED,
          message: 'Required value: mutations must contain at least one item',
        },
        { field: 'spec.reinvocationPolicy', reason: REQUIRED },
      ],
    },
    {
      name: 'mutations that are not what they say',
      change: (policy) => {
        policy.spec.matchConstraints.resourceRules[0].operations = ['DELETE']
        const [apply, patch] = policy.spec.mutations
        policy.spec.mutations = [
          { ...apply, patchType: 'JSONPatch' },
          { ...patch, jsonPatch: { expression: 'true' } },
          { patchType: 'Merge' },
        ]
      },
      causes: [
        {
          field: 'spec.matchConstraints.resourceRules.operations',
          reason: 'FieldValueNotSupported',
          message:
            'Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"',
        },
        {
          field: 'spec.mutations[0].jsonPatch',
          reason: REQUIRED,
          message: 'Required value: must be specified when patchType is JSONPatch',
        },
        {
          field: 'spec.mutations[0].applyConfiguration',
          reason: 'FieldValueInvalid',
          message:
            'Invalid value: "{applyConfiguration}": must not be specified when patchType is JSONPatch',
        },
        {
          field: 'spec.mutations[1].jsonPatch.expression',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "true": must evaluate to list(JSONPatch) but got bool',
        },
        {
          field: 'spec.mutations[2].patchType',
          reason: 'FieldValueNotSupported',
          message:
            'Unsupported value: "Merge": supported values: "ApplyConfiguration", "JSONPatch"',
        },
      ],
    },
  ],
  change: (policy) => {
    policy.spec.failurePolicy = 'Ignore'
  },
  cells: ['labels.example.com', 2, '<unset>'],
}
