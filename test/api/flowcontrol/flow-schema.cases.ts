/**
 * FlowSchema for the test of every kind.
 */
import { FlowSchema } from '../../../src/api/flowcontrol/flow-schema.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: FlowSchema,
  minimal: {
    metadata: { name: 'mine' },
    spec: { priorityLevelConfiguration: { name: 'workload-low' } },
  },
  defaults: { spec: { matchingPrecedence: 1000 }, status: {} },
  bad: [
    {
      name: 'no level, and the precedence of another',
      change: (schema) => {
        schema.spec = {
          priorityLevelConfiguration: { name: '' },
          matchingPrecedence: 1,
          distinguisherMethod: { type: 'ByMood' },
        }
      },
      causes: [
        {
          field: 'spec.matchingPrecedence',
          reason: 'FieldValueInvalid',
          message: "Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
        },
        { field: 'spec.distinguisherMethod.type', reason: 'FieldValueNotSupported' },
        {
          field: 'spec.priorityLevelConfiguration.name',
          reason: 'FieldValueRequired',
          message: 'Required value: must reference a priority level',
        },
      ],
    },
    {
      name: 'rules about nobody and nothing',
      change: (schema) => {
        schema.spec.rules = [
          { subjects: [{ kind: 'User', group: { name: 'a' } }] },
          {
            subjects: [{ kind: 'Group', group: { name: 'a' } }],
            resourceRules: [{ verbs: ['look'], apiGroups: ['*', 'apps'], resources: [] }],
            nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['healthz', '/a*b'] }],
          },
        ]
      },
      causes: [
        {
          field: 'spec.rules[0].subjects[0].user',
          reason: 'FieldValueRequired',
          message: "Required value: user is required when subject kind is 'User'",
        },
        {
          field: 'spec.rules[0].subjects[0].group',
          reason: 'FieldValueForbidden',
          message: "Forbidden: group is forbidden when subject kind is not 'Group'",
        },
        { field: 'spec.rules[0]', reason: 'FieldValueRequired' },
        { field: 'spec.rules[1].resourceRules[0].verbs', reason: 'FieldValueNotSupported' },
        {
          field: 'spec.rules[1].resourceRules[0].apiGroups',
          reason: 'FieldValueInvalid',
          message:
            'Invalid value: ["*","apps"]: if \'*\' is present, must not specify other api groups',
        },
        { field: 'spec.rules[1].resourceRules[0].resources', reason: 'FieldValueRequired' },
        { field: 'spec.rules[1].resourceRules[0].namespaces', reason: 'FieldValueRequired' },
        {
          field: 'spec.rules[1].nonResourceRules[0].nonResourceURLs[0]',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "healthz": must start with slash',
        },
        {
          field: 'spec.rules[1].nonResourceRules[0].nonResourceURLs[1]',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "/a*b": wildcard can only do suffix matching',
        },
      ],
    },
  ],
  change: (schema) => {
    schema.spec.matchingPrecedence = 2000
  },
  status: { conditions: [{ type: 'Dangling', status: 'False' }] },
  cells: ['mine', 'workload-low', 1000, '<none>', /^(\?|False)$/],
}
