/**
 * APIService for the test of every kind.
 */
import { APIService } from '../../../src/api/apiregistration/api-service.ts'
import type { KindCase } from '../kind-case.ts'

const REQUIRED = 'FieldValueRequired'
const INVALID = 'FieldValueInvalid'

export const cases: KindCase = {
  kind: APIService,
  minimal: {
    metadata: { name: 'v1.flavors.example.com' },
    spec: {
      group: 'flavors.example.com',
      version: 'v1',
      groupPriorityMinimum: 100,
      versionPriority: 10,
    },
  },
  defaults: {
    status: {
      conditions: [
        {
          type: 'Available',
          status: 'True',
          reason: 'Local',
          message: 'Local APIServices are always available',
        },
      ],
    },
  },
  bad: [
    {
      name: 'another name',
      change: (apiService) => {
        apiService.metadata.name = 'v1.other'
      },
      causes: [
        {
          field: 'metadata.name',
          reason: INVALID,
          message:
            'Invalid value: "v1.other": must be `spec.version+"."+spec.group`: "v1.flavors.example.com"',
        },
      ],
    },
    {
      name: 'no group, no priority, no server that could be checked',
      change: (apiService) => {
        apiService.metadata.name = 'v2.'
        apiService.spec = { version: 'v2', caBundle: 'YWJj', insecureSkipTLSVerify: true }
      },
      causes: [
        {
          field: 'spec.group',
          reason: REQUIRED,
          message: 'Required value: only v1 may have an empty group and it better be legacy kube',
        },
        {
          field: 'spec.groupPriorityMinimum',
          reason: INVALID,
          message: 'Invalid value: 0: must be positive and less than 20000',
        },
        {
          field: 'spec.versionPriority',
          reason: INVALID,
          message: 'Invalid value: 0: must be positive and less than 1000',
        },
        {
          field: 'spec.caBundle',
          reason: INVALID,
          message: 'Invalid value: "3 bytes": local APIServices may not have a caBundle',
        },
        { field: 'spec.insecureSkipTLSVerify', reason: INVALID },
      ],
    },
    {
      name: 'a server without a name, trusted and not trusted',
      change: (apiService) => {
        apiService.spec.service = { port: 70_000 }
        apiService.spec.caBundle = 'YWJj'
        apiService.spec.insecureSkipTLSVerify = true
      },
      causes: [
        { field: 'spec.service.namespace', reason: REQUIRED },
        { field: 'spec.service.name', reason: REQUIRED },
        {
          field: 'spec.service.port',
          reason: INVALID,
          message:
            'Invalid value: 70000: port is not valid: must be between 1 and 65535, inclusive',
        },
        {
          field: 'spec.insecureSkipTLSVerify',
          reason: INVALID,
          message: 'Invalid value: true: may not be true if caBundle is present',
        },
      ],
    },
  ],
  change: (apiService) => {
    apiService.spec.versionPriority = 20
  },
  status: { conditions: [{ type: 'Available', status: 'False', reason: 'MissingEndpoints' }] },
  cells: ['v1.flavors.example.com', 'Local', 'True'],
}
