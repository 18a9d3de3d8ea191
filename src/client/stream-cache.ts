/**
 * The cache of a process that may read the streams: one follower a stream, every object decoded once.
 *
 * Invariant: the cache moves forward only; at revision r it holds exactly what the stream held at r. Objects
 * are shared and never mutated. It never writes.
 */
import { CustomResourceDefinition } from '../api/apiextensions/custom-resource-definition.ts'
import { type AnyKind, type Kind, storedKind } from '../api/kind.ts'
import { type KubernetesObject, objectKey } from '../api/meta.ts'
import { KindRegistry, type ResourceNames } from '../api/registry.ts'
import { decodeTrusted } from '../bus/codec.ts'
import type { Follower, StreamMessage, Streams } from '../bus/stream.ts'
import { type StateKey, type StorageClass, type Subjects, subjectsFor } from '../bus/subjects.ts'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import { ChangeRing } from './change-ring.ts'
import { ObjectIndex } from './object-index.ts'
import { RevisionWaiters } from './revision-waiters.ts'
import type { Sealing } from './sealing.ts'
import { readStored } from './stored-object.ts'
import type { Cache, Change, ListQuery } from './view.ts'

/** Recent changes kept per kind. */
const RING = {
  state: { changes: 50_000, bytes: 32 * 1024 * 1024 },
  events: { changes: 10_000, bytes: 8 * 1024 * 1024 },
}
const NO_RING = { changes: 0, bytes: 0 }
const boundsOf = ({ storage, recentBytesMax }: AnyKind) => {
  const bounds = RING[storage]
  return recentBytesMax ? { ...bounds, bytes: recentBytesMax } : bounds
}
const ASK_AGAIN_MS = 100

export interface FenceState {
  revision: number
  holder: string
}

export interface StreamCache extends Cache {
  /** The fence of a component, as far as this cache knows. */
  fence(component: string): FenceState | undefined
  /** The sequence of the tombstone at a key, 0 without one: what a create must expect. */
  tombstone(storage: StorageClass, subject: string): number
  /** Objects held, by kind's plural; of a custom kind with its group. */
  counts(): Record<string, number>
  stop(): Promise<void>
}

export interface StreamCachePorts {
  streams: Streams
  clock: Clock
  log: Log
  /** The cluster's subject prefix, default `kubus`. */
  prefix?: string
  /** Kinds to hold; others are skipped undecoded. Default: all, those that are not known yet too. */
  kinds?: readonly AnyKind[]
  /** Keep what `Kind.digest` leaves of objects, where it is all that anybody here looks at. */
  digests?: boolean
  /** Keep recent changes for `changesSince`. Default: yes. */
  history?: boolean
  /** Opens what was stored encrypted; without it such objects are not readable, and are passed over. */
  sealing?: Sealing | undefined
}

/** Starts following and resolves at once, also before the streams exist; `ready` says when it is complete. */
export const openCache = async ({
  streams,
  clock,
  log,
  prefix = 'kubus',
  kinds,
  digests = false,
  history = true,
  sealing,
}: StreamCachePorts): Promise<StreamCache> => {
  const registry = new KindRegistry()
  const listeners = new Set<(change: Change) => void>()
  const emit = (change: Change) => {
    for (const listener of listeners)
      try {
        listener(change)
      } catch (error) {
        log.error({ err: error, kind: change.kind.kind }, 'a listener of the cache failed')
      }
  }
  const subjects = subjectsFor(prefix)
  const ports = { streams, clock, log, subjects, emit, history, digests, registry, sealing }
  const copies = {
    state: new StreamCopy('state', kinds, ports),
    events: new StreamCopy('events', kinds, ports),
  }
  void copies.state.start()
  void copies.events.start()
  const table = (kind: AnyKind) => copies[kind.storage].table(kind)
  return {
    kinds: registry,
    ready: Promise.all([copies.state.ready, copies.events.ready]).then(() => {}),
    get: <T extends KubernetesObject>(kind: Kind<T>, namespace: string | undefined, name: string) =>
      table(kind)?.index.objects.get(namespace ? `${namespace}/${name}` : name) as T | undefined,
    list: <T extends KubernetesObject>(kind: Kind<T>, query?: ListQuery) =>
      (table(kind)?.index.list(query) ?? []) as T[],
    count: (kind, namespace) => table(kind)?.index.count(namespace) ?? 0,
    revision: (kind) => copies[kind.storage].applied,
    subscribe: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    changesSince: (kind, revision) => table(kind)?.ring.since(revision),
    reached: (kind, revision, withinMs) => copies[kind.storage].reached(revision, withinMs),
    fence: (component) => copies.state.fences.get(component),
    tombstone: (storage, subject) => copies[storage].tombstones.get(subject) ?? 0,
    counts: () => ({ ...copies.state.counts(), ...copies.events.counts() }),
    stop: async () => {
      await Promise.all([copies.state.stop(), copies.events.stop()])
    },
  }
}

interface Table {
  kind: AnyKind
  index: ObjectIndex
  ring: ChangeRing
}

