/**
 * ValidatingAdmissionPolicy for the test of every kind.
 */
import { ValidatingAdmissionPolicy } from '../../../src/api/admissionregistration/validating-admission-policy.ts'
import type { KindCase } from '../kind-case.ts'

const REQUIRED = 'FieldValueRequired'
const INVALID = 'FieldValueInvalid'
const deployments = {
  operations: ['CREATE', 'UPDATE'],
  apiGroups: ['apps'],
  apiVersions: ['v1'],
  resources: ['deployments'],
}

export const cases: KindCase = {
  kind: ValidatingAdmissionPolicy,
  minimal: {
    metadata: { name: 'replicas.example.com' },
    spec: {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      matchConstraints: { resourceRules: [deployments] },
      variables: [{ name: 'limit', expression: 'int(params.data.limit)' }],
      validations: [
        {
          expression: 'object.spec.replicas <= variables.limit',
          messageExpression: '"at most " + string(variables.limit)',
        },
        {
          expression:
            "authorizer.requestResource.check('scale').allowed() || authorizer.group('').resource('pods').check('get').allowed()",
        },
      ],
    },
  },
  defaults: {
    metadata: { generation: 1 },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        matchPolicy: 'Equivalent',
        namespaceSelector: {},
        objectSelector: {},
        resourceRules: [{ ...deployments, scope: '*' }],
      },
    },
    status: {},
  },
  bad: [
    {
      name: 'a policy of nothing',
      change: (policy) => {
        policy.spec = {}
      },
      causes: [
        { field: 'spec.matchConstraints', reason: REQUIRED },
        {
          field: 'spec.validations',
          reason: REQUIRED,
          message: 'Required value: validations or auditAnnotations must contain at least one item',
        },
        { field: 'spec.auditAnnotations', reason: REQUIRED },
      ],
    },
    {
      name: 'expressions that do not fit',
      change: (policy) => {
        policy.spec.variables.push({ name: 'in', expression: '1 +' })
        policy.spec.validations = [
          { expression: 'variables.limit', message: 'a\nb', reason: 'Gone' },
          { expression: 'variables.none == 1' },
        ]
      },
      causes: [
        {
          field: 'spec.variables[1].name',
          reason: INVALID,
          message: 'Invalid value: "in": must be a valid CEL identifier',
        },
        { field: 'spec.variables[1].expression', reason: INVALID, message: /compilation failed/ },
        {
          field: 'spec.validations[0].expression',
          reason: INVALID,
          message: 'Invalid value: "variables.limit": must evaluate to bool but got int',
        },
        {
          field: 'spec.validations[0].message',
          reason: INVALID,
          message: /message must not contain line breaks$/,
        },
        {
          field: 'spec.validations[0].reason',
          reason: 'FieldValueNotSupported',
          message: /"Forbidden", "Invalid", "RequestEntityTooLarge"$/,
        },
        {
          field: 'spec.validations[1].expression',
          reason: INVALID,
          message: /undefined field 'none'/,
        },
      ],
    },
    {
      name: 'params without a kind of them',
      change: (policy) => {
        delete policy.spec.paramKind
      },
      causes: [
        {
          field: 'spec.variables[0].expression',
          reason: INVALID,
          message: /undeclared reference to 'params'/,
        },
      ],
    },
    {
      name: 'parameters and audit annotations that are none',
      change: (policy) => {
        policy.spec.paramKind = { apiVersion: 'a/b/c', kind: 'Config_Map' }
        policy.spec.auditAnnotations = [
          { key: 'a b', valueExpression: '1' },
          { key: 'c', valueExpression: ' ' },
        ]
      },
      causes: [
        {
          field: 'spec.paramKind.apiVersion',
          reason: INVALID,
          message: 'Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
        },
        {
          field: 'spec.paramKind.kind',
          reason: INVALID,
          message: /may have mixed case, but should otherwise match: a DNS-1035 label/,
        },
        { field: 'spec.auditAnnotations[0].key', reason: INVALID },
        {
          field: 'spec.auditAnnotations[0].valueExpression',
          reason: INVALID,
          message: 'Invalid value: "1": must evaluate to one of [string null_type] but got int',
        },
        {
          field: 'spec.auditAnnotations[1].valueExpression',
          reason: REQUIRED,
          message: 'Required value: valueExpression is not specified',
        },
      ],
    },
  ],
  change: (policy) => {
    policy.spec.validations[0].message = 'too many'
  },
  status: { observedGeneration: 1, typeChecking: {} },
  cells: ['replicas.example.com', 2, 'v1/ConfigMap'],
}
