/**
 * Objects in the order lists show them (namespace, then name), kept up to date change by change.
 *
 * Invariant: what it holds is what the cache held after the last change it was shown. A kind is built when
 * it is first listed, in its stored form; a change costs the search in one chunk, whatever the size of the collection.
 */
import { type AnyKind, storedKind } from '../../api/kind.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import type { Cache, Change } from '../../client/view.ts'

const CHUNK_SIZE_MAX = 512

const nameOf = (object: KubernetesObject): string => object.metadata.name

/** Index of the first element for which `isAtOrAfter` holds; `items` is sorted by it. */
const firstIndex = <T>(items: readonly T[], isAtOrAfter: (item: T) => boolean): number => {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (isAtOrAfter(items[middle]!)) high = middle
    else low = middle + 1
  }
  return low
}

/** The objects of one kind in one namespace, sorted by name, in chunks so that an insertion moves little. */
class Collection {
  private chunks: KubernetesObject[][] = []
  size = 0

  fill(objects: KubernetesObject[]): void {
    objects.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
    for (let at = 0; at < objects.length; at += CHUNK_SIZE_MAX / 2)
      this.chunks.push(objects.slice(at, at + CHUNK_SIZE_MAX / 2))
    this.size = objects.length
  }

  private chunkOf(name: string): number {
    return firstIndex(this.chunks, (chunk) => nameOf(chunk[chunk.length - 1]!) >= name)
  }

  set(object: KubernetesObject): void {
    const name = nameOf(object)
    let at = this.chunkOf(name)
    if (at === this.chunks.length) {
      if (at === 0) this.chunks.push([])
      else at--
    }
    at = Math.min(at, this.chunks.length - 1)
    const chunk = this.chunks[at]!
    const index = firstIndex(chunk, (item) => nameOf(item) >= name)
    if (index < chunk.length && nameOf(chunk[index]!) === name) {
      chunk[index] = object
      return
    }
    chunk.splice(index, 0, object)
    this.size++
    if (chunk.length > CHUNK_SIZE_MAX)
      this.chunks.splice(at + 1, 0, chunk.splice(CHUNK_SIZE_MAX / 2))
  }

  delete(name: string): void {
    const at = this.chunkOf(name)
    const chunk = this.chunks[at]
    if (!chunk) return
    const index = firstIndex(chunk, (item) => nameOf(item) >= name)
    if (index >= chunk.length || nameOf(chunk[index]!) !== name) return
    chunk.splice(index, 1)
    this.size--
    if (chunk.length === 0) this.chunks.splice(at, 1)
  }

  /** Calls `visit` on each object whose name is greater than `after`, until it answers false. */
  walk(after: string, visit: (object: KubernetesObject) => boolean): boolean {
    for (let at = after ? this.chunkOf(after) : 0; at < this.chunks.length; at++) {
      const chunk = this.chunks[at]!
      let index = after ? firstIndex(chunk, (item) => nameOf(item) > after) : 0
      for (; index < chunk.length; index++) if (!visit(chunk[index]!)) return false
    }
    return true
  }
}

interface Listing {
  /** By namespace, `''` for cluster-scoped kinds. */
  collections: Map<string, Collection>
  /** The keys of `collections`, sorted; undefined after a namespace came or went. */
  namespaces: string[] | undefined
}

/** Where a walk begins: behind this object. */
export interface Position {
  namespace: string
  name: string
}

export class SortedObjects {
  private readonly listings = new Map<AnyKind, Listing>()
  private readonly cache: Cache
  readonly stop: () => void

  constructor(cache: Cache) {
    this.cache = cache
    this.stop = cache.subscribe((change) => this.apply(change))
  }

  /** How many objects a walk over the namespace (undefined: all) visits. */
  count(kind: AnyKind, namespace: string | undefined): number {
    const { collections } = this.listing(kind)
    if (namespace !== undefined) return collections.get(namespace)?.size ?? 0
    let total = 0
    for (const collection of collections.values()) total += collection.size
    return total
  }

  /** Visits in order what follows `after` until `visit` answers false. */
  walk(
    kind: AnyKind,
    namespace: string | undefined,
    after: Position | undefined,
    visit: (object: KubernetesObject) => boolean,
  ): void {
    const listing = this.listing(kind)
    if (namespace !== undefined) {
      listing.collections.get(namespace)?.walk(after?.name ?? '', visit)
      return
    }
    listing.namespaces ??= [...listing.collections.keys()].sort()
    for (const each of listing.namespaces) {
      if (after && each < after.namespace) continue
      const from = after && each === after.namespace ? after.name : ''
      if (!listing.collections.get(each)!.walk(from, visit)) return
    }
  }

  private listing(asked: AnyKind): Listing {
    const kind = storedKind(asked)
    let listing = this.listings.get(kind)
    if (listing) return listing
    const grouped = new Map<string, KubernetesObject[]>()
    for (const object of this.cache.list(kind)) {
      const namespace = object.metadata.namespace ?? ''
      const group = grouped.get(namespace)
      if (group) group.push(object)
      else grouped.set(namespace, [object])
    }
    const collections = new Map<string, Collection>()
    for (const [namespace, objects] of grouped) {
      const collection = new Collection()
      collection.fill(objects)
      collections.set(namespace, collection)
    }
    listing = { collections, namespaces: undefined }
    this.listings.set(kind, listing)
    return listing
  }

  private apply({ type, kind, object }: Change): void {
    const listing = this.listings.get(kind)
    if (!listing) return
    const namespace = object.metadata.namespace ?? ''
    let collection = listing.collections.get(namespace)
    if (type === 'DELETED') {
      collection?.delete(object.metadata.name)
      if (collection?.size !== 0) return
      listing.collections.delete(namespace)
      listing.namespaces = undefined
      return
    }
    if (!collection) {
      collection = new Collection()
      listing.collections.set(namespace, collection)
      listing.namespaces = undefined
    }
    collection.set(object)
  }
}
