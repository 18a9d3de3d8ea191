/**
 * A cache fed by watches over the bus, for components that may not read the streams.
 *
 * Invariant: every query has one watch; after a break it resumes from its last revision, and after 410 it
 * takes the whole state again and reports what has gone meanwhile as DELETED. It never writes.
 *
 *   opening ─▶ initial objects ─▶ live ─▶ closed: wait, resume ─▶ opening
 *      ▲                                     └─ 410: from the start
 *      └──────────────── failed: wait ───────┘
 */
import type { AnyKind, Kind } from '../api/kind.ts'
import { type KubernetesObject, objectKey } from '../api/meta.ts'
import { KindRegistry } from '../api/registry.ts'
import { type Status, StatusError } from '../api/status-error.ts'
import { isNoResponders } from '../bus/answer.ts'
import type { Bus, Channel } from '../bus/bus.ts'
import { decode } from '../bus/codec.ts'
import { subjectsFor } from '../bus/subjects.ts'
import { backoffMs } from '../std/backoff.ts'
import { type Clock, sleep } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import type { FollowedCache, QueryOptions } from './client.ts'
import { ObjectIndex } from './object-index.ts'
import { RevisionWaiters } from './revision-waiters.ts'
import type { Change, ListQuery } from './view.ts'

const RETRY = { baseMs: 100, maxMs: 5_000 }
/** While no apiserver is there, asking costs nothing: be there when one comes. */
const RETRY_ABSENT = { baseMs: 100, maxMs: 500 }
const INITIAL_END = 'k8s.io/initial-events-end'

export interface FollowPorts {
  bus: Bus
  clock: Clock
  log: Log
  /** In the name of which part of the cluster it watches. */
  as?: string
}

export type FollowQuery = QueryOptions & { kind: AnyKind }

interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  object: KubernetesObject | Status
}

/** What a watch is opened with; the fields are those of Kubernetes' ListOptions. */
interface Greeting {
  labelSelector?: string
  fieldSelector?: string
  allowWatchBookmarks: true
  sendInitialEvents?: true
  resourceVersionMatch?: 'NotOlderThan'
  resourceVersion?: string
}

export const followQueries = (
  ports: FollowPorts,
  queries: readonly FollowQuery[],
): FollowedCache => {
  const listeners = new Set<(change: Change) => void>()
  const emit = (change: Change) => {
    for (const listener of listeners)
      try {
        listener(change)
      } catch (error) {
        ports.log.error({ err: error, kind: change.kind.kind }, 'a listener of the cache failed')
      }
  }
  const tables = new Map<AnyKind, Table>()
  const watches = queries.map((query) => {
    const table = tables.get(query.kind) ?? new Table(query.kind, ports.clock, emit)
    tables.set(query.kind, table)
    const watch = new QueryWatch(ports, query, table)
    table.watches.push(watch)
    return watch
  })
  for (const watch of watches) void watch.run()
  const ready = Promise.all(watches.map((watch) => watch.ready)).then(() => {
    for (const table of tables.values()) table.isReady = true
  })
  return {
    kinds: new KindRegistry(),
    ready,
    get: <T extends KubernetesObject>(kind: Kind<T>, namespace: string | undefined, name: string) =>
      tables.get(kind)?.index.objects.get(namespace ? `${namespace}/${name}` : name) as
        | T
        | undefined,
    list: <T extends KubernetesObject>(kind: Kind<T>, query?: ListQuery) =>
      (tables.get(kind)?.index.list(query) ?? []) as T[],
    count: (kind, namespace) => tables.get(kind)?.index.count(namespace) ?? 0,
    revision: (kind) => tables.get(kind)?.revision ?? 0,
    subscribe: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    // Whoever serves watches reads the stream.
    changesSince: () => undefined,
    reached: async (kind, revision, withinMs) => {
      const table = tables.get(kind)
      if (table && revision > table.revision) await table.waiters.wait(revision, withinMs)
    },
    stop: () => {
      for (const watch of watches) watch.stop()
      for (const { waiters } of tables.values()) waiters.stop()
    },
  }
}

/** All objects of one kind that any of its queries selects. */
class Table {
  readonly index = new ObjectIndex()
  readonly waiters: RevisionWaiters
  readonly watches: QueryWatch[] = []
  revision = 0
  isReady = false

  constructor(
    private readonly kind: AnyKind,
    clock: Clock,
    private readonly emit: (change: Change) => void,
  ) {
    this.waiters = new RevisionWaiters(clock)
  }

  put(object: KubernetesObject) {
    const held = this.index.objects.get(objectKey(object))
    if (held && revisionOf(held) >= revisionOf(object)) return
    const previous = this.index.put(object)
    this.record(previous ? 'MODIFIED' : 'ADDED', object, previous)
  }

  /** Removes what no query holds any more; `object` is its last state, with the deletion's revision. */
  remove(object: KubernetesObject) {
    const key = objectKey(object)
    if (this.watches.some((watch) => watch.keys.has(key))) return
    const previous = this.index.remove(key)
    if (previous) this.record('DELETED', object, previous)
  }

