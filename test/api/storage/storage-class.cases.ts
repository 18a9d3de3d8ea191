/**
 * StorageClass for the test of every kind.
 */
import { StorageClass } from '../../../src/api/storage/storage-class.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: StorageClass,
  minimal: { metadata: { name: 'fast' }, provisioner: 'example.com/disks' },
  defaults: { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' },
  bad: [
    {
      name: 'no provisioner',
      change: (storageClass) => {
        delete storageClass.provisioner
      },
      causes: [{ field: 'provisioner', reason: 'FieldValueRequired', message: 'Required value' }],
    },
    {
      name: 'a provisioner that is no name',
      change: (storageClass) => {
        storageClass.provisioner = 'a b'
      },
      causes: [{ field: 'provisioner', reason: 'FieldValueInvalid' }],
    },
    {
      name: 'unknown policies',
      change: (storageClass) => {
        storageClass.reclaimPolicy = 'Recycle'
        storageClass.volumeBindingMode = 'Later'
      },
      causes: [
        {
          field: 'reclaimPolicy',
          reason: 'FieldValueNotSupported',
          message: 'Unsupported value: "Recycle": supported values: "Delete", "Retain"',
        },
        { field: 'volumeBindingMode', reason: 'FieldValueNotSupported' },
      ],
    },
    {
      name: 'more than 512 parameters',
      change: (storageClass) => {
        storageClass.parameters = Object.fromEntries(
          Array.from({ length: 513 }, (_, index) => [`key${index}`, '']),
        )
      },
      causes: [
        {
          field: 'parameters',
          reason: 'FieldValueTooLong',
          message: 'Too long: may not be more than 512 bytes',
        },
      ],
    },
    {
      name: 'a topology that says nothing, and one twice',
      change: (storageClass) => {
        const term = { matchLabelExpressions: [{ key: 'zone', values: ['a', 'a'] }] }
        storageClass.allowedTopologies = [term, term]
      },
      causes: [
        {
          field: 'allowedTopologies[0].matchLabelExpressions[0].values[1]',
          reason: 'FieldValueDuplicate',
        },
        {
          field: 'allowedTopologies[1].matchLabelExpressions[0].values[1]',
          reason: 'FieldValueDuplicate',
        },
        { field: 'allowedTopologies[1].matchLabelExpressions', reason: 'FieldValueDuplicate' },
      ],
    },
  ],
  immutable: [
    {
      name: 'what makes its volumes',
      change: (storageClass) => {
        storageClass.parameters = { tier: 'gold' }
        storageClass.provisioner = 'example.com/others'
        storageClass.reclaimPolicy = 'Retain'
        storageClass.volumeBindingMode = 'WaitForFirstConsumer'
      },
      causes: [
        {
          field: 'parameters',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: {"tier":"gold"}: field is immutable',
        },
        {
          field: 'provisioner',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "example.com/others": field is immutable',
        },
        { field: 'reclaimPolicy', reason: 'FieldValueInvalid' },
        { field: 'volumeBindingMode', reason: 'FieldValueInvalid' },
      ],
    },
  ],
  change: (storageClass) => {
    storageClass.allowVolumeExpansion = true
  },
  cells: ['fast', 'example.com/disks', 'Delete', 'Immediate', false],
}
