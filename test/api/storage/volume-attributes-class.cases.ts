/**
 * VolumeAttributesClass for the test of every kind.
 */
import { VolumeAttributesClass } from '../../../src/api/storage/volume-attributes-class.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: VolumeAttributesClass,
  minimal: {
    metadata: { name: 'silver' },
    driverName: 'disks.example.com',
    parameters: { iops: '500' },
  },
  defaults: { driverName: 'disks.example.com', parameters: { iops: '500' } },
  bad: [
    {
      name: 'neither driver nor parameters',
      change: (attributes) => {
        attributes.driverName = ''
        delete attributes.parameters
      },
      causes: [
        { field: 'driverName', reason: 'FieldValueRequired' },
        {
          field: 'parameters',
          reason: 'FieldValueRequired',
          message: 'Required value: must contain at least one key/value pair',
        },
      ],
    },
  ],
  immutable: [
    {
      name: 'driver and parameters',
      change: (attributes) => {
        attributes.driverName = 'others.example.com'
        attributes.parameters.iops = '600'
      },
      causes: [
        {
          field: 'driverName',
          reason: 'FieldValueForbidden',
          message: 'Forbidden: updates to driverName are forbidden.',
        },
        {
          field: 'parameters',
          reason: 'FieldValueForbidden',
          message: 'Forbidden: updates to parameters are forbidden.',
        },
      ],
    },
  ],
  change: (attributes) => {
    attributes.metadata.labels = { tier: 'silver' }
  },
  cells: ['silver', 'disks.example.com'],
}
