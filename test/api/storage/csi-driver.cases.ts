/**
 * CSIDriver for the test of every kind.
 */
import { CSIDriver } from '../../../src/api/storage/csi-driver.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: CSIDriver,
  minimal: { metadata: { name: 'disks.example.com' }, spec: {} },
  defaults: {
    spec: {
      attachRequired: true,
      podInfoOnMount: false,
      storageCapacity: false,
      fsGroupPolicy: 'ReadWriteOnceWithFSType',
      volumeLifecycleModes: ['Persistent'],
      requiresRepublish: false,
      seLinuxMount: false,
    },
  },
  bad: [
    {
      name: 'unknown policies',
      change: (driver) => {
        driver.spec.fsGroupPolicy = 'Always'
        driver.spec.volumeLifecycleModes = ['Forever']
        driver.spec.nodeAllocatableUpdatePeriodSeconds = 5
      },
      causes: [
        {
          field: 'spec.fsGroupPolicy',
          reason: 'FieldValueNotSupported',
          message:
            'Unsupported value: "Always": supported values: "File", "None", "ReadWriteOnceWithFSType"',
        },
        {
          field: 'spec.volumeLifecycleModes',
          reason: 'FieldValueNotSupported',
          message: 'Unsupported value: "Forever": supported values: "Persistent", "Ephemeral"',
        },
        {
          field: 'spec.nodeAllocatableUpdatePeriodSeconds',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: 5: must be greater than or equal to 10 seconds',
        },
      ],
    },
    {
      name: 'tokens for one audience twice, and for too short a time',
      change: (driver) => {
        driver.spec.tokenRequests = [
          { audience: 'a', expirationSeconds: 10 },
          { audience: 'a', expirationSeconds: 3600 },
        ]
      },
      causes: [
        { field: 'spec.tokenRequests[0].expirationSeconds', reason: 'FieldValueInvalid' },
        {
          field: 'spec.tokenRequests[1].audience',
          reason: 'FieldValueDuplicate',
          message: 'Duplicate value: "a"',
        },
      ],
    },
    {
      name: 'tokens in secrets, and no tokens',
      change: (driver) => {
        driver.spec.serviceAccountTokenInSecrets = true
      },
      causes: [{ field: 'spec.serviceAccountTokenInSecrets', reason: 'FieldValueInvalid' }],
    },
  ],
  immutable: [
    {
      name: 'how volumes are attached and live',
      change: (driver) => {
        driver.spec.attachRequired = false
        driver.spec.volumeLifecycleModes = ['Ephemeral']
      },
      causes: [
        {
          field: 'spec.attachedRequired',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: false: field is immutable',
        },
        { field: 'spec.volumeLifecycleModes', reason: 'FieldValueInvalid' },
      ],
    },
  ],
  change: (driver) => {
    driver.spec.podInfoOnMount = true
  },
  cells: ['disks.example.com', true, false, false, '<unset>', false, 'Persistent'],
}
