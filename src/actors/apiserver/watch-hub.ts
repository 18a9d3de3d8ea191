/**
 * The fan-out of changes to watchers.
 *
 * One subscription to the cache serves all. Watchers that ask for the same thing form a group; a change is
 * shown only to the groups whose kind, namespace, name or node it concerns, is matched once per group, and
 * what a group gathered in one turn of the event loop is encoded once and handed to every member. Invariant:
 * a member sees each change after its start exactly once and in order. A member that does not read is closed.
 */
import { type AnyKind, storedKind } from '../../api/kind.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import type { Cache, Change } from '../../client/view.ts'
import { isEverything, type Selection, selects } from './selection.ts'
import { changesAs } from './stored-form.ts'

export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
  kind: AnyKind
  object: KubernetesObject
}

/** How events become bytes; watchers with equal `id`s share them. */
export interface EventFormat {
  id: string
  encode(events: readonly WatchEvent[]): Uint8Array
  /** Where a watch's first events look otherwise. */
  encodeFirst?(events: readonly WatchEvent[]): Uint8Array
}

export interface Sink {
  write(batch: Uint8Array): void
  /** Bytes that were written and not yet taken by the peer. */
  backlog(): number
  /** Resolves when the peer has taken what was written. */
  drained(): Promise<void>
  /** Ends the watch; the client will open another from the last revision it saw. */
  close(): void
}

/** What one slow reader may hold back before it is cut off. */
const BACKLOG_BYTES_MAX = 16 * 1024 * 1024

interface Member {
  sink: Sink
  bookmarks: boolean
  /** Nothing has been sent yet. */
  isFirst: boolean
}

/** Who wants to be shown what. */
export interface Membership extends Member {
  selection: Selection
  format: EventFormat
  /** Changes up to here are known already. */
  revision: number
}

interface Group {
  key: string
  selection: Selection
  isEverything: boolean
  format: EventFormat
  /** Changes up to this revision are known to the members already. */
  after: number
  members: Set<Member>
  pending: WatchEvent[]
}

/** The groups of one kind, by what tells quickly that a change cannot concern them. */
interface Audience {
  everywhere: Set<Group>
  byNamespace: Map<string, Set<Group>>
  byName: Map<string, Set<Group>>
  byNode: Map<string, Set<Group>>
}

/** A kind that is watched in another form than the stored one. */
interface Form {
  kind: AnyKind
  /** What waits for a webhook, in order. */
  waiting: Change[]
  isBusy: boolean
}

const nodeOf = (object: KubernetesObject | undefined): string | undefined =>
  (object as { spec?: { nodeName?: string } } | undefined)?.spec?.nodeName

export class WatchHub {
  private readonly cache: Cache
  private readonly audiences = new Map<AnyKind, Audience>()
  private readonly forms = new Map<AnyKind, Form[]>()
  private readonly groups = new Map<string, Group>()
  private readonly dirty = new Set<Group>()
  private flushing = false
  private readonly unsubscribe: () => void
  /** Open watches and events handed out so far, for the metrics. */
  members = 0
  delivered = 0

  constructor(cache: Cache) {
    this.cache = cache
    this.unsubscribe = cache.subscribe((change) => this.show(change))
  }

  /** From now on the sink gets every change behind the revision. The result ends that, at a timeout with a bookmark. */
  join(membership: Membership): (isTimeout?: boolean) => void {
    const { selection, format, sink, bookmarks, isFirst, revision } = membership
    const { kind } = selection
    if (this.isOver(kind)) {
      sink.close()
      return () => undefined
    }
    // While a webhook works, changes that the newcomer knows are still to be shown to others.
    const apart = kind.storedAs && this.formOf(kind).isBusy ? `@${revision}` : ''
    const key = keyOf(selection, format) + apart
    let group = this.groups.get(key)
    if (group) this.flush(group)
    else {
      group = {
        key,
        selection,
        isEverything: isEverything(selection),
        format,
        after: apart ? revision : 0,
        members: new Set(),
        pending: [],
      }
      this.groups.set(key, group)
      add(this.placeOf(selection), group)
    }
    const member: Member = { sink, bookmarks, isFirst }
    group.members.add(member)
    this.members++
    return (isTimeout = false) => {
      if (isTimeout && bookmarks && group.members.has(member)) {
        this.flush(group)
        this.mark(group, [member])
      }
      this.leave(group, member)
    }
  }

