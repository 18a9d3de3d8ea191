/**
 * One watch from its request to the moment it is live: initial objects, replay, then the hub.
 *
 * Invariant: between the initial state and the live stream nothing is lost or repeated; a revision older
 * than the cache's ring is answered with 410. It knows no transport: a door gives the sink.
 */
import type { KubernetesObject } from '../../api/meta.ts'
import { expired, invalid } from '../../api/status-error.ts'
import type { Change } from '../../client/view.ts'
import { parseRevision, settle } from './read.ts'
import { type ApiRequest, flag } from './request.ts'
import { isEverything, parseSelection, type Selection, selectsStored } from './selection.ts'
import type { Services } from './services.ts'
import { allShownAs, changesAs } from './stored-form.ts'
import {
  bookmarkOf,
  type EventFormat,
  eventFor,
  type Sink,
  type WatchEvent,
  type WatchHub,
} from './watch-hub.ts'

export interface WatchPlan {
  selection: Selection
  bookmarks: boolean
  /** Send the state first. */
  initial: boolean
  /** Say when the initial state is complete. */
  endMark: boolean
  /** Follow from here; undefined: from the state, or from now. */
  from: number | undefined
}

/** Parses a watch's parameters and waits until the cache may answer it. Throws StatusError. */
export const planWatch = async (services: Services, request: ApiRequest): Promise<WatchPlan> => {
  const { kind, namespace, name, query } = request
  const selection = parseSelection(kind, namespace, withName(query, name))
  const bookmarks = flag(query, 'allowWatchBookmarks')
  const version = query.get('resourceVersion') ?? ''
  const sendInitial = query.get('sendInitialEvents')
  checkInitialEvents(query, sendInitial)
  const plain = version === '' || version === '0'
  const initial = sendInitial === null ? plain : flag(query, 'sendInitialEvents')
  const from = initial || plain ? undefined : parseRevision(version)
  await settle(services, kind, version)
  return {
    selection,
    bookmarks,
    initial,
    endMark: sendInitial !== null && initial && bookmarks,
    from,
  }
}

const withName = (query: URLSearchParams, name: string | undefined): URLSearchParams => {
  if (name === undefined) return query
  const named = new URLSearchParams(query)
  const own = `metadata.name=${name}`
  const given = query.get('fieldSelector')
  named.set('fieldSelector', given ? `${given},${own}` : own)
  return named
}

const checkInitialEvents = (query: URLSearchParams, sendInitial: string | null): void => {
  const match = query.get('resourceVersionMatch')
  const refuse = (field: string, message: string) => {
    throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', [
      { reason: 'FieldValueForbidden', field, message: `Forbidden: ${message}` },
    ])
  }
  if (sendInitial !== null && match !== 'NotOlderThan')
    refuse(
      'resourceVersionMatch',
      'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    )
  if (sendInitial === null && match)
    refuse(
      'resourceVersionMatch',
      'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    )
}

/** Events encoded at once while the state is sent. */
const SLICE = 500

/**
 * Feeds `sink` until the result is called or the sink closes itself. Throws 410 before anything was sent;
 * `isOpen` tells whether the client is still there.
 */
export const startWatch = async (
  { storage, sorted }: Services,
  hub: WatchHub,
  plan: WatchPlan,
  format: EventFormat,
  sink: Sink,
  isOpen: () => boolean,
): Promise<() => void> => {
  const { cache } = storage
  const { selection, bookmarks } = plan
  const { kind, namespace } = selection
  let revision = plan.from ?? cache.revision(kind)
  const all = isEverything(selection)
  const missed = (): readonly Change[] => {
    const changes = cache.changesSince(kind, revision)
    if (!changes) throw expired(`too old resource version: ${revision} (${cache.revision(kind)})`)
    revision = Math.max(revision, cache.revision(kind))
    return changes
  }
  const eventsOf = (changes: readonly Change[]): WatchEvent[] => {
    const events: WatchEvent[] = []
    for (const change of changes) {
      const event = eventFor(selection, all, change)
      if (event) events.push(event)
    }
    return events
  }
  const send = async (events: readonly WatchEvent[]): Promise<void> => {
    for (let at = 0; at < events.length && isOpen(); at += SLICE) {
      sink.write(format.encode(events.slice(at, at + SLICE)))
      if (at + SLICE < events.length) await sink.drained()
    }
  }
  if (plan.initial) {
    const objects: KubernetesObject[] = []
    sorted.walk(kind, namespace, undefined, (object) => {
      if (all || selectsStored(selection, object)) objects.push(object)
      return true
    })
    const end = bookmarkOf(kind, revision, { 'k8s.io/initial-events-end': 'true' })
    const shown = await allShownAs(kind, objects)
    await send(shown.map((object) => ({ type: 'ADDED', kind, object })))
    if (plan.endMark) await send([end])
  }
  let changes = missed()
  // Nothing may come between the last look and joining the hub; another form may have to be waited for.
  while (changes.length > (kind.storedAs ? 0 : SLICE) && isOpen()) {
    await send(eventsOf(await changesAs(kind, changes)))
    changes = missed()
  }
  const rest = eventsOf(changes)
  if (rest.length > 0) sink.write(format.encode(rest))
  return hub.join(selection, format, sink, bookmarks, revision)
}
