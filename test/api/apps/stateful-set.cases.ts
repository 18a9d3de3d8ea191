/**
 * StatefulSet for the test of every kind.
 */
import { StatefulSet } from '../../../src/api/apps/stateful-set.ts'
import type { KindCase } from '../kind-case.ts'

const INVALID = 'FieldValueInvalid'
const FORBIDDEN_UPDATE =
  "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"

export const cases: KindCase = {
  kind: StatefulSet,
  minimal: {
    metadata: { name: 'db' },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'c', image: 'db:1' }] },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: {
            accessModes: ['ReadWriteOnce'],
            resources: { requests: { storage: '1024Mi' } },
          },
        },
      ],
    },
  },
  defaults: {
    spec: {
      replicas: 1,
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
      revisionHistoryLimit: 10,
      volumeClaimTemplates: [
        {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          spec: { volumeMode: 'Filesystem', resources: { requests: { storage: '1Gi' } } },
          status: { phase: 'Pending' },
        },
      ],
    },
    status: { replicas: 0, availableReplicas: 0 },
  },
  bad: [
    {
      name: 'a name with dots, which no pod could carry',
      change: ({ metadata }) => {
        metadata.name = 'db.example'
      },
      causes: [
        {
          field: 'metadata.name',
          reason: INVALID,
          message: 'Invalid value: "db.example": must not contain dots',
        },
      ],
    },
    {
      name: 'policies there are not',
      change: ({ spec }) => {
        spec.podManagementPolicy = 'Random'
        spec.updateStrategy = { type: 'Never' }
        spec.persistentVolumeClaimRetentionPolicy = { whenDeleted: 'Keep' }
      },
      causes: [
        {
          field: 'spec.podManagementPolicy',
          reason: INVALID,
          message: `Invalid value: "Random": must be 'OrderedReady' or 'Parallel'`,
        },
        {
          field: 'spec.updateStrategy',
          reason: INVALID,
          message:
            'Invalid value: {"Type":"Never","RollingUpdate":null}: must be \'RollingUpdate\' or \'OnDelete\'',
        },
        {
          field: 'spec.persistentVolumeClaimRetentionPolicy.whenDeleted',
          reason: 'FieldValueNotSupported',
          message: 'Unsupported value: "Keep": supported values: "Retain", "Delete"',
        },
      ],
    },
    {
      name: 'negative numbers',
      change: ({ spec }) => {
        Object.assign(spec, { replicas: -1, minReadySeconds: -2, ordinals: { start: -3 } })
        spec.updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition: -4 } }
      },
      causes: [
        { field: 'spec.updateStrategy.rollingUpdate.partition', reason: INVALID },
        { field: 'spec.replicas', reason: INVALID },
        { field: 'spec.minReadySeconds', reason: INVALID },
        { field: 'spec.ordinals.start', reason: INVALID },
      ],
    },
    {
      name: 'no selector, and pods that end',
      change: ({ spec }) => {
        delete spec.selector
        spec.template.spec.restartPolicy = 'OnFailure'
        spec.template.spec.activeDeadlineSeconds = 1
      },
      causes: [
        { field: 'spec.selector', reason: 'FieldValueRequired' },
        { field: 'spec.template.metadata.labels', reason: INVALID },
        { field: 'spec.template.spec.restartPolicy', reason: 'FieldValueNotSupported' },
        {
          field: 'spec.template.spec.activeDeadlineSeconds',
          reason: 'FieldValueForbidden',
          message: 'Forbidden: activeDeadlineSeconds in StatefulSet is not Supported',
        },
      ],
    },
    {
      name: 'a partition of updates that nobody makes',
      change: ({ spec }) => {
        spec.updateStrategy = { type: 'OnDelete', rollingUpdate: { partition: 1 } }
      },
      causes: [
        {
          field: 'spec.updateStrategy.rollingUpdate',
          reason: INVALID,
          message:
            'Invalid value: {"partition":1}: only allowed for updateStrategy \'RollingUpdate\'',
        },
      ],
    },
  ],
  immutable: [
    {
      name: 'the service',
      change: ({ spec }) => {
        spec.serviceName = 'other'
      },
      causes: [{ field: 'spec', reason: 'FieldValueForbidden', message: FORBIDDEN_UPDATE }],
    },
    {
      name: 'the claims',
      change: ({ spec }) => {
        spec.volumeClaimTemplates[0].spec.resources.requests.storage = '2Gi'
      },
      causes: [{ field: 'spec', reason: 'FieldValueForbidden', message: FORBIDDEN_UPDATE }],
    },
  ],
  change: ({ spec }) => {
    spec.replicas = 3
    spec.revisionHistoryLimit = 2
    spec.updateStrategy.rollingUpdate.partition = 1
  },
  status: {
    replicas: 3,
    readyReplicas: 2,
    availableReplicas: 1,
    currentReplicas: 1,
    updatedReplicas: 1,
    currentRevision: 'db-1',
    updateRevision: 'db-2',
    collisionCount: 0,
  },
  cells: ['db', '0/1', 'c', 'db:1'],
}