  /** Tells members that asked for it how far they are. */
  bookmark(): void {
    for (const group of this.groups.values()) {
      const receivers = [...group.members].filter(({ bookmarks }) => bookmarks)
      if (receivers.length === 0) continue
      this.flush(group)
      this.mark(group, receivers)
    }
  }

  private mark(group: Group, members: readonly Member[]): void {
    const { kind } = group.selection
    this.hand(group.format, [bookmarkOf(kind, this.cache.revision(kind))], members)
  }

  /** Encodes once for all, but for those whose first events look otherwise. */
  private hand(
    format: EventFormat,
    events: readonly WatchEvent[],
    members: Iterable<Member>,
  ): void {
    let batch: Uint8Array | undefined
    for (const member of members) {
      const { sink } = member
      if (sink.backlog() > BACKLOG_BYTES_MAX) {
        sink.close()
        continue
      }
      if (member.isFirst && format.encodeFirst) sink.write(format.encodeFirst(events))
      else {
        batch ??= format.encode(events)
        sink.write(batch)
      }
      member.isFirst = false
    }
  }

  /** A custom kind may be served no longer, or otherwise, by the time a watch of it is ready to join. */
  private isOver(kind: AnyKind): boolean {
    return kind.isCustom === true && this.cache.kinds.of(kind.apiVersion)?.get(kind.plural) !== kind
  }

  /** Ends the watches of kinds that are served no longer, or otherwise than before. */
  end(kinds: readonly AnyKind[]): void {
    for (const group of [...this.groups.values()])
      if (kinds.includes(group.selection.kind))
        for (const { sink } of [...group.members]) sink.close()
    for (const kind of kinds) {
      const stored = storedKind(kind)
      this.audiences.delete(kind)
      const left = this.forms.get(stored)?.filter((form) => form.kind !== kind) ?? []
      if (left.length > 0) this.forms.set(stored, left)
      else this.forms.delete(stored)
    }
  }

  stop(): void {
    this.unsubscribe()
    for (const group of [...this.groups.values()]) {
      this.flush(group)
      for (const { sink } of [...group.members]) sink.close()
    }
  }

  private leave(group: Group, member: Member): void {
    if (!group.members.delete(member)) return
    this.members--
    if (group.members.size > 0) return
    this.groups.delete(group.key)
    this.dirty.delete(group)
    const [index, key] = this.placeOf(group.selection)
    const place = index instanceof Map ? index.get(key) : index
    place?.delete(group)
    if (index instanceof Map && place?.size === 0) index.delete(key)
  }

  private placeOf({ kind, namespace, name, node }: Selection): Place {
    let audience = this.audiences.get(kind)
    if (!audience) {
      audience = {
        everywhere: new Set(),
        byNamespace: new Map(),
        byName: new Map(),
        byNode: new Map(),
      }
      this.audiences.set(kind, audience)
    }
    if (name !== undefined) return [audience.byName, name]
    if (node !== undefined) return [audience.byNode, node]
    if (namespace !== undefined) return [audience.byNamespace, namespace]
    return [audience.everywhere, '']
  }

  private formOf(kind: AnyKind): Form {
    const stored = storedKind(kind)
    const forms = this.forms.get(stored) ?? []
    let form = forms.find((each) => each.kind === kind)
    if (!form) {
      form = { kind, waiting: [], isBusy: false }
      this.forms.set(stored, [...forms, form])
    }
    return form
  }

  private show(change: Change): void {
    const audience = this.audiences.get(change.kind)
    if (audience) this.showTo(audience, change)
    const forms = this.forms.get(change.kind)
    if (forms) for (const form of forms) this.showForm(form, change)
  }

