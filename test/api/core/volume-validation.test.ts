/**
 * Each source of a pod's volume by its own rules.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Volume } from '../../../src/api/core/pod-spec-defaults.ts'
import { createPod, faultsOf } from './pod-samples.ts'

const V = 'spec.volumes[0]'

const cases: [string, Omit<Volume, 'name'>, string[]][] = [
  [
    'git',
    { gitRepo: { repository: '', directory: '/a' } },
    [
      `${V}.gitRepo.repository: Required value`,
      `${V}.gitRepo.directory: Invalid value: "/a": must be a relative path`,
    ],
  ],
  [
    'a disk of GCE',
    { gcePersistentDisk: { pdName: '', partition: 256 } },
    [
      `${V}.persistentDisk.pdName: Required value`,
      `${V}.persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive`,
    ],
  ],
  [
    'NFS',
    { nfs: { server: '', path: '' } },
    [
      `${V}.nfs.server: Required value`,
      `${V}.nfs.path: Required value`,
      `${V}.nfs.path: Invalid value: "": must be an absolute path`,
    ],
  ],
  [
    'iSCSI',
    { iscsi: { targetPortal: '', iqn: 'abc', lun: 300, chapAuthSession: true } },
    [
      `${V}.iscsi.targetPortal: Required value`,
      `${V}.iscsi.iqn: Invalid value: "abc": must be valid format starting with iqn, eui, or naa`,
      `${V}.iscsi.lun: Invalid value: 300: must be between 0 and 255, inclusive`,
      `${V}.iscsi.secretRef: Required value`,
    ],
  ],
  [
    'a good iSCSI name',
    { iscsi: { targetPortal: 'a:1', iqn: 'iqn.2015-02.example.com:test', lun: 0 } },
    [],
  ],
  [
    'fibre channel',
    { fc: { targetWWNs: ['a'] } },
    [`${V}.fc.lun: Required value: lun is required if targetWWNs is specified`],
  ],
  [
    'Flocker',
    { flocker: { datasetName: 'a/b', datasetUUID: 'c' } },
    [
      `${V}.flocker: Invalid value: "resource": datasetName and datasetUUID can not be specified simultaneously`,
      `${V}.flocker.datasetName: Invalid value: "a/b": must not contain '/'`,
    ],
  ],
  [
    'Quobyte',
    { quobyte: { registry: 'here', volume: '' } },
    [
      `${V}.quobyte.registry: Invalid value: "here": must be a host:port pair or multiple pairs separated by commas`,
      `${V}.quobyte.volume: Required value`,
    ],
  ],
  [
    'flex',
    { flexVolume: { driver: 'a/b', options: { 'x.kubernetes.io/y': 'z' } } },
    [
      `${V}.flexVolume.options[x.kubernetes.io/y]: Invalid value: "x.kubernetes.io/y": kubernetes.io and k8s.io namespaces are reserved`,
    ],
  ],
  [
    'an Azure disk',
    { azureDisk: { diskName: 'a', diskURI: 'b', kind: 'Managed' } },
    [
      `${V}.azureDisk.diskURI: Unsupported value: "b": supported values: "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"`,
    ],
  ],
  [
    'StorageOS',
    { storageos: { volumeName: 'A', secretRef: {} } },
    [
      `${V}.storageos.volumeName: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
      `${V}.storageos.secretRef.name: Required value`,
    ],
  ],
  [
    'CSI',
    { csi: { driver: '', nodePublishSecretRef: {} } },
    [`${V}.csi.driver: Required value`, `${V}.csi.nodePublishSecretRef.name: Required value`],
  ],
  ['an image without a name', { image: {} }, [`${V}.image.reference: Required value`]],
  [
    'the same, cephfs as Kubernetes spells it',
    { emptyDir: {}, cephfs: { monitors: [] } },
    [`${V}.cephFS: Forbidden: may not specify more than 1 volume type`],
  ],
  [
    'an ephemeral volume without template',
    { ephemeral: {} },
    [`${V}.ephemeral.volumeClaimTemplate: Required value`],
  ],
  [
    'a template with a name',
    {
      ephemeral: {
        volumeClaimTemplate: {
          metadata: { name: 'mine', labels: { a: 'b' } },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        },
      },
    },
    [`${V}.ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set`],
  ],
]

for (const [title, source, expected] of cases)
  test(`a volume's source: ${title}`, () =>
    assert.equal(faultsOf({ volumes: [{ name: 'data', ...source }] }), expected))

test('sources have defaults of their own', () => {
  const pod = createPod({
    volumes: [
      { name: 'a', rbd: { monitors: ['m'], image: 'i' } },
      { name: 'b', azureDisk: { diskName: 'a', diskURI: 'https://b' } },
      { name: 'c', scaleIO: { gateway: 'g', system: 's', volumeName: 'v', secretRef: {} } },
    ],
  })
  const [rbd, azure, scaleIO] = pod.spec!.volumes!
  assert.equal(rbd!.rbd, {
    monitors: ['m'],
    image: 'i',
    pool: 'rbd',
    user: 'admin',
    keyring: '/etc/ceph/keyring',
  })
  assert.is(azure!.azureDisk!.kind, 'Shared')
  assert.is(azure!.azureDisk!.cachingMode, 'ReadWrite')
  assert.is(scaleIO!.scaleIO!.storageMode, 'ThinProvisioned')
})

test('what is behind features that are off is taken away', () => {
  const pod = createPod({
    schedulingGroup: { podGroupName: 'a' },
    containers: [{ name: 'web', image: 'web:1', lifecycle: { stopSignal: 'SIGHUP' } }],
    volumes: [
      { name: 'a', projected: { sources: [{ clusterTrustBundle: { path: 'a', name: 'b' } }] } },
    ],
  })
  assert.is(pod.spec!.schedulingGroup, undefined)
  assert.is(pod.spec!.containers[0]!.lifecycle, undefined)
  assert.equal(pod.spec!.volumes![0]!.projected!.sources, [{}])
})

test.run()
