/**
 * All objects of one kind in memory, with the indexes a `ListQuery` can use.
 *
 * Invariant: the indexes hold exactly the keys of `objects`; an update that moves nothing touches none of
 * them. Objects are shared, never mutated, never copied.
 */
import { controllerOf, type KubernetesObject, objectKey } from '../api/meta.ts'
import { type LabelSelector, matchesLabels } from '../api/selector.ts'
import type { ListQuery } from './view.ts'

type Keys = Set<string>

export class ObjectIndex {
  readonly objects = new Map<string, KubernetesObject>()
  private readonly byNamespace = new Map<string, Keys>()
  /** By `key=value`. */
  private readonly byLabel = new Map<string, Keys>()
  private readonly byOwner = new Map<string, Keys>()
  private readonly byNode = new Map<string, Keys>()

  /** Stores `object` and returns what was there before. */
  put(object: KubernetesObject): KubernetesObject | undefined {
    const key = objectKey(object)
    const previous = this.objects.get(key)
    this.objects.set(key, object)
    const { namespace, labels } = object.metadata
    if (!previous && namespace) add(this.byNamespace, namespace, key)
    move(this.byOwner, key, previous && controllerOf(previous)?.uid, controllerOf(object)?.uid)
    move(this.byNode, key, previous && nodeOf(previous), nodeOf(object))
    this.moveLabels(key, previous?.metadata.labels, labels)
    return previous
  }

  /** Removes the object with that key and returns it. */
  remove(key: string): KubernetesObject | undefined {
    const previous = this.objects.get(key)
    if (!previous) return undefined
    this.objects.delete(key)
    const { namespace, labels } = previous.metadata
    if (namespace) drop(this.byNamespace, namespace, key)
    move(this.byOwner, key, controllerOf(previous)?.uid, undefined)
    move(this.byNode, key, nodeOf(previous), undefined)
    this.moveLabels(key, labels, undefined)
    return previous
  }

  list(query: ListQuery = {}): KubernetesObject[] {
    const sets = this.candidates(query)
    const listed: KubernetesObject[] = []
    if (sets.length === 0) {
      for (const object of this.objects.values()) if (selects(query, object)) listed.push(object)
      return listed
    }
    let smallest = sets[0]!
    for (const set of sets) if (set.size < smallest.size) smallest = set
    for (const key of smallest) {
      const object = this.objects.get(key)!
      if (selects(query, object)) listed.push(object)
    }
    return listed
  }

  /** How many there are, in all namespaces or one. */
  count(namespace?: string): number {
    return namespace === undefined
      ? this.objects.size
      : (this.byNamespace.get(namespace)?.size ?? 0)
  }

  /** Every index set that contains all matches. */
  private candidates({ namespace, labels, owner, node }: ListQuery): Keys[] {
    const sets: Keys[] = []
    if (namespace !== undefined) sets.push(this.byNamespace.get(namespace) ?? NONE)
    if (owner !== undefined) sets.push(this.byOwner.get(owner) ?? NONE)
    if (node !== undefined) sets.push(this.byNode.get(node) ?? NONE)
    for (const { key, operator, values } of labels ?? [])
      if ((operator === '=' || operator === 'In') && values.length === 1)
        sets.push(this.byLabel.get(`${key}=${values[0]}`) ?? NONE)
    return sets
  }

  private moveLabels(
    key: string,
    from: Readonly<Record<string, string>> | undefined,
    to: Readonly<Record<string, string>> | undefined,
  ) {
    for (const name in from)
      if (to?.[name] !== from[name]) drop(this.byLabel, `${name}=${from[name]}`, key)
    for (const name in to)
      if (from?.[name] !== to[name]) add(this.byLabel, `${name}=${to[name]}`, key)
  }
}

const NONE: Keys = new Set()

const nodeOf = (object: KubernetesObject): string | undefined =>
  (object as { spec?: { nodeName?: string } }).spec?.nodeName

const selects = (query: ListQuery, object: KubernetesObject): boolean =>
  (query.namespace === undefined || object.metadata.namespace === query.namespace) &&
  (query.owner === undefined || controllerOf(object)?.uid === query.owner) &&
  (query.node === undefined || nodeOf(object) === query.node) &&
  labelsSelected(query.labels, object)

const labelsSelected = (labels: LabelSelector | undefined, object: KubernetesObject) =>
  labels === undefined || labels.length === 0 || matchesLabels(labels, object.metadata.labels)

const add = (index: Map<string, Keys>, value: string, key: string) => {
  const keys = index.get(value)
  if (keys) keys.add(key)
  else index.set(value, new Set([key]))
}

const drop = (index: Map<string, Keys>, value: string, key: string) => {
  const keys = index.get(value)
  if (keys?.delete(key) && keys.size === 0) index.delete(value)
}

const move = (
  index: Map<string, Keys>,
  key: string,
  from: string | undefined,
  to: string | undefined,
) => {
  if (from === to) return
  if (from !== undefined) drop(index, from, key)
  if (to !== undefined) add(index, to, key)
}
