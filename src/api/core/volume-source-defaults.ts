/**
 * Defaults of volume sources that pods and persistent volumes share.
 *
 * Same values as Kubernetes' generated defaults of `core/v1`; what only pods mount is in
 * `pod-spec-defaults.ts`.
 */
import type {
  V1AzureDiskVolumeSource,
  V1HostPathVolumeSource,
  V1ISCSIVolumeSource,
  V1RBDVolumeSource,
  V1ScaleIOVolumeSource,
} from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'

interface Sources {
  hostPath?: Wire<V1HostPathVolumeSource>
  rbd?: Pick<V1RBDVolumeSource, 'pool' | 'user' | 'keyring'>
  iscsi?: Pick<V1ISCSIVolumeSource, 'iscsiInterface'>
  azureDisk?: Wire<V1AzureDiskVolumeSource>
  scaleIO?: Pick<V1ScaleIOVolumeSource, 'storageMode' | 'fsType'>
}

export const applySourceDefaults = ({
  hostPath,
  rbd,
  iscsi,
  azureDisk,
  scaleIO,
}: Sources): void => {
  if (hostPath) hostPath.type ??= ''
  if (rbd) {
    rbd.pool ||= 'rbd'
    rbd.user ||= 'admin'
    rbd.keyring ||= '/etc/ceph/keyring'
  }
  if (iscsi) iscsi.iscsiInterface ||= 'default'
  if (azureDisk) {
    azureDisk.cachingMode ??= 'ReadWrite'
    azureDisk.fsType ??= 'ext4'
    azureDisk.readOnly ??= false
    azureDisk.kind ??= 'Shared'
  }
  if (!scaleIO) return
  scaleIO.storageMode ||= 'ThinProvisioned'
  scaleIO.fsType ||= 'xfs'
}
