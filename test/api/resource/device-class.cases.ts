/**
 * DeviceClass for the test of every kind.
 */
import { DeviceClass } from '../../../src/api/resource/device-class.ts'
import type { KindCase } from '../kind-case.ts'

const REQUIRED = 'FieldValueRequired'
const INVALID = 'FieldValueInvalid'

export const cases: KindCase = {
  kind: DeviceClass,
  minimal: {
    metadata: { name: 'gpu.example.com' },
    spec: {
      selectors: [
        {
          cel: {
            expression:
              'device.driver == "gpu.example.com" && device.attributes["gpu.example.com"].model == "a"',
          },
        },
      ],
    },
  },
  defaults: { metadata: { generation: 1 } },
  bad: [
    {
      name: 'selectors that do not compile, give no bool, are none',
      change: (deviceClass) => {
        deviceClass.spec.selectors = [
          { cel: { expression: 'device.nothing' } },
          { cel: { expression: 'device.driver' } },
          {},
        ]
      },
      causes: [
        {
          field: 'spec.selectors[0].cel.expression',
          reason: INVALID,
          message: /undefined field 'nothing'/,
        },
        {
          field: 'spec.selectors[1].cel.expression',
          reason: INVALID,
          message:
            'Invalid value: "device.driver": must evaluate to bool or the unknown type, not string',
        },
        { field: 'spec.selectors[2].cel', reason: REQUIRED },
      ],
    },
    {
      name: 'configurations that are none',
      change: (deviceClass) => {
        deviceClass.spec.config = [{}, { opaque: { driver: 'A B', parameters: [] } }]
        deviceClass.spec.extendedResourceName = 'cpu'
      },
      causes: [
        { field: 'spec.config[0].opaque', reason: REQUIRED },
        { field: 'spec.config[1].opaque.driver', reason: INVALID },
        {
          field: 'spec.config[1].opaque.parameters',
          reason: INVALID,
          message: 'Invalid value: "<value omitted>": must be a valid JSON object',
        },
        {
          field: 'spec.extendedResourceName',
          reason: INVALID,
          message: 'Invalid value: "cpu": must be a valid extended resource name',
        },
      ],
    },
  ],
  change: (deviceClass) => {
    deviceClass.spec.extendedResourceName = 'example.com/gpu'
  },
  cells: ['gpu.example.com'],
}