  private showForm(form: Form, change: Change): void {
    const audience = this.audiences.get(form.kind)
    if (!audience) return
    if (form.isBusy) {
      form.waiting.push(change)
      return
    }
    const shown = changesAs(form.kind, [change])
    if (!(shown instanceof Promise)) for (const each of shown) this.showTo(audience, each)
    else {
      form.isBusy = true
      void this.showLater(form, shown)
    }
  }

  /** Shows what a webhook converts, in order; without it, watchers have to start again. */
  private async showLater(form: Form, first: Promise<readonly Change[]>): Promise<void> {
    let shown = first
    for (;;) {
      try {
        const audience = this.audiences.get(form.kind)
        for (const each of await shown) if (audience) this.showTo(audience, each)
      } catch {
        form.waiting = []
        form.isBusy = false
        this.end([form.kind])
        return
      }
      if (form.waiting.length === 0) break
      shown = Promise.resolve(changesAs(form.kind, form.waiting.splice(0)))
    }
    form.isBusy = false
  }

  private showTo(audience: Audience, change: Change): void {
    const { namespace, name } = change.object.metadata
    this.showAll(audience.everywhere, change)
    if (namespace !== undefined) this.showAll(audience.byNamespace.get(namespace), change)
    this.showAll(audience.byName.get(name), change)
    if (audience.byNode.size === 0) return
    const node = nodeOf(change.object)
    const before = nodeOf(change.previous)
    if (node !== undefined) this.showAll(audience.byNode.get(node), change)
    if (before !== undefined && before !== node) this.showAll(audience.byNode.get(before), change)
  }

  private showAll(groups: Set<Group> | undefined, change: Change): void {
    if (!groups) return
    for (const group of groups) {
      if (change.revision <= group.after) continue
      const event = eventFor(group.selection, group.isEverything, change)
      if (!event) continue
      group.pending.push(event)
      this.dirty.add(group)
      if (this.flushing) continue
      this.flushing = true
      setImmediate(() => this.flushAll())
    }
  }

  private flushAll(): void {
    this.flushing = false
    for (const group of this.dirty) this.flush(group)
  }

  private flush(group: Group): void {
    this.dirty.delete(group)
    if (group.pending.length === 0) return
    const { pending } = group
    group.pending = []
    this.delivered += pending.length * group.members.size
    this.hand(group.format, pending, group.members)
  }
}

type Place = readonly [Set<Group> | Map<string, Set<Group>>, string]

const add = ([index, key]: Place, group: Group): void => {
  if (!(index instanceof Map)) {
    index.add(group)
    return
  }
  const place = index.get(key)
  if (place) place.add(group)
  else index.set(key, new Set([group]))
}

const keyOf = ({ kind, namespace, labels, fields }: Selection, format: EventFormat): string =>
  JSON.stringify([kind.apiVersion, kind.plural, namespace, labels, fields, format.id])

/** What a change looks like through a selection; undefined when it cannot be seen. */
export const eventFor = (
  selection: Selection,
  all: boolean,
  { type, kind, object, previous }: Change,
): WatchEvent | undefined => {
  const { namespace } = selection
  if (namespace !== undefined && object.metadata.namespace !== namespace) return undefined
  if (all) return { type, kind, object }
  const was = type === 'ADDED' ? false : selects(selection, previous ?? object)
  const is = type === 'DELETED' ? false : selects(selection, object)
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', kind, object }
  if (!was) return undefined
  if (type === 'DELETED') return { type, kind, object }
  const { resourceVersion } = object.metadata
  const last = { ...previous!, metadata: { ...previous!.metadata, resourceVersion } }
  return { type: 'DELETED', kind, object: last }
}

export const bookmarkOf = (
  kind: AnyKind,
  revision: number,
  annotations?: Record<string, string>,
): WatchEvent => {
  const metadata = {
    resourceVersion: String(revision),
    creationTimestamp: null,
    ...(annotations ? { annotations } : {}),
  } as unknown as KubernetesObject['metadata']
  return {
    type: 'BOOKMARK',
    kind,
    object: { kind: kind.kind, apiVersion: kind.apiVersion, metadata },
  }
}
