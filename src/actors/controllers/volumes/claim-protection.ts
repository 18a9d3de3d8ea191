/**
 * Lets a claim go when no pod uses it any more (Kubernetes' `pkg/controller/volume/pvcprotection`).
 *
 * Invariant: a claim that is being deleted keeps its finalizer while a pod that has a node names it. Pods are looked
 * through only for claims that are being deleted.
 */
import { PersistentVolumeClaim } from '../../../api/core/persistent-volume-claim.ts'
import { Pod } from '../../../api/core/pod.ts'
import { controllerOf } from '../../../api/meta.ts'
import { protect } from '../../../api/storage/protection.ts'
import type { Cache, Change } from '../../../client/view.ts'
import { type Controller, defineController } from '../controller.ts'
import { NOTHING } from '../plan.ts'

export const claimProtection: Controller = defineController<PersistentVolumeClaim>({
  name: 'claim-protection',
  component: 'pvc-protection-controller',
  for: PersistentVolumeClaim,
  watches: [{ kind: Pod, keys: ({ type, object }) => claimsLetGo(type, object as Pod) }],
  concerns: ({ type, object }) =>
    type !== 'DELETED' &&
    protect(object as PersistentVolumeClaim, PersistentVolumeClaim.kind, () => false) !== undefined,
  reconcile: (claim, _key, view) => {
    if (!claim) return NOTHING
    const next = protect(claim, PersistentVolumeClaim.kind, () => isUsed(claim, view))
    if (!next) return NOTHING
    return { commands: [{ verb: 'update', kind: PersistentVolumeClaim, object: next }] }
  },
})

type Volume = NonNullable<NonNullable<Pod['spec']>['volumes']>[number]

/** The claim that a volume means, which of a volume made for the pod alone has a name of its own. */
const claimOf = (pod: Pod, { name, persistentVolumeClaim, ephemeral }: Volume) =>
  persistentVolumeClaim?.claimName ?? (ephemeral ? `${pod.metadata.name}-${name}` : undefined)

/** Keys of claims that this pod may have been the last to use. */
const claimsLetGo = (type: Change['type'], pod: Pod): string[] => {
  const isOver = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
  if (type !== 'DELETED' && !isOver && pod.spec?.nodeName) return []
  return (pod.spec?.volumes ?? []).flatMap((volume) => {
    const claim = claimOf(pod, volume)
    return claim === undefined ? [] : [`${pod.metadata.namespace}/${claim}`]
  })
}

const isUsed = (claim: PersistentVolumeClaim, view: Cache): boolean => {
  const { namespace = '', name } = claim.metadata
  return view.list(Pod, { namespace }).some((pod) => {
    if (!pod.spec?.nodeName) return false
    return (pod.spec.volumes ?? []).some((volume) => {
      if (claimOf(pod, volume) !== name) return false
      if (volume.persistentVolumeClaim) return true
      return !isShutDown(pod) && controllerOf(claim)?.uid === pod.metadata.uid
    })
  })
}

/** Its kubelet is done with it, or it was deleted by force: it only waits to be removed. */
const isShutDown = ({ metadata }: Pod): boolean =>
  metadata.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === 0
