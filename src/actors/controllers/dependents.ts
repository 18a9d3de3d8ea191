/**
 * From an owner's uid to everything that names it in its owner references, controller or not.
 *
 * Invariant: the index follows the cache it was made from, change by change. It keeps keys, not objects.
 */
import type { AnyKind } from '../../api/kind.ts'
import { type KubernetesObject, type OwnerReference, objectKey } from '../../api/meta.ts'
import type { Cache } from '../../client/view.ts'
import { splitKey } from './controller.ts'

export interface Dependent {
  kind: AnyKind
  object: KubernetesObject
}

interface Index {
  /** By the owner's uid. */
  byOwner: Map<string, Map<AnyKind, Set<string>>>
  /** By `group/kind` of owners of kinds that were not known: what is to be looked at when they come. */
  strangers: Map<string, Map<AnyKind, Set<string>>>
}

const indexes = new WeakMap<Cache, Index>()

/** The objects of `cache` that have an owner reference to `uid`. */
export const dependentsOf = (cache: Cache, uid: string): Dependent[] => {
  const found: Dependent[] = []
  collect(cache, indexOf(cache).byOwner.get(uid), found)
  return found
}

/** From now on, and from no later, owners of unknown kinds are remembered. */
export const watchDependents = (cache: Cache): void => {
  indexOf(cache)
}

/** The objects with an owner of a kind that was not known when they came; they are told once. */
export const dependentsOfStranger = (cache: Cache, group: string, kind: string): Dependent[] => {
  const { strangers } = indexOf(cache)
  const found: Dependent[] = []
  collect(cache, strangers.get(`${group}/${kind}`), found)
  strangers.delete(`${group}/${kind}`)
  return found
}

const collect = (
  cache: Cache,
  byKind: Map<AnyKind, Set<string>> | undefined,
  found: Dependent[],
): void => {
  for (const [kind, keys] of byKind ?? [])
    for (const key of keys) {
      const { namespace, name } = splitKey(key)
      const object: KubernetesObject | undefined = cache.get(kind, namespace, name)
      if (object) found.push({ kind, object })
    }
}

const indexOf = (cache: Cache): Index => {
  const known = indexes.get(cache)
  if (known) return known
  const index: Index = { byOwner: new Map(), strangers: new Map() }
  const isKnown = ({ apiVersion, kind }: OwnerReference) =>
    cache.kinds.storedByName(apiVersion, kind) !== undefined
  for (const kind of cache.kinds.stored)
    if (kind.storage === 'state')
      for (const object of cache.list(kind)) file(index, kind, object, isKnown)
  cache.subscribe(({ type, kind, object, previous }) => {
    if (kind.storage !== 'state') return
    const before = previous?.metadata.ownerReferences
    const after = type === 'DELETED' ? undefined : object.metadata.ownerReferences
    if (before && previous) unfile(index, kind, previous)
    if (after) file(index, kind, object, isKnown)
  })
  indexes.set(cache, index)
  return index
}

const file = (
  { byOwner, strangers }: Index,
  kind: AnyKind,
  object: KubernetesObject,
  isKnown: (reference: OwnerReference) => boolean,
) => {
  for (const reference of object.metadata.ownerReferences ?? []) {
    add(byOwner, reference.uid, kind, object)
    if (!isKnown(reference)) add(strangers, strangerOf(reference), kind, object)
  }
}

const strangerOf = ({ apiVersion, kind }: OwnerReference): string =>
  `${apiVersion.includes('/') ? apiVersion.split('/')[0] : ''}/${kind}`

const add = (places: Index['byOwner'], place: string, kind: AnyKind, object: KubernetesObject) => {
  const byKind = places.get(place) ?? new Map<AnyKind, Set<string>>()
  places.set(place, byKind)
  const keys = byKind.get(kind) ?? new Set<string>()
  byKind.set(kind, keys)
  keys.add(objectKey(object))
}

const unfile = ({ byOwner, strangers }: Index, kind: AnyKind, object: KubernetesObject) => {
  for (const reference of object.metadata.ownerReferences ?? []) {
    drop(byOwner, reference.uid, kind, object)
    if (strangers.size > 0) drop(strangers, strangerOf(reference), kind, object)
  }
}

const drop = (places: Index['byOwner'], place: string, kind: AnyKind, object: KubernetesObject) => {
  const byKind = places.get(place)
  const keys = byKind?.get(kind)
  keys?.delete(objectKey(object))
  if (keys?.size === 0) byKind?.delete(kind)
  if (byKind?.size === 0) places.delete(place)
}
