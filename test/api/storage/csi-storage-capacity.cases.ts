/**
 * CSIStorageCapacity for the test of every kind.
 */
import { CSIStorageCapacity } from '../../../src/api/storage/csi-storage-capacity.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: CSIStorageCapacity,
  minimal: { metadata: { name: 'here' }, storageClassName: 'fast' },
  defaults: { storageClassName: 'fast' },
  bad: [
    {
      name: 'a bad class, too little room and a bad selector',
      change: (capacity) => {
        capacity.storageClassName = 'A'
        capacity.capacity = '-1'
        capacity.nodeTopology = { matchExpressions: [{ key: 'zone', operator: 'In' }] }
      },
      causes: [
        { field: 'nodeTopology.matchExpressions[0].values', reason: 'FieldValueRequired' },
        { field: 'storageClassName', reason: 'FieldValueInvalid' },
        {
          field: 'capacity',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "-1": must be greater than or equal to 0',
        },
      ],
    },
  ],
  immutable: [
    {
      name: 'what it is about',
      change: (capacity) => {
        capacity.storageClassName = 'slow'
        capacity.nodeTopology = { matchLabels: { zone: 'a' } }
      },
      causes: [
        {
          field: 'nodeTopology',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: {"matchLabels":{"zone":"a"}}: field is immutable',
        },
        { field: 'storageClassName', reason: 'FieldValueInvalid' },
      ],
    },
  ],
  change: (capacity) => {
    capacity.capacity = '5Gi'
  },
  cells: ['here', /^20\d\d-/],
}
