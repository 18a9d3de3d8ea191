/**
 * How far a cache is: what people compare when a replica seems behind.
 * It counts when it is asked and keeps nothing.
 */
import { kinds } from '../api/kinds.ts'
import type { StorageClass } from '../bus/subjects.ts'
import type { Cache } from './view.ts'

export interface CacheStatus {
  /** The newest revision applied, by stream. */
  revisions: Record<StorageClass, number>
  /** Objects held, by the kind's plural. */
  objects: Record<string, number>
}

export const cacheStatus = (cache: Cache): CacheStatus => {
  const revisions = { state: 0, events: 0 }
  const objects: Record<string, number> = {}
  for (const kind of kinds) {
    revisions[kind.storage] = cache.revision(kind)
    objects[kind.plural] = cache.list(kind).length
  }
  return { revisions, objects }
}