interface CopyPorts {
  streams: Streams
  clock: Clock
  log: Log
  subjects: Subjects
  emit(change: Change): void
  history: boolean
  digests: boolean
  registry: KindRegistry
  sealing: Sealing | undefined
}

/** What one stream holds, in memory. */
class StreamCopy {
  /** Everything up to this sequence has been applied. */
  applied = 0
  readonly fences = new Map<string, FenceState>()
  /** Sequences of tombstones by subject, oldest first. */
  readonly tombstones = new Map<string, number>()
  readonly ready: Promise<void>
  private setReady!: () => void
  private isReady = false
  /** What `applied` was when it became ready. */
  private completeAt = 0
  private readyAt = Number.POSITIVE_INFINITY
  private readonly tables = new Map<string, Table>()
  private readonly byKind = new Map<AnyKind, Table>()
  private readonly waiters: RevisionWaiters
  private follower: Follower | undefined
  /** During a replay after a long break: the keys seen so far; the rest has gone meanwhile. */
  private replayed: Set<string> | undefined
  private isStopped = false

  constructor(
    private readonly storage: StorageClass,
    private readonly only: readonly AnyKind[] | undefined,
    private readonly ports: CopyPorts,
  ) {
    this.ready = new Promise((resolve) => {
      this.setReady = resolve
    })
    this.waiters = new RevisionWaiters(ports.clock)
    for (const kind of only ?? ports.registry.stored)
      if (kind.storage === storage && !kind.storedAs) this.openTable(kind)
  }

  private openTable(kind: AnyKind): Table {
    const ring = new ChangeRing(
      kind,
      this.ports.history ? boundsOf(kind) : NO_RING,
      (bytes, revision, namespace) => this.read(kind, bytes, revision, namespace),
      // Of a kind that appears later, nothing is known before now.
      this.isReady ? this.completeAt : undefined,
    )
    const table = { kind, index: new ObjectIndex(), ring }
    this.tables.set(`${kind.group}/${kind.plural}`, table)
    this.byKind.set(kind, table)
    return table
  }

  private tableAt({ group, resource, namespace }: StateKey): Table | undefined {
    const known = this.tables.get(`${group}/${resource}`)
    if (known || this.only || this.storage !== 'state') return known
    return this.openTable(
      this.ports.registry.storedAt(group, resource, '', namespace !== undefined),
    )
  }

  private read(
    kind: AnyKind,
    bytes: Uint8Array,
    revision: number,
    namespace: string | undefined,
  ): KubernetesObject {
    return readStored(kind, bytes, revision, namespace, this.ports.digests)
  }

  async start() {
    while (!this.isStopped) {
      try {
        this.readyAt = await this.ports.streams.lastSequence(this.storage)
        break
      } catch (error) {
        this.ports.log.debug(
          { storage: this.storage, err: error },
          'the stream does not answer yet',
        )
        await new Promise<void>((resolve) => this.ports.clock.after(ASK_AGAIN_MS, resolve))
      }
    }
    if (!this.isStopped) this.follow()
  }

  private follow() {
    this.follower = this.ports.streams.follow(this.storage, 1, {
      onMessage: (message) => this.apply(message),
      onProgress: (sequence) => this.progress(sequence, false),
      onCaughtUp: () => this.progress(this.applied, true),
      onGap: () => this.startReplay(),
    })
  }

  table(kind: AnyKind): Table | undefined {
    return this.byKind.get(kind) ?? this.tableOf(storedKind(kind))
  }

  /** A custom kind gets its table when it is first asked for, too: a watch may come before any object. */
  private tableOf(kind: AnyKind): Table | undefined {
    const known = this.byKind.get(kind)
    if (known || this.only || kind.version !== '' || this.storage !== 'state') return known
    return this.openTable(kind)
  }

