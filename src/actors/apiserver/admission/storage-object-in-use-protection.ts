/**
 * StorageObjectInUseProtection: claims, volumes and classes of their attributes stay while they are used.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/storage/storageobjectinuseprotection`). It only adds the finalizers;
 * the controllers of `controllers/volumes` take them away.
 */
import { PersistentVolume } from '../../../api/core/persistent-volume.ts'
import { PersistentVolumeClaim } from '../../../api/core/persistent-volume-claim.ts'
import { protectionFinalizerOf } from '../../../api/storage/protection.ts'
import { VolumeAttributesClass } from '../../../api/storage/volume-attributes-class.ts'
import type { AdmissionPlugin } from './plugin.ts'

export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  handles: (kind, operation, subresource) =>
    operation === 'CREATE' &&
    subresource === undefined &&
    (kind === PersistentVolumeClaim || kind === PersistentVolume || kind === VolumeAttributesClass),
  mutate: ({ kind, object }) => {
    const { metadata } = object!
    const finalizer = protectionFinalizerOf(kind.kind)
    const present = metadata.finalizers ?? []
    if (!present.includes(finalizer)) metadata.finalizers = [...present, finalizer]
  },
}
