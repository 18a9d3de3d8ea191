/**
 * Publishes every change of the cluster as readable JSON on `kubus.events.…`, once, in order per object.
 *
 * One replica leads and publishes. The others follow what is published by its headers, so that whoever takes
 * over goes on from there, out of its cache's recent changes. Core NATS: who does not listen misses it.
 */
import type { Bus, Headers, Registration } from '../../bus/bus.ts'
import {
  type EventType,
  type StorageClass,
  type Subjects,
  subjectsFor,
} from '../../bus/subjects.ts'
import { cacheStatus } from '../../client/cache-status.ts'
import { plainJsonText } from '../../client/json-text.ts'
import { startLeadership } from '../../client/leadership.ts'
import type { Cache, Change } from '../../client/view.ts'
import type { Log } from '../../std/log.ts'
import type { CachePorts, Component } from '../component.ts'

export const REVISION_HEADER = 'Kubus-Revision'
const STORAGE_HEADER = 'Kubus-Stream'

/** Resolves when the election runs; `ready` resolves when the micro service answers. */
export const startEvents = async (ports: CachePorts): Promise<Component> => {
  const { bus, cache, identity, version, log } = ports
  const subjects = subjectsFor(bus.prefix)
  await cache.ready
  const published = lastPublished(cache)
  let isLeading = false
  let count = 0
  const publish = (change: Change) => {
    count++
    published.note(change.kind.storage, change.revision)
    publishChange(bus, subjects, change)
  }
  /** Published together, when those who wait for the change itself have been answered. */
  let waiting: Change[] = []
  const publishWaiting = () => {
    const changes = waiting
    waiting = []
    for (const change of changes) publish(change)
  }
  const unsubscribe = cache.subscribe((change) => {
    if (!isLeading) return
    if (waiting.length === 0) setImmediate(publishWaiting)
    waiting.push(change)
  })
  /** Whoever publishes does not have all of it sent back. */
  const follow = () =>
    bus.subscribe(subjects.eventsAll, ({ headers }) => published.noteHeaders(headers))
  let following: Registration | undefined = follow()
  const leadership = startLeadership(
    { ...ports, component: 'events' },
    {
      onLeading: () => {
        void following?.stop()
        following = undefined
        for (const change of missedChanges(cache, published, log)) publish(change)
        isLeading = true
      },
      onStandby: () => {
        isLeading = false
        waiting = []
        following ??= follow()
      },
    },
  )
  const serving = bus.serve({
    name: 'events',
    description: 'publishes changes of the cluster as JSON',
    version,
    metadata: { identity },
    endpoints: [
      {
        name: 'status',
        subject: subjects.actorStatus('events'),
        queue: null,
        handle: () => ({
          identity,
          isLeading,
          published: count,
          revisions: published.revisions,
          cache: cacheStatus(cache),
        }),
      },
    ],
  })
  return {
    ready: serving.then(() => {}),
    handOver: () => leadership.stop(),
    stop: async () => {
      unsubscribe()
      publishWaiting()
      await leadership.stop()
      await following?.stop()
      await (await serving).stop()
    },
  }
}

/** As JSON, without the managers of its fields, which no reader of changes asks for. */
const publishChange = (bus: Bus, subjects: Subjects, change: Change): void => {
  const { kind, object, revision, type } = change
  const { namespace, name } = object.metadata
  const subject = subjects.event(kind.plural, namespace, name, type.toLowerCase() as EventType)
  bus.publishJson(subject, plainJsonText(object), {
    [REVISION_HEADER]: String(revision),
    [STORAGE_HEADER]: kind.storage,
  })
}

interface LastPublished {
  /** The newest revision published, by anybody, of each stream. */
  readonly revisions: Readonly<Record<StorageClass, number>>
  note(storage: StorageClass, revision: number): void
  noteHeaders(headers: Headers): void
}

/** Starts at what the cache holds now: what came before this replica started, another one published. */
const lastPublished = (cache: Cache): LastPublished => {
  const revisions = { state: 0, events: 0 }
  for (const kind of cache.kinds.stored)
    revisions[kind.storage] = Math.max(revisions[kind.storage], cache.revision(kind))
  const note = (storage: StorageClass, revision: number) => {
    if (revision > revisions[storage]) revisions[storage] = revision
  }
  return {
    revisions,
    note,
    noteHeaders: (headers) => {
      const storage = headers[STORAGE_HEADER]
      if (storage === 'state' || storage === 'events')
        note(storage, Number(headers[REVISION_HEADER]))
    },
  }
}

/** What nobody has published yet, oldest first. */
const missedChanges = (cache: Cache, { revisions }: LastPublished, log: Log): Change[] => {
  const missed: Change[] = []
  for (const kind of cache.kinds.stored) {
    const changes = cache.changesSince(kind, revisions[kind.storage])
    if (changes) missed.push(...changes)
    else log.warn({ kind: kind.kind }, 'changes before the take-over are too old to be published')
  }
  return missed.sort((a, b) => a.revision - b.revision)
}