  advance(revision: number) {
    if (revision > this.revision) this.revision = revision
    this.waiters.advance(this.revision)
  }

  private record(
    type: Change['type'],
    object: KubernetesObject,
    previous: KubernetesObject | undefined,
  ) {
    const revision = revisionOf(object)
    this.revision = Math.max(this.revision, revision)
    if (this.isReady) {
      const change = { type, kind: this.kind, object, revision, ...(previous ? { previous } : {}) }
      this.emit(change)
    }
    this.waiters.advance(this.revision)
  }
}

class QueryWatch {
  /** Keys of the objects this query selects. */
  keys = new Set<string>()
  readonly ready: Promise<void>
  private setReady!: () => void
  private resourceVersion: string | undefined
  /** While the state is sent: what has come so far. */
  private initial: Set<string> | undefined
  private channel: Channel | undefined
  private failures = 0
  private readonly stopping = new AbortController()

  constructor(
    private readonly ports: FollowPorts,
    private readonly query: FollowQuery,
    private readonly table: Table,
  ) {
    this.ready = new Promise((resolve) => {
      this.setReady = resolve
    })
  }

  async run(): Promise<void> {
    const { signal } = this.stopping
    while (!signal.aborted) {
      const failure = await this.watchOnce().catch((error: unknown) => statusOf(error))
      if (signal.aborted) return
      if (failure?.code === 410) this.resourceVersion = undefined
      this.failures++
      this.ports.log.debug(
        { kind: this.query.kind.kind, status: failure, failures: this.failures },
        'a watch over the bus ended and is opened again',
      )
      const backoff = isAbsence(failure) ? RETRY_ABSENT : RETRY
      await sleep(backoffMs(this.failures, backoff), this.ports.clock, signal).catch(() => {})
    }
  }

  stop() {
    this.stopping.abort()
    this.channel?.close()
  }

  /** Watches until the channel ends; returns the status it ended with. */
  private async watchOnce(): Promise<Status | undefined> {
    const { bus, as } = this.ports
    const { kind, namespace } = this.query
    const resource = kind.group ? `${kind.plural}.${kind.group}` : kind.plural
    const channel = await bus.open(
      subjectsFor(bus.prefix).api('watch', resource, namespace, undefined, as),
      this.greeting(),
      { signal: this.stopping.signal },
    )
    this.channel = channel
    if (this.stopping.signal.aborted) channel.close()
    this.initial = this.resourceVersion === undefined ? new Set() : undefined
    let failure: Status | undefined
    channel.onFrame((_tag, payload) => {
      for (const event of decode(payload) as WatchEvent[]) {
        if (event.type === 'ERROR') {
          failure = event.object as Status
          channel.close()
        } else this.apply(event.type, event.object as KubernetesObject)
      }
      this.failures = 0
    })
    const status = await channel.closed
    return failure ?? status
  }

  private greeting(): Greeting {
    const { labelSelector, fieldSelector } = this.query
    return {
      ...(labelSelector ? { labelSelector } : {}),
      ...(fieldSelector ? { fieldSelector } : {}),
      allowWatchBookmarks: true,
      ...(this.resourceVersion === undefined
        ? { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }
        : { resourceVersion: this.resourceVersion }),
    }
  }

  private apply(type: WatchEvent['type'], object: KubernetesObject) {
    const { resourceVersion } = object.metadata
    if (type === 'BOOKMARK') {
      if (object.metadata.annotations?.[INITIAL_END] === 'true') this.endInitial(resourceVersion)
      this.resourceVersion = this.initial ? undefined : resourceVersion
      this.table.advance(Number(resourceVersion))
      return
    }
    const key = objectKey(object)
    if (type === 'DELETED') {
      this.keys.delete(key)
      this.table.remove(object)
    } else {
      this.keys.add(key)
      this.initial?.add(key)
      this.query.kind.share?.(object)
      this.table.put(object)
    }
    // The initial objects come in no order of revisions: only their end is a place to resume from.
    if (!this.initial) this.resourceVersion = resourceVersion
  }

  private endInitial(resourceVersion: string) {
    const seen = this.initial
    if (!seen) return
    this.initial = undefined
    const gone = [...this.keys].filter((key) => !seen.has(key))
    this.keys = seen
    for (const key of gone) {
      const object = this.table.index.objects.get(key)
      if (object)
        this.table.remove({ ...object, metadata: { ...object.metadata, resourceVersion } })
    }
    this.setReady()
  }
}

const revisionOf = (object: KubernetesObject): number => Number(object.metadata.resourceVersion)

const isAbsence = (status: Status | undefined): boolean =>
  status !== undefined && isNoResponders(StatusError.from(status))

const statusOf = (error: unknown): Status =>
  error instanceof StatusError
    ? error.status
    : new StatusError(500, 'InternalError', error instanceof Error ? error.message : String(error))
        .status
