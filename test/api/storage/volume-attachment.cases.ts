/**
 * VolumeAttachment for the test of every kind.
 */
import { VolumeAttachment } from '../../../src/api/storage/volume-attachment.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: VolumeAttachment,
  minimal: {
    metadata: { name: 'attached' },
    spec: {
      attacher: 'disks.example.com',
      nodeName: 'node-1',
      source: { persistentVolumeName: 'disk-1' },
    },
  },
  defaults: { status: { attached: false } },
  bad: [
    {
      name: 'no source',
      change: (attachment) => {
        attachment.spec = { attacher: '', nodeName: 'A', source: {} }
      },
      causes: [
        { field: 'spec.attacher', reason: 'FieldValueRequired' },
        {
          field: 'spec.source',
          reason: 'FieldValueRequired',
          message:
            'Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName',
        },
        { field: 'spec.nodeName', reason: 'FieldValueInvalid' },
      ],
    },
    {
      name: 'a volume of its own that is no CSI volume',
      change: (attachment) => {
        attachment.spec.source = {
          inlineVolumeSpec: { accessModes: ['ReadWriteOnce'], hostPath: { path: '/data' } },
        }
      },
      causes: [
        {
          field: 'spec.source.inlineVolumeSpec.csi',
          reason: 'FieldValueRequired',
          message: 'Required value: has to be specified in the context of inline volumes',
        },
      ],
    },
  ],
  immutable: [
    {
      name: 'its spec',
      change: (attachment) => {
        attachment.spec.nodeName = 'node-2'
      },
      causes: [{ field: 'spec', reason: 'FieldValueInvalid', message: /: field is immutable$/ }],
    },
  ],
  change: (attachment) => {
    attachment.metadata.labels = { rack: 'a' }
  },
  status: { attached: true },
  cells: ['attached', 'disks.example.com', 'disk-1', 'node-1', false],
}
