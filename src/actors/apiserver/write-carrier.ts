/**
 * A write that goes to the store in company: a plug-in may say how the object that it has judged is written.
 *
 * Invariant: only the write of that very object, in the turn in which it was judged, is carried; everything else goes
 * straight to the store and pays one look into a map.
 */
import type { KubernetesObject } from '../../api/meta.ts'
import type { Write } from '../../client/storage.ts'

/** Does what `Storage.write` does, and fails as it does. */
export type Carrier = (write: Write) => Promise<number>

const carriers = new WeakMap<KubernetesObject, Carrier>()

/** Has `object`, in the form that was asked for, written by `carrier`. */
export const carryWrite = (object: KubernetesObject, carrier: Carrier): void => {
  carriers.set(object, carrier)
}

export const carrierOf = (object: KubernetesObject): Carrier | undefined => carriers.get(object)
