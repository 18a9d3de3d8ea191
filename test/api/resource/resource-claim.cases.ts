/**
 * ResourceClaim for the test of every kind.
 */
import { ResourceClaim } from '../../../src/api/resource/resource-claim.ts'
import type { KindCase } from '../kind-case.ts'

const REQUIRED = 'FieldValueRequired'
const INVALID = 'FieldValueInvalid'

export const cases: KindCase = {
  kind: ResourceClaim,
  minimal: {
    metadata: { name: 'gpus' },
    spec: {
      devices: {
        requests: [
          { name: 'one', exactly: { deviceClassName: 'gpu.example.com' } },
          {
            name: 'either',
            firstAvailable: [
              { name: 'big', deviceClassName: 'big.example.com', tolerations: [{ key: 'a' }] },
              { name: 'all', deviceClassName: 'small.example.com', allocationMode: 'All' },
            ],
          },
        ],
        constraints: [{ requests: ['one', 'either/big'], matchAttribute: 'example.com/numa' }],
      },
    },
  },
  defaults: {
    spec: {
      devices: {
        requests: [
          {
            name: 'one',
            exactly: { deviceClassName: 'gpu.example.com', allocationMode: 'ExactCount', count: 1 },
          },
          {
            name: 'either',
            firstAvailable: [
              {
                name: 'big',
                deviceClassName: 'big.example.com',
                allocationMode: 'ExactCount',
                count: 1,
                tolerations: [{ key: 'a', operator: 'Equal' }],
              },
              { name: 'all', deviceClassName: 'small.example.com', allocationMode: 'All' },
            ],
          },
        ],
      },
    },
    status: {},
  },
  bad: [
    {
      name: 'requests of nothing, of both kinds, and twice',
      change: (claim) => {
        const { devices } = claim.spec
        const exactly = { deviceClassName: '', allocationMode: 'Some', count: 1 }
        devices.constraints = []
        devices.requests = [
          { name: 'a' },
          { name: 'A', exactly },
          { name: 'a', exactly, firstAvailable: [exactly] },
        ]
      },
      causes: [
        {
          field: 'spec.devices.requests[0]',
          reason: REQUIRED,
          message: 'Required value: exactly one of `exactly` or `firstAvailable` is required',
        },
        { field: 'spec.devices.requests[1].name', reason: INVALID },
        { field: 'spec.devices.requests[1].exactly.deviceClassName', reason: REQUIRED },
        {
          field: 'spec.devices.requests[1].exactly.allocationMode',
          reason: 'FieldValueNotSupported',
          message: 'Unsupported value: "Some": supported values: "All", "ExactCount"',
        },
        { field: 'spec.devices.requests[2]', reason: INVALID, message: /multiple fields are set$/ },
        {
          field: 'spec.devices.requests[2]',
          reason: 'FieldValueDuplicate',
          message: 'Duplicate value: "a"',
        },
      ],
    },
    {
      name: 'constraints and configurations about requests there are not',
      change: ({ spec: { devices } }) => {
        devices.constraints = [{ requests: ['one', 'two'], matchAttribute: 'numa' }, {}]
        devices.config = [{ requests: ['either/none'] }]
      },
      causes: [
        {
          field: 'spec.devices.constraints[0].requests[1]',
          reason: INVALID,
          message: /must be the name of a request in the claim/,
        },
        {
          field: 'spec.devices.constraints[0].matchAttribute',
          reason: INVALID,
          message: /a fully qualified name must be a domain and a name separated by a slash$/,
        },
        { field: 'spec.devices.constraints[1]', reason: REQUIRED },
        { field: 'spec.devices.config[0].requests[0]', reason: INVALID },
        { field: 'spec.devices.config[0].opaque', reason: REQUIRED },
      ],
    },
    {
      name: 'counts that do not fit, tolerations that are none',
      change: ({ spec: { devices } }) => {
        const [one, either] = devices.requests
        one.exactly.count = -1
        either.firstAvailable[1].count = 2
        either.firstAvailable[0].tolerations = [
          { key: 'a b', operator: 'Exists', value: 'c', effect: 'Never' },
        ]
      },
      causes: [
        {
          field: 'spec.devices.requests[0].exactly.count',
          reason: INVALID,
          message: 'Invalid value: -1: must be greater than zero',
        },
        { field: 'spec.devices.requests[1].firstAvailable[0].tolerations[0].key', reason: INVALID },
        {
          field: 'spec.devices.requests[1].firstAvailable[0].tolerations[0].value',
          reason: INVALID,
          message: 'Invalid value: "c": must be empty for operator `Exists`',
        },
        {
          field: 'spec.devices.requests[1].firstAvailable[0].tolerations[0].effect',
          reason: 'FieldValueNotSupported',
        },
        {
          field: 'spec.devices.requests[1].firstAvailable[1].count',
          reason: INVALID,
          message: "Invalid value: 2: must not be specified when allocationMode is 'All'",
        },
      ],
    },
  ],
  immutable: [
    {
      name: 'the spec',
      change: (claim) => {
        claim.spec.devices.requests[0].exactly.count = 2
      },
      causes: [{ field: 'spec', reason: INVALID, message: /field is immutable$/ }],
    },
  ],
  change: (claim) => {
    claim.metadata.labels = { a: 'b' }
  },
  status: {
    allocation: {
      devices: {
        results: [{ request: 'one', driver: 'gpu.example.com', pool: 'node-1', device: 'gpu-0' }],
      },
    },
    reservedFor: [{ resource: 'pods', name: 'web', uid: 'uid-1' }],
  },
  cells: ['gpus', 'pending'],
}
