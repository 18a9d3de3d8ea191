/**
 * One watch from its request to the moment it is live: initial objects, replay, then the hub.
 *
 * Invariant: between the initial state and the live stream nothing is lost or repeated; a revision older
 * than the cache's ring is answered with 410. It knows no transport: a door gives the sink.
 */
import type { KubernetesObject } from '../../api/meta.ts'
import {
  badRequest,
  expired,
  type FieldError,
  invalid,
  methodNotSupported,
} from '../../api/status-error.ts'
import type { Change } from '../../client/view.ts'
import { watchOptions } from './list-options.ts'
import { parseRevision, settle } from './read.ts'
import type { ApiRequest } from './request.ts'
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
  /** 0: the server's own choice. */
  timeoutSeconds: number
}

/** Parses a watch's parameters and waits until the cache may answer it. Throws StatusError. */
export const planWatch = async (services: Services, request: ApiRequest): Promise<WatchPlan> => {
  const { kind, namespace, name, query } = request
  if (kind.isVirtual) throw methodNotSupported(kind, 'watch')
  const options = watchOptions(query)
  const selection = parseSelection(kind, namespace, withName(query, name))
  if (name !== undefined && selection.name !== name)
    throw badRequest("fieldSelector metadata.name doesn't match requested name")
  const { resourceVersion, sendInitialEvents: initial } = options
  const unfit = (fault: FieldError) =>
    invalid({ group: kind.group, kind: kind.plural }, '', [fault])
  const isNamed = resourceVersion !== '' && resourceVersion !== '0'
  const from = initial || !isNamed ? undefined : parseRevision(resourceVersion, unfit)
  await settle(services, kind, resourceVersion, unfit)
  const bookmarks = options.allowWatchBookmarks
  const { timeoutSeconds } = options
  return { selection, bookmarks, initial, endMark: initial && bookmarks, from, timeoutSeconds }
}

/** A watch of one object selects it by name. */
const withName = (query: URLSearchParams, name: string | undefined): URLSearchParams => {
  if (name === undefined || query.get('fieldSelector')) return query
  const named = new URLSearchParams(query)
  named.set('fieldSelector', `metadata.name=${name}`)
  return named
}

/** Events encoded at once while the state is sent. */
const SLICE = 500

/**
 * Feeds `sink` until the result is called (because time is up: with a last bookmark) or the sink closes itself. Throws 410 before anything was sent;
 * `isOpen` tells whether the client is still there.
 */
export const startWatch = async (
  { storage, sorted }: Services,
  hub: WatchHub,
  plan: WatchPlan,
  format: EventFormat,
  sink: Sink,
  isOpen: () => boolean,
): Promise<(isTimeout?: boolean) => void> => {
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
  let isFirst = true
  const write = (events: readonly WatchEvent[]): void => {
    if (events.length === 0) return
    const encode = (isFirst && format.encodeFirst) || format.encode
    isFirst = false
    sink.write(encode(events))
  }
  const send = async <T>(all: readonly T[], eventOf: (one: T) => WatchEvent): Promise<void> => {
    for (let at = 0; at < all.length && isOpen(); at += SLICE) {
      write(all.slice(at, at + SLICE).map(eventOf))
      if (at + SLICE < all.length) await sink.drained()
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
    await send(shown, (object) => ({ type: 'ADDED', kind, object }))
    if (plan.endMark && isOpen()) write([end])
  }
  let changes = missed()
  // Nothing may come between the last look and joining the hub; another form may have to be waited for.
  while (changes.length > (kind.storedAs ? 0 : SLICE) && isOpen()) {
    await send(eventsOf(await changesAs(kind, changes)), (event) => event)
    changes = missed()
  }
  write(eventsOf(changes))
  return hub.join({ selection, format, sink, bookmarks, isFirst, revision })
}
