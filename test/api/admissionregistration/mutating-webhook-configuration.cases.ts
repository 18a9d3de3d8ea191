/**
 * MutatingWebhookConfiguration for the test of every kind.
 */
import { MutatingWebhookConfiguration } from '../../../src/api/admissionregistration/mutating-webhook-configuration.ts'
import type { KindCase } from '../kind-case.ts'

const REQUIRED = 'FieldValueRequired'
const INVALID = 'FieldValueInvalid'
const UNSUPPORTED = 'FieldValueNotSupported'

export const cases: KindCase = {
  kind: MutatingWebhookConfiguration,
  minimal: {
    metadata: { name: 'checks.example.com' },
    webhooks: [
      {
        name: 'pods.checks.example.com',
        clientConfig: { service: { name: 'checks', namespace: 'default' } },
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        rules: [
          { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] },
        ],
        matchConditions: [{ name: 'named', expression: 'object.metadata.name != "x"' }],
      },
    ],
  },
  defaults: {
    webhooks: [
      {
        name: 'pods.checks.example.com',
        clientConfig: { service: { name: 'checks', namespace: 'default', port: 443 } },
        failurePolicy: 'Fail',
        matchPolicy: 'Equivalent',
        namespaceSelector: {},
        objectSelector: {},
        timeoutSeconds: 10,
        reinvocationPolicy: 'Never',
        rules: [
          {
            operations: ['CREATE'],
            apiGroups: [''],
            apiVersions: ['v1'],
            resources: ['pods'],
            scope: '*',
          },
        ],
      },
    ],
  },
  bad: [
    {
      name: 'a webhook of nothing',
      change: (configuration) => {
        configuration.webhooks = [{ name: '', sideEffects: 'Some', admissionReviewVersions: [] }]
      },
      causes: [
        { field: 'webhooks[0].name', reason: REQUIRED },
        {
          field: 'webhooks[0].sideEffects',
          reason: UNSUPPORTED,
          message: 'Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
        },
        {
          field: 'webhooks[0].clientConfig',
          reason: REQUIRED,
          message: 'Required value: exactly one of url or service is required',
        },
        {
          field: 'webhooks[0].admissionReviewVersions',
          reason: REQUIRED,
          message: 'Required value: must specify one of v1, v1beta1',
        },
      ],
    },
    {
      name: 'rules with wildcards beside others',
      change: (configuration) => {
        configuration.webhooks[0].reinvocationPolicy = 'Always'
        configuration.webhooks[0].rules = [
          {
            operations: ['*', 'PATCH'],
            apiGroups: ['*', ''],
            apiVersions: [],
            resources: ['pods/*', 'pods/log', '*', 'nodes'],
            scope: 'All',
          },
        ]
      },
      causes: [
        { field: 'webhooks[0].rules[0].operations', reason: INVALID, message: /other operations$/ },
        {
          field: 'webhooks[0].rules[0].operations[1]',
          reason: UNSUPPORTED,
          message:
            'Unsupported value: "PATCH": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"',
        },
        { field: 'webhooks[0].rules[0].apiGroups', reason: INVALID, message: /other API groups$/ },
        { field: 'webhooks[0].rules[0].apiVersions', reason: REQUIRED },
        {
          field: 'webhooks[0].rules[0].resources[1]',
          reason: INVALID,
          message: /if 'pods\/\*' is present, must not specify pods\/log$/,
        },
        {
          field: 'webhooks[0].rules[0].resources',
          reason: INVALID,
          message: /must not specify other resources without subresources$/,
        },
        { field: 'webhooks[0].rules[0].scope', reason: UNSUPPORTED },
        { field: 'webhooks[0].reinvocationPolicy', reason: UNSUPPORTED },
      ],
    },
    {
      name: 'a condition that does not compile, and one that gives no bool',
      change: (configuration) => {
        configuration.webhooks[0].matchConditions = [
          { name: 'a', expression: 'object.' },
          { name: 'a', expression: '"text"' },
        ]
      },
      causes: [
        {
          field: 'webhooks[0].matchConditions[0].expression',
          reason: INVALID,
          message: /^Invalid value: "object.": compilation failed: ERROR: <input>:1:8/,
        },
        {
          field: 'webhooks[0].matchConditions[1].expression',
          reason: INVALID,
          message: /must evaluate to bool but got string$/,
        },
        { field: 'webhooks[0].matchConditions[1].name', reason: 'FieldValueDuplicate' },
      ],
    },
  ],
  change: (configuration) => {
    configuration.webhooks[0].timeoutSeconds = 5
  },
  cells: ['checks.example.com', 1],
}
