/**
 * `defineController`: a controller as data and pure functions; `controller.machine.ts` makes it an actor.
 *
 * A key names an object of the kind `for` (`namespace/name`), never an event: reconcile looks at what is.
 * Invariant: `reconcile` does no I/O, mutates nothing it is given and is fast: it reads by index.
 */
import type { AnyKind, Kind } from '../../api/kind.ts'
import { controllerOf, type KubernetesObject, objectKey } from '../../api/meta.ts'
import type { Cache, Change } from '../../client/view.ts'
import type { Clock } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'
import type { Plan } from './plan.ts'

/** Keys to look at because of a change of another kind. */
export interface Watch {
  kind: AnyKind
  keys(change: Change, cache: Cache): readonly string[]
}

export interface WatchEvery {
  isWatched(kind: AnyKind): boolean
  keys(change: Change, cache: Cache): readonly string[]
}

export interface ControllerDeclaration<T extends KubernetesObject> {
  /** Its name in the machine, logs and `only`. */
  name: string
  /** `source.component` of its events, as Kubernetes names it. */
  component: string
  for: Kind<T>
  /** Kinds whose controller owner is of kind `for`: their changes look at the owner. */
  owns?: readonly AnyKind[]
  watches?: readonly Watch[]
  /** Kinds by a rule instead of one by one: those that come at run time are among them. */
  watchesEvery?: WatchEvery
  /** Whether a change of a `for` object is worth looking at; default: every change. */
  concerns?(change: Change): boolean
  /** Least time between two looks at one key in ms; bursts of changes become one look. Default 0. */
  intervalMs?: number
  /** The longest wait after failures in ms; default: doubling, up to a quarter of an hour. */
  retryMaxMs?: number
  /** What else makes keys worth a look, while leading, e.g. heartbeats; returns how to end it. */
  source?(ports: SourcePorts): () => void
  /**
   * What to do about `key`; `object` is absent when it does not exist. `now` in ms since the epoch.
   * An assertion that fails here counts as a failure of the key.
   */
  reconcile(object: T | undefined, key: string, view: Cache, now: number): Plan
}

export interface SourcePorts {
  cache: Cache
  clock: Clock
  log: Log
  add(key: string): void
  addAfter(key: string, delayMs: number): void
}

/** A controller whose object type is not known here; without `for`, its keys come from `watches` alone. */
export type Controller = Omit<ControllerDeclaration<never>, 'for' | 'reconcile'> & {
  for?: AnyKind
  reconcile(object: unknown, key: string, view: Cache, now: number): Plan
}

export const defineController = <T extends KubernetesObject>(
  declaration: ControllerDeclaration<T>,
): ControllerDeclaration<T> & Controller => declaration as ControllerDeclaration<T> & Controller

/** The keys that a change of any kind means to `controller`. */
export const keysOf = (controller: Controller, change: Change, cache: Cache): readonly string[] => {
  const keys: string[] = []
  if (change.kind === controller.for && (controller.concerns?.(change) ?? true))
    keys.push(objectKey(change.object))
  if (controller.for && controller.owns?.includes(change.kind))
    keys.push(...ownerKeys(controller.for, change))
  for (const watch of controller.watches ?? [])
    if (watch.kind === change.kind) keys.push(...watch.keys(change, cache))
  const { watchesEvery } = controller
  if (watchesEvery?.isWatched(change.kind)) keys.push(...watchesEvery.keys(change, cache))
  return keys
}

/** Whether changes of a kind concern `controller`. */
export const kindFilter = ({
  for: own,
  owns = [],
  watches = [],
  watchesEvery,
}: Controller): ((kind: AnyKind) => boolean) => {
  const kinds = new Set([...(own ? [own] : []), ...owns, ...watches.map(({ kind }) => kind)])
  if (!watchesEvery) return (kind) => kinds.has(kind)
  return (kind) => watchesEvery.isWatched(kind) || kinds.has(kind)
}

/** The owner, and the former owner when it changed. */
const ownerKeys = (kind: AnyKind, { object, previous }: Change): string[] => {
  const now = ownerKey(kind, object)
  const before = previous && ownerKey(kind, previous)
  return [...(now ? [now] : []), ...(before && before !== now ? [before] : [])]
}

const ownerKey = (kind: AnyKind, object: KubernetesObject): string | undefined => {
  const owner = controllerOf(object)
  if (owner?.kind !== kind.kind || owner.apiVersion !== kind.apiVersion) return undefined
  return kind.namespaced ? `${object.metadata.namespace}/${owner.name}` : owner.name
}

/** Namespace and name of a key. */
export const splitKey = (key: string): { namespace?: string; name: string } => {
  const slash = key.indexOf('/')
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}
