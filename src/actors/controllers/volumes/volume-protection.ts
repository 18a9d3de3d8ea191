/**
 * Lets a volume go when it is bound to no claim any more (Kubernetes' `pkg/controller/volume/pvprotection`).
 *
 * Invariant: a bound volume keeps its finalizer, however often it is deleted.
 */
import { PersistentVolume } from '../../../api/core/persistent-volume.ts'
import { protect } from '../../../api/storage/protection.ts'
import { type Controller, defineController } from '../controller.ts'
import { NOTHING } from '../plan.ts'

export const volumeProtection: Controller = defineController<PersistentVolume>({
  name: 'volume-protection',
  component: 'pv-protection-controller',
  for: PersistentVolume,
  concerns: ({ type, object }) =>
    type !== 'DELETED' &&
    protect(object as PersistentVolume, PersistentVolume.kind, () => false) !== undefined,
  reconcile: (volume) => {
    if (!volume) return NOTHING
    const isBound = () => volume.status?.phase === 'Bound'
    const next = protect(volume, PersistentVolume.kind, isBound)
    if (!next) return NOTHING
    return { commands: [{ verb: 'update', kind: PersistentVolume, object: next }] }
  },
})
