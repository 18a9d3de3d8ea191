/**
 * Writes objects again as they are, so that they lie sealed as the configuration says now.
 *
 * What Kubernetes leaves to `kubectl get secrets -A -o json | kubectl replace -f -`. Invariant: an object that
 * somebody else writes meanwhile is left to that write, which seals it the same way; at most `WIDTH` writes wait.
 */
import type { AnyKind } from '../../api/kind.ts'
import { managersOf, setManagers } from '../../api/managed-fields/manager-entry.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import type { Sealing } from '../../client/sealing.ts'
import { RevisionConflict, type Storage } from '../../client/storage.ts'

const WIDTH = 64

/** How many objects of each kind were written, by `plural` or `plural.group`. Throws what `Storage.write` does. */
export const reseal = async (
  storage: Storage,
  sealing: Sealing,
): Promise<Record<string, number>> => {
  sealing.reload()
  const written: Record<string, number> = {}
  for (const kind of storage.cache.kinds.stored) {
    if (kind.storedAs || kind.storage !== 'state' || !sealing.isConcerned(kind)) continue
    await storage.barrier(kind)
    const name = kind.group ? `${kind.plural}.${kind.group}` : kind.plural
    written[name] = await rewriteAll(storage, kind)
  }
  return written
}

const rewriteAll = async (storage: Storage, kind: AnyKind): Promise<number> => {
  const objects = [...storage.cache.list(kind)].values()
  let written = 0
  const work = async () => {
    for (const object of objects) if (await rewrite(storage, kind, object)) written++
  }
  await Promise.all(Array.from({ length: WIDTH }, work))
  return written
}

const rewrite = async (
  storage: Storage,
  kind: AnyKind,
  object: KubernetesObject,
): Promise<boolean> => {
  const { namespace, name, resourceVersion } = object.metadata
  const copy = { ...object }
  setManagers(copy, managersOf(object))
  try {
    const place = namespace === undefined ? { name } : { namespace, name }
    await storage.write({ kind, ...place, expected: Number(resourceVersion), object: copy })
    return true
  } catch (error) {
    if (error instanceof RevisionConflict) return false
    throw error
  }
}
