/**
 * `View` and `Cache`: how a component reads the cluster.
 *
 * Invariant: a cache never moves to a lower revision; its objects are shared and never mutated.
 * It never writes.
 */
import type { AnyKind, Kind } from '../api/kind.ts'
import type { KubernetesObject } from '../api/meta.ts'
import type { KindRegistry } from '../api/registry.ts'
import type { LabelSelector } from '../api/selector.ts'

export interface ListQuery {
  namespace?: string
  labels?: LabelSelector
  /** uid of a controller owner (`ownerReferences` with `controller: true`). */
  owner?: string
  /** spec.nodeName; pods only. */
  node?: string
}

/** Of a kind that is stored as another one, a view gives the stored objects. */
export interface View {
  get<T extends KubernetesObject>(
    kind: Kind<T>,
    namespace: string | undefined,
    name: string,
  ): T | undefined
  /** Unordered; uses an index where the query allows. The array is the caller's, the objects are shared. */
  list<T extends KubernetesObject>(kind: Kind<T>, query?: ListQuery): T[]
}

export interface Change<T extends KubernetesObject = KubernetesObject> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED'
  /** A stored kind. */
  kind: AnyKind
  /** The new object; for DELETED the last one, with the deletion's revision as resourceVersion. */
  object: T
  /** What the cache held before; absent for ADDED. */
  previous?: T
  revision: number
}

export interface Cache extends View {
  /** The kinds there are right now. */
  readonly kinds: KindRegistry
  /** Resolves when the cache holds everything the streams held at start. */
  readonly ready: Promise<void>
  /** Newest revision applied of the stream that stores `kind`. */
  revision(kind: AnyKind): number
  /** How many objects there are of a stored kind, of all namespaces or one; does not look at them. */
  count(kind: AnyKind, namespace?: string): number
  /** Called once per change, in revision order, synchronously after the cache applied it. No replay. */
  subscribe(listener: (change: Change) => void): () => void
  /** Changes of `kind` after `revision`, oldest first; undefined when the ring no longer reaches back (410). */
  changesSince(kind: AnyKind, revision: number): readonly Change[] | undefined
  /**
   * Resolves when the stream that stores `kind` has been applied up to `revision`. Rejects 504 after `withinMs`, or
   * after longer than a stream may be without a leader.
   */
  reached(kind: AnyKind, revision: number, withinMs?: number): Promise<void>
}
