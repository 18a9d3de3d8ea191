/**
 * `Storage` over the cache in memory: compare-and-set and fences without NATS.
 *
 * Invariant: one writer at a time, so a resolved write is visible. Nothing is durable.
 */
import type { KubernetesObject } from '../../src/api/meta.ts'
import { FenceLost, RevisionConflict, type Storage } from '../../src/client/storage.ts'
import { type MemoryCache, memoryCache } from './memory-cache.ts'

export interface MemoryStorage extends Storage {
  readonly cache: MemoryCache
  /** Writes that reached the store. */
  readonly writes: number
  /** Runs before each write is applied: a test can be faster than the writer. */
  before?: (() => void) | undefined
}

export const memoryStorage = (cache: MemoryCache = memoryCache()): MemoryStorage => {
  const fences = new Map<string, { revision: number; holder: string }>()
  let writes = 0
  const storage: MemoryStorage = {
    cache,
    get writes() {
      return writes
    },
    write: async (write) => {
      await Promise.resolve()
      const { before } = storage
      storage.before = undefined
      before?.()
      const { fence } = write
      if (fence && fences.get(fence.component)?.revision !== fence.revision) throw new FenceLost()
      const members = [...(write.before ?? []), write]
      for (const { kind, namespace, name, expected } of members) {
        const stored = cache.stored<KubernetesObject>(kind, namespace, name)
        if (Number(stored?.metadata.resourceVersion ?? 0) !== expected) throw new RevisionConflict()
      }
      for (const { object, last } of members) {
        writes++
        if (object) cache.put(object)
        else if (last) cache.remove(last)
      }
      return cache.head
    },
    barrier: async () => undefined,
    takeFence: async (component, expected, holder) => {
      if ((fences.get(component)?.revision ?? 0) !== expected) throw new RevisionConflict()
      const revision = expected + 1
      fences.set(component, { revision, holder })
      return revision
    },
    fence: (component) => fences.get(component),
  }
  return storage
}
