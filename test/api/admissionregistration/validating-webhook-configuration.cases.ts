/**
 * ValidatingWebhookConfiguration for the test of every kind.
 */
import { ValidatingWebhookConfiguration } from '../../../src/api/admissionregistration/validating-webhook-configuration.ts'
import type { KindCase } from '../kind-case.ts'

const REQUIRED = 'FieldValueRequired'
const INVALID = 'FieldValueInvalid'
const UNSUPPORTED = 'FieldValueNotSupported'

export const cases: KindCase = {
  kind: ValidatingWebhookConfiguration,
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
      name: 'a URL that is none of a webhook, for a minute',
      change: (configuration) => {
        configuration.webhooks[0].clientConfig = { url: 'http://user@host/path?a=b#c' }
        configuration.webhooks[0].timeoutSeconds = 60
      },
      causes: [
        {
          field: 'webhooks[0].timeoutSeconds',
          reason: INVALID,
          message: 'Invalid value: 60: the timeout value must be between 1 and 30 seconds',
        },
        {
          field: 'webhooks[0].clientConfig.url',
          reason: INVALID,
          message:
            'Invalid value: "http": \'https\' is the only allowed URL scheme; desired format: https://host[/path]',
        },
        {
          field: 'webhooks[0].clientConfig.url',
          reason: INVALID,
          message: 'Invalid value: "user": user information is not permitted in the URL',
        },
        {
          field: 'webhooks[0].clientConfig.url',
          reason: INVALID,
          message: 'Invalid value: "c": fragments are not permitted in the URL',
        },
        {
          field: 'webhooks[0].clientConfig.url',
          reason: INVALID,
          message: 'Invalid value: "a=b": query parameters are not permitted in the URL',
        },
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
