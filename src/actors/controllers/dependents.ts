/**
 * From an owner's uid to everything that names it in its owner references, controller or not.
 *
 * Invariant: the index follows the cache it was made from, change by change. It keeps keys, not objects.
 */
import type { AnyKind } from '../../api/kind.ts'
import { type KubernetesObject, objectKey } from '../../api/meta.ts'
import type { Cache } from '../../client/view.ts'
import { splitKey } from './controller.ts'

export interface Dependent {
  kind: AnyKind
  object: KubernetesObject
}

type Index = Map<string, Map<AnyKind, Set<string>>>

const indexes = new WeakMap<Cache, Index>()

/** The objects of `cache` that have an owner reference to `uid`. */
export const dependentsOf = (cache: Cache, uid: string): Dependent[] => {
  const found: Dependent[] = []
  for (const [kind, keys] of indexOf(cache).get(uid) ?? [])
    for (const key of keys) {
      const { namespace, name } = splitKey(key)
      const object: KubernetesObject | undefined = cache.get(kind, namespace, name)
      if (object) found.push({ kind, object })
    }
  return found
}

const indexOf = (cache: Cache): Index => {
  const known = indexes.get(cache)
  if (known) return known
  const index: Index = new Map()
  for (const kind of cache.kinds.stored)
    if (kind.storage === 'state') for (const object of cache.list(kind)) file(index, kind, object)
  cache.subscribe(({ type, kind, object, previous }) => {
    if (kind.storage !== 'state') return
    const before = previous?.metadata.ownerReferences
    const after = type === 'DELETED' ? undefined : object.metadata.ownerReferences
    if (before && previous) unfile(index, kind, previous)
    if (after) file(index, kind, object)
  })
  indexes.set(cache, index)
  return index
}

const file = (index: Index, kind: AnyKind, object: KubernetesObject) => {
  for (const { uid } of object.metadata.ownerReferences ?? []) {
    const byKind = index.get(uid) ?? new Map<AnyKind, Set<string>>()
    index.set(uid, byKind)
    const keys = byKind.get(kind) ?? new Set<string>()
    byKind.set(kind, keys)
    keys.add(objectKey(object))
  }
}

const unfile = (index: Index, kind: AnyKind, object: KubernetesObject) => {
  for (const { uid } of object.metadata.ownerReferences ?? []) {
    const byKind = index.get(uid)
    const keys = byKind?.get(kind)
    keys?.delete(objectKey(object))
    if (keys?.size === 0) byKind?.delete(kind)
    if (byKind?.size === 0) index.delete(uid)
  }
}
