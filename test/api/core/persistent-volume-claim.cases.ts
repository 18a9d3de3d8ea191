/**
 * PersistentVolumeClaim for the test of every kind.
 */
import { PersistentVolumeClaim } from '../../../src/api/core/persistent-volume-claim.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: PersistentVolumeClaim,
  minimal: {
    metadata: { name: 'data' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  },
  defaults: { spec: { volumeMode: 'Filesystem' }, status: { phase: 'Pending' } },
  bad: [
    {
      name: 'nothing asked for',
      change: (claim) => {
        claim.spec = {}
      },
      causes: [
        {
          field: 'spec.accessModes',
          reason: 'FieldValueRequired',
          message: 'Required value: at least 1 access mode is required',
        },
        {
          field: 'spec.resources[storage]',
          reason: 'FieldValueRequired',
          message: 'Required value',
        },
      ],
    },
    {
      name: 'less than nothing of a class that is no name',
      change: (claim) => {
        claim.spec.resources.requests.storage = '-1'
        claim.spec.storageClassName = 'A'
      },
      causes: [
        {
          field: 'spec.resources[storage]',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "-1": must be greater than zero',
        },
        { field: 'spec.storageClassName', reason: 'FieldValueInvalid' },
      ],
    },
    {
      name: 'data from something in no group',
      change: (claim) => {
        claim.spec.dataSourceRef = { kind: 'Pod', name: 'web' }
      },
      causes: [
        {
          field: 'spec.dataSource',
          reason: 'FieldValueInvalid',
          message:
            'Invalid value: "Pod": must be \'PersistentVolumeClaim\' when referencing the default apiGroup',
        },
        { field: 'spec.dataSourceRef', reason: 'FieldValueInvalid' },
      ],
    },
  ],
  immutable: [
    {
      name: 'what it asks for, as long as it is not bound',
      change: (claim) => {
        claim.spec.accessModes = ['ReadWriteMany']
      },
      causes: [
        {
          field: 'spec',
          reason: 'FieldValueForbidden',
          message:
            /^Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n/,
        },
      ],
    },
  ],
  change: (claim) => {
    claim.spec.volumeName = 'disk-1'
  },
  status: { phase: 'Bound', capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'] },
  cells: ['data', 'Pending', '', '', '', '', '<unset>', 'Filesystem'],
}
