/**
 * DefaultStorageClass: a new claim that names no class gets the default one, if there is one.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/storage/storageclass/setdefault`). A claim that asks for no class at
 * all says so with an empty name.
 */
import { PersistentVolumeClaim } from '../../../api/core/persistent-volume-claim.ts'
import { isDefaultStorageClass, StorageClass } from '../../../api/storage/storage-class.ts'
import { newestOf } from './default-class.ts'
import type { AdmissionPlugin } from './plugin.ts'

const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class'

export const defaultStorageClass: AdmissionPlugin = {
  name: 'DefaultStorageClass',
  handles: (kind, operation, subresource) =>
    kind === PersistentVolumeClaim && operation === 'CREATE' && subresource === undefined,
  mutate: ({ services, object }) => {
    const claim = object as PersistentVolumeClaim
    if (claim.metadata.annotations?.[CLASS_ANNOTATION] !== undefined) return
    if (claim.spec?.storageClassName != null) return
    const classes = services.storage.cache.list(StorageClass)
    const found = newestOf(classes.filter(({ metadata }) => isDefaultStorageClass(metadata)))
    if (found) claim.spec = { ...claim.spec, storageClassName: found.metadata.name }
  },
}
