/**
 * Carrying a field from one object to another, absence included.
 *
 * Invariant: an absent field stays absent; one set to undefined would be stored as null.
 */
import type { ObjectMeta } from './meta.ts'

export const carryField = <T extends object, Field extends keyof T>(
  to: T,
  from: T,
  field: Field,
): void => {
  if (from[field] === undefined) delete to[field]
  else to[field] = from[field]
}

/**
 * Carries what a write of a part of an object, as its status, leaves alone: labels, annotations, finalizers
 * and owners (Kubernetes' `ResetObjectMetaForStatus`). The old object stays shared.
 */
export const carryOtherMetadata = (to: Holder, from: Holder): void => {
  for (const field of ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const) {
    carryField(to.metadata, from.metadata, field)
  }
}

interface Holder {
  metadata: ObjectMeta
}
