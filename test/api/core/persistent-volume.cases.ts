/**
 * PersistentVolume for the test of every kind.
 */
import { PersistentVolume } from '../../../src/api/core/persistent-volume.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: PersistentVolume,
  minimal: {
    metadata: { name: 'disk-1' },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: '/data' },
    },
  },
  defaults: {
    spec: {
      persistentVolumeReclaimPolicy: 'Retain',
      volumeMode: 'Filesystem',
      hostPath: { path: '/data', type: '' },
    },
    status: { phase: 'Pending' },
  },
  bad: [
    {
      name: 'nothing in its spec',
      change: (volume) => {
        volume.spec = {}
      },
      causes: [
        { field: 'spec.accessModes', reason: 'FieldValueRequired' },
        { field: 'spec.capacity', reason: 'FieldValueRequired' },
        { field: 'spec.capacity', reason: 'FieldValueNotSupported' },
        {
          field: 'spec',
          reason: 'FieldValueRequired',
          message: 'Required value: must specify a volume type',
        },
      ],
    },
    {
      name: 'two sources and modes that exclude each other',
      change: (volume) => {
        volume.spec.accessModes = ['ReadWriteOncePod', 'ReadOnlyMany']
        volume.spec.nfs = { server: 'a', path: '/b' }
      },
      causes: [
        {
          field: 'spec.accessModes',
          reason: 'FieldValueForbidden',
          message: 'Forbidden: may not use ReadWriteOncePod with other access modes',
        },
        {
          field: 'spec.nfs',
          reason: 'FieldValueForbidden',
          message: 'Forbidden: may not specify more than 1 volume type',
        },
      ],
    },
    {
      name: 'no room, and unknown modes',
      change: (volume) => {
        volume.spec.capacity.storage = '0'
        volume.spec.accessModes = ['Sometimes']
        volume.spec.volumeMode = 'Tape'
      },
      causes: [
        {
          field: 'spec.accessModes',
          reason: 'FieldValueNotSupported',
          message:
            'Unsupported value: "Sometimes": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
        },
        {
          field: 'spec.capacity[storage]',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "0": must be greater than zero',
        },
        { field: 'spec.volumeMode', reason: 'FieldValueNotSupported' },
      ],
    },
    {
      name: 'a local disk on no node',
      change: (volume) => {
        delete volume.spec.hostPath
        volume.spec.local = { path: '/a/../b' }
      },
      causes: [
        { field: 'spec.local.path', reason: 'FieldValueInvalid' },
        {
          field: 'spec.nodeAffinity',
          reason: 'FieldValueRequired',
          message: 'Required value: Local volume requires node affinity',
        },
      ],
    },
    {
      name: 'a CSI volume without driver and handle',
      change: (volume) => {
        delete volume.spec.hostPath
        volume.spec.csi = { driver: '', volumeHandle: '', nodePublishSecretRef: { name: 'key' } }
      },
      causes: [
        { field: 'spec.csi.driver', reason: 'FieldValueRequired' },
        { field: 'spec.csi.volumeHandle', reason: 'FieldValueRequired' },
        { field: 'spec.csi.nodePublishSecretRef.namespace', reason: 'FieldValueRequired' },
      ],
    },
  ],
  immutable: [
    {
      name: 'its source and mode',
      change: (volume) => {
        volume.spec.hostPath.path = '/other'
        volume.spec.volumeMode = 'Block'
      },
      causes: [
        {
          field: 'spec.persistentvolumesource',
          reason: 'FieldValueForbidden',
          message: /^Forbidden: spec.persistentvolumesource is immutable after creation\n/,
        },
        {
          field: 'volumeMode',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "Block": field is immutable',
        },
      ],
    },
  ],
  change: (volume) => {
    volume.spec.persistentVolumeReclaimPolicy = 'Delete'
  },
  status: { phase: 'Available' },
  cells: ['disk-1', '1Gi', 'RWO', 'Retain', 'Pending', '', '', '<unset>', '', 'Filesystem'],
}
