/**
 * Lets a VolumeAttributesClass go when no volume and no claim names it (Kubernetes'
 * `pkg/controller/volume/vacprotection`).
 *
 * Invariant: a class that is being deleted keeps its finalizer while it is named. Volumes and claims are looked
 * through only for classes that are being deleted.
 */
import { PersistentVolume } from '../../../api/core/persistent-volume.ts'
import { PersistentVolumeClaim } from '../../../api/core/persistent-volume-claim.ts'
import type { KubernetesObject } from '../../../api/meta.ts'
import { protect } from '../../../api/storage/protection.ts'
import { VolumeAttributesClass } from '../../../api/storage/volume-attributes-class.ts'
import type { Cache, Change } from '../../../client/view.ts'
import { type Controller, defineController } from '../controller.ts'
import { NOTHING } from '../plan.ts'

const classesOfVolume = ({ spec }: PersistentVolume): string[] =>
  named([spec?.volumeAttributesClassName])

const classesOfClaim = ({ spec, status }: PersistentVolumeClaim): string[] =>
  named([
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ])

const named = (names: readonly (string | undefined)[]): string[] =>
  names.filter((name): name is string => Boolean(name))

/** Keys of classes that are named no longer by the object that changed. */
const letGo =
  <T extends KubernetesObject>(classesOf: (object: T) => string[]) =>
  ({ type, object, previous }: Change): string[] => {
    if (type === 'DELETED') return classesOf(object as T)
    if (!previous) return []
    const now = classesOf(object as T)
    return classesOf(previous as T).filter((name) => !now.includes(name))
  }

export const attributesClassProtection: Controller = defineController<VolumeAttributesClass>({
  name: 'attributes-class-protection',
  component: 'volumeattributesclass-protection-controller',
  for: VolumeAttributesClass,
  watches: [
    { kind: PersistentVolume, keys: letGo(classesOfVolume) },
    { kind: PersistentVolumeClaim, keys: letGo(classesOfClaim) },
  ],
  concerns: ({ type, object }) =>
    type !== 'DELETED' &&
    protect(object as VolumeAttributesClass, VolumeAttributesClass.kind, () => false) !== undefined,
  reconcile: (attributesClass, name, view) => {
    if (!attributesClass) return NOTHING
    const next = protect(attributesClass, VolumeAttributesClass.kind, () => isUsed(name, view))
    if (!next) return NOTHING
    return { commands: [{ verb: 'update', kind: VolumeAttributesClass, object: next }] }
  },
})

const isUsed = (name: string, view: Cache): boolean =>
  view.list(PersistentVolume).some((volume) => classesOfVolume(volume).includes(name)) ||
  view.list(PersistentVolumeClaim).some((claim) => classesOfClaim(claim).includes(name))
