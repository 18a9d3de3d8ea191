/**
 * ResourceSlice for the test of every kind.
 */
import { ResourceSlice } from '../../../src/api/resource/resource-slice.ts'
import type { KindCase } from '../kind-case.ts'

const REQUIRED = 'FieldValueRequired'
const INVALID = 'FieldValueInvalid'

export const cases: KindCase = {
  kind: ResourceSlice,
  minimal: {
    metadata: { name: 'node-1-gpus' },
    spec: {
      driver: 'gpu.example.com',
      nodeName: 'node-1',
      pool: { name: 'node-1', generation: 1, resourceSliceCount: 1 },
      devices: [
        {
          name: 'gpu-0',
          attributes: { model: { string: 'a' }, 'gpu.example.com/cores': { int: 8 } },
          capacity: { memory: { value: '1024Mi' } },
          taints: [{ key: 'example.com/broken', effect: 'NoSchedule' }],
        },
      ],
    },
  },
  defaults: {
    metadata: { generation: 1 },
    spec: { devices: [{ name: 'gpu-0', capacity: { memory: { value: '1Gi' } } }] },
  },
  bad: [
    {
      name: 'a slice of nothing',
      change: (slice) => {
        slice.spec = { driver: '', pool: { name: '', resourceSliceCount: 0, generation: -1 } }
      },
      causes: [
        { field: 'spec.driver', reason: REQUIRED },
        { field: 'spec.pool.name', reason: REQUIRED },
        {
          field: 'spec.pool.resourceSliceCount',
          reason: INVALID,
          message: 'Invalid value: 0: must be greater than zero',
        },
        {
          field: 'spec.pool.generation',
          reason: INVALID,
          message: 'Invalid value: -1: must be greater than or equal to zero',
        },
        {
          field: 'spec',
          reason: REQUIRED,
          message:
            'Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required',
        },
      ],
    },
    {
      name: 'devices in two places, whose names and values are none',
      change: ({ spec }) => {
        spec.allNodes = true
        spec.devices = [
          {
            name: 'gpu 0',
            nodeName: 'node-1',
            attributes: { 'a-b': { string: 'x', bool: true }, c: {}, d: { version: '1' } },
          },
          { name: 'gpu-1', consumesCounters: [{ counterSet: '', counters: {} }] },
          { name: 'gpu-1', bindingConditions: ['a'], taints: [{ key: '', effect: 'Never' }] },
        ]
      },
      causes: [
        {
          field: 'spec',
          reason: INVALID,
          message: /^Invalid value: "{`nodeName`, `allNodes`}": exactly one of/,
        },
        { field: 'spec.devices[0].name', reason: INVALID },
        {
          field: 'spec.devices[0].attributes',
          reason: INVALID,
          message: /a valid C identifier must start with alphabetic character or '_'/,
        },
        {
          field: 'spec.devices[0].attributes[a-b]',
          reason: INVALID,
          message: /exactly one value must be specified$/,
        },
        { field: 'spec.devices[0].attributes[c]', reason: INVALID },
        {
          field: 'spec.devices[0].attributes[d].version',
          reason: INVALID,
          message: 'Invalid value: "1": must be a string compatible with semver.org spec 2.0.0',
        },
        {
          field: 'spec.devices[0]',
          reason: INVALID,
          message: /can only be set if `perDeviceNodeSelection` is set to true/,
        },
        { field: 'spec.devices[1].consumesCounters[0].counterSet', reason: REQUIRED },
        { field: 'spec.devices[1].consumesCounters[0].counters', reason: REQUIRED },
        { field: 'spec.devices[2].taints[0].key', reason: INVALID },
        { field: 'spec.devices[2].taints[0].key', reason: INVALID },
        {
          field: 'spec.devices[2].taints[0].effect',
          reason: 'FieldValueNotSupported',
          message:
            'Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "None"',
        },
        {
          field: 'spec.devices[2].bindingFailureConditions',
          reason: INVALID,
          message: /bindingFailureConditions are required to use bindingConditions$/,
        },
        { field: 'spec.devices[2]', reason: 'FieldValueDuplicate' },
      ],
    },
    {
      name: 'amounts that nobody may ask for',
      change: ({ spec: { devices } }) => {
        const [device] = devices
        device.allowMultipleAllocations = true
        device.capacity = {
          a: { value: '4', requestPolicy: { default: '3', validValues: ['1', '5'] } },
          b: {
            value: '10',
            requestPolicy: { default: '1', validRange: { min: '2', max: '20', step: '3' } },
          },
        }
      },
      causes: [
        {
          field: 'spec.devices[0].capacity[a].requestPolicy.validValues[1]',
          reason: INVALID,
          message: 'Invalid value: "5": option is larger than capacity value: 4',
        },
        {
          field: 'spec.devices[0].capacity[a].requestPolicy.validValues',
          reason: INVALID,
          message: 'Invalid value: "3": default value is not valid according to the requestPolicy',
        },
        {
          field: 'spec.devices[0].capacity[b].requestPolicy.validRange.default',
          reason: INVALID,
          message: 'Invalid value: "1": default is less than min: 2',
        },
        {
          field: 'spec.devices[0].capacity[b].requestPolicy.validRange.max',
          reason: INVALID,
          message: 'Invalid value: "20": max is larger than capacity value: 10',
        },
        {
          field: 'spec.devices[0].capacity[b].requestPolicy.validRange.step',
          reason: INVALID,
          message: 'Invalid value: "1": value is not a multiple of a given step (3) from (2)',
        },
      ],
    },
  ],
  immutable: [
    {
      name: 'whose devices they are and where',
      change: ({ spec }) => {
        spec.driver = 'other.example.com'
        spec.pool.name = 'other'
        spec.nodeName = 'node-2'
      },
      causes: ['pool.name', 'driver', 'nodeName'].map((field) => ({
        field: `spec.${field}`,
        reason: INVALID,
        message: /field is immutable$/,
      })),
    },
  ],
  change: ({ spec }) => {
    spec.pool.generation = 2
  },
  cells: ['node-1-gpus', 'node-1', 'gpu.example.com', 'node-1'],
}
