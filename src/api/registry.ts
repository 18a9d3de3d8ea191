/**
 * `KindRegistry`: the kinds there are right now; custom ones come and go at run time.
 *
 * Two layers. *Stored* kinds are what caches hold: the cache adds one when it first sees an object or a
 * definition of it, and it stays the same object as long as the process lives, so whatever is filed by kind
 * stays valid. *Served* kinds are what the API offers: each version of a custom kind is one, made anew when
 * its definition changes. Invariant: built-in kinds are always there and are never looked up by more than a
 * Map. It makes no kinds of definitions itself.
 */
import { type AnyKind, defineKind, storedKind } from './kind.ts'
import { kinds as builtIn, virtualKinds } from './kinds.ts'
import type { KubernetesObject } from './meta.ts'
import { compareVersions } from './version-order.ts'

/** What a definition says of a resource that is stored. */
export interface ResourceNames {
  group: string
  plural: string
  kind: string
  namespaced: boolean
}

export class KindRegistry {
  /** Rises whenever the served kinds change. */
  generation = 0
  private readonly storedByResource = new Map<string, AnyKind>()
  /** Stored custom kinds that have a definition, by `group/Kind`. */
  private readonly defined = new Map<string, AnyKind>()
  private readonly servedByOwner = new Map<string, readonly AnyKind[]>()
  private readonly listeners = new Set<() => void>()
  private indexes: Indexes

  constructor(private readonly permanent: readonly AnyKind[] = [...builtIn, ...virtualKinds]) {
    this.indexes = indexesOf(permanent)
    for (const kind of permanent)
      if (!kind.storedAs && !kind.isVirtual)
        this.storedByResource.set(`${kind.group}/${kind.plural}`, kind)
  }

  /** Every served kind, the preferred version of a resource before its others. */
  get served(): readonly AnyKind[] {
    return this.indexes.served
  }

  /** Every kind that has objects of its own in a stream. */
  get stored(): IterableIterator<AnyKind> {
    return this.storedByResource.values()
  }

  /** The kinds of `v1`, `apps/v1` … by plural. */
  of(apiVersion: string): ReadonlyMap<string, AnyKind> | undefined {
    return this.indexes.byVersion.get(apiVersion)
  }

  byName(apiVersion: string, kind: string): AnyKind | undefined {
    return this.indexes.byName.get(`${apiVersion}/${kind}`)
  }

  /** The preferred version of a resource. */
  byResource(group: string, plural: string): AnyKind | undefined {
    return this.indexes.byWord.get(group ? `${plural}.${group}` : `${plural}.v1`)
  }

  /** `pods`, `po`, `deployments.apps`, `deploy.v1.apps` … in any case. */
  byWord(word: string): AnyKind | undefined {
    return this.indexes.byWord.get(word.toLowerCase())
  }

  /** The kind that stores the objects an owner reference names, in whatever version it names them. */
  storedByName(apiVersion: string, kind: string): AnyKind | undefined {
    const found = this.byName(apiVersion, kind)
    if (found) return storedKind(found)
    const slash = apiVersion.indexOf('/')
    return slash < 0 ? undefined : this.defined.get(`${apiVersion.slice(0, slash)}/${kind}`)
  }

  /** The stored kind of a resource, made when it is met for the first time. */
  storedAt(group: string, plural: string, kind = '', namespaced = true): AnyKind {
    const key = `${group}/${plural}`
    let found = this.storedByResource.get(key)
    if (!found) {
      found = customStoredKind({ group, plural, kind, namespaced })
      this.storedByResource.set(key, found)
    }
    return found
  }

  /** A definition was seen: its resource may be the owner of others even if it has no objects yet. */
  define({ group, plural, kind, namespaced }: ResourceNames): void {
    const stored = this.storedAt(group, plural, kind, namespaced)
    if (this.permanent.includes(stored)) return
    stored.kind = kind
    stored.namespaced = namespaced
    this.defined.set(`${group}/${kind}`, stored)
  }

  /** The definition is gone. Objects that are left stay in the caches, out of reach. */
  undefine({ group, kind }: ResourceNames): void {
    this.defined.delete(`${group}/${kind}`)
  }

  /** Serves exactly `kinds` for `owner`, a definition's name; none: no longer. */
  serve(owner: string, kinds: readonly AnyKind[]): void {
    if (kinds.length > 0) this.servedByOwner.set(owner, kinds)
    else if (!this.servedByOwner.delete(owner)) return
    this.indexes = indexesOf([...this.permanent, ...[...this.servedByOwner.values()].flat()])
    this.generation++
    for (const listener of [...this.listeners]) listener()
  }

  /** Calls `listener` after the served kinds have changed; the result ends that. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }
}

interface Indexes {
  served: readonly AnyKind[]
  byVersion: ReadonlyMap<string, ReadonlyMap<string, AnyKind>>
  byName: ReadonlyMap<string, AnyKind>
  byWord: ReadonlyMap<string, AnyKind>
}

const indexesOf = (kinds: readonly AnyKind[]): Indexes => {
  const byVersion = new Map<string, Map<string, AnyKind>>()
  const byName = new Map<string, AnyKind>()
  const byWord = new Map<string, AnyKind>()
  for (const kind of kinds) {
    let version = byVersion.get(kind.apiVersion)
    if (!version) {
      version = new Map()
      byVersion.set(kind.apiVersion, version)
    }
    if (!version.has(kind.plural)) version.set(kind.plural, kind)
    const name = `${kind.apiVersion}/${kind.kind}`
    if (!byName.has(name)) byName.set(name, kind)
    for (const word of [kind.plural, kind.singular, ...(kind.shortNames ?? [])])
      for (const form of formsOf(word, kind)) if (!byWord.has(form)) byWord.set(form, kind)
  }
  return { served: kinds, byVersion, byName, byWord }
}

const formsOf = (word: string, { group, version }: AnyKind): string[] =>
  group ? [word, `${word}.${group}`, `${word}.${version}.${group}`] : [word, `${word}.${version}`]

/** Versions of one group in the order of preference: as listed, custom ones as Kubernetes ranks them. */
export const versionsOf = (members: readonly AnyKind[]): string[] => {
  const versions = [...new Set(members.map(({ version }) => version))]
  return members.every(({ isCustom }) => isCustom) ? versions.sort(compareVersions) : versions
}

const customStoredKind = ({ group, plural, kind, namespaced }: ResourceNames): AnyKind =>
  defineKind({
    group,
    // Objects say themselves which version they are of.
    version: '',
    kind,
    plural,
    singular: '',
    namespaced,
    model: '',
    columns: [],
    digest: ({ apiVersion, kind: name, metadata }): KubernetesObject => {
      const { managedFields: _, ...rest } = metadata
      return { apiVersion, kind: name, metadata: rest }
    },
  })
