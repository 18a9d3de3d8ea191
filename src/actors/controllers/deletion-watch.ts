/**
 * Tells when the cache has seen a deletion: the object is gone, is another one, or is terminating.
 *
 * A delete returns no revision, so its effect is awaited on the object itself. Invariant: every wait ends,
 * at the latest after WAIT_MS; then the next reconcile sees whatever is true.
 */
import type { AnyKind } from '../../api/kind.ts'
import { type KubernetesObject, objectKey } from '../../api/meta.ts'
import type { Cache } from '../../client/view.ts'
import type { Clock } from '../../std/clock.ts'

const WAIT_MS = 5_000

export interface DeletionWatch {
  seen(kind: AnyKind, object: KubernetesObject): Promise<void>
  stop(): void
}

export const createDeletionWatch = (cache: Cache, clock: Clock): DeletionWatch => {
  const waits = new Map<string, Set<() => void>>()
  const keyOf = (kind: AnyKind, object: KubernetesObject) =>
    `${kind.group}/${kind.plural}/${objectKey(object)}`

  const unsubscribe = cache.subscribe(({ type, kind, object }) => {
    if (waits.size === 0) return
    if (type !== 'DELETED' && !object.metadata.deletionTimestamp) return
    const waiting = waits.get(keyOf(kind, object))
    if (waiting) for (const resolve of [...waiting]) resolve()
  })

  return {
    seen: (kind, object) => {
      const current = cache.get(kind, object.metadata.namespace, object.metadata.name)
      if (current?.metadata.uid !== object.metadata.uid || current.metadata.deletionTimestamp)
        return Promise.resolve()
      return new Promise<void>((resolve) => {
        const key = keyOf(kind, object)
        const waiting = waits.get(key) ?? new Set()
        waits.set(key, waiting)
        const end = () => {
          cancel()
          waiting.delete(end)
          if (waiting.size === 0) waits.delete(key)
          resolve()
        }
        const cancel = clock.after(WAIT_MS, end)
        waiting.add(end)
      })
    },
    stop: () => {
      unsubscribe()
      for (const waiting of [...waits.values()]) for (const end of [...waiting]) end()
    },
  }
}