  counts(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const { kind, index } of this.byKind.values())
      counts[kind.version ? kind.plural : `${kind.plural}.${kind.group}`] = index.objects.size
    return counts
  }

  reached(revision: number, withinMs?: number): Promise<void> {
    return revision <= this.applied ? Promise.resolve() : this.waiters.wait(revision, withinMs)
  }

  async stop() {
    this.isStopped = true
    this.waiters.stop()
    await this.follower?.stop()
  }

  private apply(message: StreamMessage) {
    const { subject, sequence } = message
    if (sequence > this.applied || this.replayed) {
      const key = this.ports.subjects.parseKey(this.storage, subject)
      try {
        if (key) this.applyObject(message, key)
        else this.applyFence(message)
      } catch (error) {
        this.ports.log.error({ subject, sequence, err: error }, 'a stored object is not readable')
      }
    }
    this.progress(sequence, false)
  }

  /** `caughtUp`: nothing the stream holds is still to come, even if its last message has expired. */
  private progress(sequence: number, caughtUp: boolean) {
    if (sequence > this.applied) this.applied = sequence
    if (caughtUp) this.endReplay()
    if (!this.isReady && (this.applied >= this.readyAt || caughtUp)) {
      this.isReady = true
      this.applied = Math.max(this.applied, this.readyAt)
      this.completeAt = this.applied
      for (const { ring } of this.byKind.values()) ring.reset(this.applied)
      this.setReady()
    }
    this.waiters.advance(this.applied)
  }

  private applyFence({ subject, sequence, payload, tombstone }: StreamMessage) {
    if (this.storage !== 'state') return
    const component = this.ports.subjects.parseFenceKey(subject)
    if (component === undefined || tombstone) return
    const { holder } = decodeTrusted(payload) as { holder: string }
    this.fences.set(component, { revision: sequence, holder })
  }

  private applyObject(message: StreamMessage, key: StateKey) {
    const { namespace } = key
    const { subject, sequence } = message
    if (message.tombstone) {
      const table = this.tables.get(`${key.group}/${key.resource}`)
      this.tombstones.delete(subject)
      this.tombstones.set(subject, sequence)
      this.boundTombstones()
      if (table) this.applyDeletion(table, key, message)
      return
    }
    if (this.tombstones.size > 0) this.tombstones.delete(subject)
    const table = this.tableAt(key)
    if (!table) return
    const payload = this.open(key, message.payload)
    const object = this.read(table.kind, payload, sequence, namespace)
    if (this.replayed) {
      const place = objectKey(object)
      this.replayed.add(`${table.kind.group}/${table.kind.plural} ${place}`)
      if (table.index.objects.get(place)?.metadata.resourceVersion === String(sequence)) return
    }
    const previous = table.index.put(object)
    if (table.kind === CustomResourceDefinition) this.define(object as CustomResourceDefinition)
    if (!this.isReady) return
    if (previous && previous.metadata.uid !== object.metadata.uid) {
      this.record(table, 'DELETED', stamped(previous, sequence), previous, sequence)
      this.record(table, 'ADDED', object, undefined, sequence, payload)
    } else this.record(table, previous ? 'MODIFIED' : 'ADDED', object, previous, sequence, payload)
  }

  private open(key: StateKey, payload: Uint8Array): Uint8Array {
    return this.ports.sealing ? this.ports.sealing.open(key, payload) : payload
  }

  private applyDeletion(table: Table, key: StateKey, message: StreamMessage) {
    const { namespace, name } = key
    const previous = table.index.remove(namespace ? `${namespace}/${name}` : name)
    if (!previous) return
    if (table.kind === CustomResourceDefinition) this.undefine(previous as CustomResourceDefinition)
    if (!this.isReady) return
    const { sequence } = message
    const payload = this.open(key, message.payload)
    // The server's marker of an expired Event, and a deletion by hand, carry no object.
    const object =
      payload.length > 0
        ? this.read(table.kind, payload, sequence, previous.metadata.namespace)
        : stamped(previous, sequence)
    const stored = payload.length > 0 ? payload : undefined
    this.record(table, 'DELETED', object, previous, sequence, stored)
  }

  private define(definition: CustomResourceDefinition) {
    this.ports.registry.define(namesOf(definition))
  }

  private undefine(definition: CustomResourceDefinition) {
    this.ports.registry.undefine(namesOf(definition))
  }

  private record(
    { kind, ring }: Table,
    type: Change['type'],
    object: KubernetesObject,
    previous: KubernetesObject | undefined,
    revision: number,
    stored?: Uint8Array,
  ) {
    this.applied = Math.max(this.applied, revision)
    const change = { type, kind, object, revision, ...(previous ? { previous } : {}) }
    ring.push(change, stored)
    this.ports.emit(change)
  }

  private boundTombstones() {
    if (this.tombstones.size <= TOMBSTONES_KEPT) return
    for (const subject of this.tombstones.keys()) return void this.tombstones.delete(subject)
  }

  /** After a break that may have hidden deletions, the stream comes again from its start. */
  private startReplay() {
    this.ports.log.warn({ storage: this.storage }, 'the stream was away for long: reading it again')
    if (this.isReady) this.replayed = new Set()
  }

  private endReplay() {
    const seen = this.replayed
    if (!seen) return
    this.replayed = undefined
    for (const table of this.byKind.values())
      for (const [key, object] of table.index.objects) {
        if (seen.has(`${table.kind.group}/${table.kind.plural} ${key}`)) continue
        table.index.remove(key)
        if (table.kind === CustomResourceDefinition)
          this.undefine(object as CustomResourceDefinition)
        this.record(table, 'DELETED', stamped(object, this.applied), object, this.applied)
      }
  }
}

/** Beyond this many, the oldest is forgotten: a create over it then costs one more round trip. */
const TOMBSTONES_KEPT = 200_000

const namesOf = ({ spec }: CustomResourceDefinition): ResourceNames => ({
  group: spec.group,
  plural: spec.names.plural,
  kind: spec.names.kind,
  namespaced: spec.scope === 'Namespaced',
})

const stamped = (object: KubernetesObject, sequence: number): KubernetesObject => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion: String(sequence) },
})
