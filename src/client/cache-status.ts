/**
 * How far a cache is: what people compare when a replica seems behind.
 * It counts when it is asked and keeps nothing.
 */
import type { StorageClass } from '../bus/subjects.ts'
import type { Cache } from './view.ts'

export interface CacheStatus {
  /** The newest revision applied, by stream. */
  revisions: Record<StorageClass, number>
  /** Objects held, by the kind's plural; of a custom kind with its group. */
  objects: Record<string, number>
}

export const cacheStatus = (cache: Cache): CacheStatus => {
  const revisions = { state: 0, events: 0 }
  const objects: Record<string, number> = {}
  for (const kind of cache.kinds.stored) {
    revisions[kind.storage] = cache.revision(kind)
    const word = kind.version ? kind.plural : `${kind.plural}.${kind.group}`
    objects[word] = cache.list(kind).length
  }
  return { revisions, objects }
}
