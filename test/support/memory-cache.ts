/**
 * `Cache` over Maps, for tests: what is put is visible at once, or after `release()` when held.
 *
 * Invariant: one revision counts every change, as the state stream does. `stored` is the truth a client
 * compares against; the view shows what was released. It knows no admission and no defaults.
 */
import { type AnyKind, type Kind, storedKind } from '../../src/api/kind.ts'
import { controllerOf, type KubernetesObject, objectKey } from '../../src/api/meta.ts'
import { KindRegistry } from '../../src/api/registry.ts'
import type { LabelSelector } from '../../src/api/selector.ts'
import type { Cache, Change, ListQuery } from '../../src/client/view.ts'

export interface MemoryCache extends Cache {
  /** Stores objects as they are (a resourceVersion is given), and shows them unless held. */
  put(...objects: KubernetesObject[]): void
  /** Removes an object for good. */
  remove(object: KubernetesObject): void
  /** The truth, held back or not. */
  stored<T extends KubernetesObject>(
    kind: Kind<T>,
    namespace: string | undefined,
    name: string,
  ): T | undefined
  /** Newest revision of the truth. */
  readonly head: number
  /** From now on changes wait for `release()`: a cache that lags. */
  hold(): void
  release(): void
}

type Objects = Map<string, KubernetesObject>

export const memoryCache = (...initial: KubernetesObject[]): MemoryCache => {
  const registry = new KindRegistry()
  const kindOf = (object: KubernetesObject): AnyKind => {
    const kind = registry.storedByName(object.apiVersion, object.kind)
    if (!kind) throw new Error(`no kind ${object.apiVersion} ${object.kind}`)
    return kind
  }
  const truth = new Map<AnyKind, Objects>()
  const shown = new Map<AnyKind, Objects>()
  const owners = new Map<AnyKind, Map<string, Objects>>()
  const listeners = new Set<(change: Change) => void>()
  const log: Change[] = []
  const held: Change[] = []
  const waiting: { revision: number; resolve: () => void }[] = []
  let holding = false
  let head = 0
  let visible = 0

  const index = (kind: AnyKind, key: string, old?: KubernetesObject, next?: KubernetesObject) => {
    const byOwner = at(owners, kind)
    const before = old && controllerOf(old)?.uid
    const after = next && controllerOf(next)?.uid
    if (before && before !== after) byOwner.get(before)?.delete(key)
    if (after && next) at(byOwner, after).set(key, next)
  }

  const show = (change: Change) => {
    const objects = at(shown, change.kind)
    const key = objectKey(change.object)
    const previous = objects.get(key)
    if (change.type === 'DELETED') objects.delete(key)
    else objects.set(key, change.object)
    index(change.kind, key, previous, change.type === 'DELETED' ? undefined : change.object)
    visible = change.revision
    log.push(change)
    for (const listener of listeners) listener(change)
    for (let i = waiting.length - 1; i >= 0; i--)
      if (waiting[i]!.revision <= visible) waiting.splice(i, 1)[0]!.resolve()
  }

  const accept = (change: Change) => {
    if (holding) held.push(change)
    else show(change)
  }

  const stamped = (object: KubernetesObject): KubernetesObject => ({
    ...object,
    metadata: { ...object.metadata, resourceVersion: String(++head) },
  })

  const cache: MemoryCache = {
    kinds: registry,
    ready: Promise.resolve(),
    get head() {
      return head
    },
    put: (...objects) => {
      for (const given of objects) {
        const kind = kindOf(given)
        const object = stamped(given)
        const previous = at(truth, kind).get(objectKey(object))
        at(truth, kind).set(objectKey(object), object)
        const type = previous ? 'MODIFIED' : 'ADDED'
        accept({ type, kind, object, revision: head, ...(previous ? { previous } : {}) })
      }
    },
    remove: (given) => {
      const kind = kindOf(given)
      const previous = at(truth, kind).get(objectKey(given))
      if (!previous) return
      at(truth, kind).delete(objectKey(given))
      accept({ type: 'DELETED', kind, object: stamped(previous), previous, revision: head })
    },
    stored: <T extends KubernetesObject>(
      kind: Kind<T>,
      namespace: string | undefined,
      name: string,
    ) => at(truth, storedKind(kind)).get(keyOf(namespace, name)) as T | undefined,
    hold: () => {
      holding = true
    },
    release: () => {
      holding = false
      for (const change of held.splice(0)) show(change)
    },
    get: <T extends KubernetesObject>(kind: Kind<T>, namespace: string | undefined, name: string) =>
      at(shown, storedKind(kind)).get(keyOf(namespace, name)) as T | undefined,
    list: <T extends KubernetesObject>(kind: Kind<T>, query: ListQuery = {}) => {
      const from = query.owner
        ? (owners.get(kind)?.get(query.owner) ?? new Map<string, KubernetesObject>())
        : at(shown, storedKind(kind))
      return [...from.values()].filter((object) => selects(query, object)) as T[]
    },
    count: (kind, namespace) =>
      [...at(shown, storedKind(kind)).values()].filter(
        ({ metadata }) => namespace === undefined || metadata.namespace === namespace,
      ).length,
    revision: () => visible,
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    changesSince: (kind, revision) =>
      log.filter((change) => change.kind === storedKind(kind) && change.revision > revision),
    reached: (_kind, revision) =>
      revision <= visible
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiting.push({ revision, resolve })
          }),
  }
  cache.put(...initial)
  return cache
}

/** Whether labels meet every requirement of a selector. */
export const labelsMatch = (
  selector: LabelSelector,
  labels: Readonly<Record<string, string>> = {},
): boolean =>
  selector.every(({ key, operator, values }) => {
    const value = labels[key]
    switch (operator) {
      case 'Exists':
        return value !== undefined
      case 'DoesNotExist':
        return value === undefined
      case 'NotIn':
      case '!=':
        return value === undefined || !values.includes(value)
      case 'gt':
        return value !== undefined && Number(value) > Number(values[0])
      case 'lt':
        return value !== undefined && Number(value) < Number(values[0])
      default:
        return value !== undefined && values.includes(value)
    }
  })

const selects = (query: ListQuery, object: KubernetesObject): boolean =>
  (query.namespace === undefined || object.metadata.namespace === query.namespace) &&
  (query.labels === undefined || labelsMatch(query.labels, object.metadata.labels)) &&
  (query.node === undefined ||
    (object as { spec?: { nodeName?: string } }).spec?.nodeName === query.node)

const keyOf = (namespace: string | undefined, name: string) =>
  namespace ? `${namespace}/${name}` : name

const at = <K, Key, V>(maps: Map<K, Map<Key, V>>, key: K): Map<Key, V> => {
  const found = maps.get(key)
  if (found) return found
  const map = new Map<Key, V>()
  maps.set(key, map)
  return map
}
