/**
 * Who owns what: controller references, adoption of matching orphans, release of what no longer matches.
 *
 * The rules are those of Kubernetes' `controller_ref_manager.go`. Invariant: an object that has another
 * controller is never touched, and nothing is adopted by an owner that is being deleted.
 */
import type { AnyKind } from '../../api/kind.ts'
import { controllerOf, type KubernetesObject, type OwnerReference } from '../../api/meta.ts'
import { type LabelSelector, matchesLabels } from '../../api/selector.ts'
import type { Command } from './plan.ts'

export interface Claim<T extends KubernetesObject> {
  /** What the owner owns and selects. */
  owned: T[]
  /** Adoptions and releases; the rest waits until they are done. */
  commands: Command[]
}

/** The reference by which `owner` controls its objects. */
export const controllerReference = (owner: KubernetesObject): OwnerReference => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid,
  controller: true,
  blockOwnerDeletion: true,
})

/** `owned` by reference, `matching` by label (owned ones may be in it): what is whose. */
export const claim = <T extends KubernetesObject>(
  owner: KubernetesObject,
  selector: LabelSelector,
  kind: AnyKind,
  owned: readonly T[],
  matching: readonly T[],
): Claim<T> => {
  const kept: T[] = []
  const commands: Command[] = []
  for (const object of owned) {
    if (matchesLabels(selector, object.metadata.labels)) kept.push(object)
    else if (!owner.metadata.deletionTimestamp) commands.push(release(owner, kind, object))
  }
  if (!owner.metadata.deletionTimestamp)
    for (const object of matching)
      if (!controllerOf(object) && !object.metadata.deletionTimestamp)
        commands.push(adopt(owner, kind, object))
  return { owned: kept, commands }
}

const adopt = (owner: KubernetesObject, kind: AnyKind, object: KubernetesObject): Command => ({
  verb: 'patch',
  kind,
  object,
  type: 'strategic',
  patch: {
    metadata: { ownerReferences: [controllerReference(owner)], uid: object.metadata.uid },
  },
})

const release = (owner: KubernetesObject, kind: AnyKind, object: KubernetesObject): Command => ({
  verb: 'patch',
  kind,
  object,
  type: 'strategic',
  patch: {
    metadata: {
      ownerReferences: [{ $patch: 'delete', uid: owner.metadata.uid }],
      uid: object.metadata.uid,
    },
  },
})
