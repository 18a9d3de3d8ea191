/**
 * PersistentVolumeClaimResize: only bound claims grow, and only where their class lets volumes grow.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/storage/persistentvolume/resize`).
 */
import { PersistentVolumeClaim } from '../../../api/core/persistent-volume-claim.ts'
import { compareAmounts } from '../../../api/core/resource-list.ts'
import { StorageClass } from '../../../api/storage/storage-class.ts'
import { refusedBy } from './chain.ts'
import type { AdmissionAttributes, AdmissionPlugin } from './plugin.ts'

const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class'

export const persistentVolumeClaimResize: AdmissionPlugin = {
  name: 'PersistentVolumeClaimResize',
  handles: (kind, operation, subresource) =>
    kind === PersistentVolumeClaim && operation === 'UPDATE' && subresource === undefined,
  validate: (attributes) => {
    const claim = attributes.object as PersistentVolumeClaim
    const old = attributes.old as PersistentVolumeClaim
    if (compareAmounts(sizeOf(claim), sizeOf(old)) <= 0) return undefined
    if (old.status?.phase !== 'Bound')
      throw refusedBy(attributes, 'Only bound persistent volume claims can be expanded')
    if (!mayGrow(attributes, classOf(claim), classOf(old)))
      throw refusedBy(
        attributes,
        'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
      )
    return undefined
  },
}

const sizeOf = ({ spec }: PersistentVolumeClaim): string =>
  spec?.resources?.requests?.['storage'] ?? '0'

const classOf = ({ metadata, spec }: PersistentVolumeClaim): string =>
  metadata.annotations?.[CLASS_ANNOTATION] ?? spec?.storageClassName ?? ''

const mayGrow = ({ services }: AdmissionAttributes, now: string, before: string): boolean =>
  now !== '' &&
  now === before &&
  services.storage.cache.get(StorageClass, undefined, now)?.allowVolumeExpansion === true
