/**
 * `Storage`: what the apiserver may ask of the store, in the same process.
 *
 * Invariant: a resolved write is on disk and in this process's cache. Writes are compare-and-set; the
 * store knows nothing of defaults or validation.
 */
import type { AnyKind } from '../api/kind.ts'
import type { KubernetesObject } from '../api/meta.ts'
import type { Cache } from './view.ts'

/** Proof of leadership: the write happens only while `component`'s fence has this revision. */
export interface Fence {
  component: string
  revision: number
}

export interface Write {
  kind: AnyKind
  namespace?: string
  name: string
  /** The object's revision as last read; 0: it must not exist. */
  expected: number
  /** The new object (its resourceVersion is ignored), or undefined to delete. */
  object?: KubernetesObject
  /** For a deletion: the object's last state, which watchers receive. */
  last?: KubernetesObject
  fence?: Fence
  /**
   * Other writes of the same stream that are committed with this one, just before it and in their order, or not at
   * all: their revisions come right before its own. They have no fence or companions themselves. At most 200.
   */
  before?: readonly Write[]
  /** Seconds until it expires; only kinds stored in `events`. */
  ttlSeconds?: number
}

/** The write lost the race: the object is not at `expected`. The cache has been brought up to date. */
export class RevisionConflict extends Error {}
/** The fence has moved on: the writer is no longer the leader. */
export class FenceLost extends Error {}
/** The stream no longer holds what was acknowledged; the message says in what way. Starting again cannot help. */
export class StateLost extends Error {}

export interface Storage {
  readonly cache: Cache
  /**
   * Commits one write and resolves with its revision once the local cache holds it.
   * Throws RevisionConflict, FenceLost, StatusError 413 (too large), 504 (unknown outcome, read back failed),
   * 429 (queue full).
   */
  write(write: Write): Promise<number>
  /** Resolves when the local cache holds every write acknowledged anywhere before this call. Shared by callers. */
  barrier(kind: AnyKind): Promise<void>
  /**
   * Takes leadership: moves `component`'s fence from `expected` (0: none) and returns its new revision.
   * Throws RevisionConflict when somebody else took it.
   */
  takeFence(component: string, expected: number, holder: string): Promise<number>
  /** The fence as this cache knows it. */
  fence(component: string): { revision: number; holder: string } | undefined
}
