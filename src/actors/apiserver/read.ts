/**
 * get and list, from the cache.
 *
 * Invariant: a read without resourceVersion sees every write acknowledged anywhere before it; the pages of
 * one list show the collection at one revision, or the client is told 410. Nothing here touches the stream.
 */
import type { AnyKind } from '../../api/kind.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import {
  badRequest,
  expired,
  type FieldError,
  invalidField,
  notFound,
  StatusError,
} from '../../api/status-error.ts'
import type { Cache } from '../../client/view.ts'
import { type ListOptions, listOptions } from './list-options.ts'
import type { ApiRequest, ApiResult, ListResult } from './request.ts'
import { isEverything, parseSelection, type Selection, selectsStored } from './selection.ts'
import type { Services } from './services.ts'
import type { Position } from './sorted-objects.ts'
import { allShownAs, shownAs } from './stored-form.ts'

export const get = async (services: Services, request: ApiRequest): Promise<ApiResult> => {
  const { kind, namespace, name } = request
  await settle(services, kind, request.query.get('resourceVersion'), unreadable)
  const object = services.storage.cache.get(kind, namespace, name!)
  if (!object) throw notFound(kind, name!)
  const shown = kind.storedAs ? await shownAs(kind, object) : object
  return { type: 'object', code: 200, kind, object: shown }
}

/** kube-apiserver has no better answer for a get of a revision that is no number. */
const unreadable = ({ field, message }: FieldError) =>
  new StatusError(500, '', `${field}: ${message}`)

/**
 * Waits until the cache may answer a read of that resourceVersion. `refuse` says what to throw for one that
 * is no number.
 */
export const settle = async (
  { storage }: Services,
  kind: AnyKind,
  resourceVersion: string | null,
  refuse: (fault: FieldError) => StatusError,
): Promise<void> => {
  if (!resourceVersion) return storage.barrier(kind)
  const revision = parseRevision(resourceVersion, refuse)
  if (revision > storage.cache.revision(kind)) await reached(storage.cache, kind, revision)
}

export const parseRevision = (text: string, refuse: (fault: FieldError) => StatusError): number => {
  const isNumber = /^\d+$/.test(text)
  if (isNumber && Number(text) <= REVISIONS_MAX) return Number(text)
  const why = isNumber ? 'value out of range' : 'invalid syntax'
  const message = `strconv.ParseUint: parsing ${JSON.stringify(text)}: ${why}`
  throw refuse(invalidField('resourceVersion', text, message))
}

const REVISIONS_MAX = 2 ** 64

/** How long Kubernetes lets a client wait that knows a revision from elsewhere. */
const REVISION_MS = 3_000

const reached = async (cache: Cache, kind: AnyKind, revision: number): Promise<void> => {
  try {
    await cache.reached(kind, revision, REVISION_MS)
  } catch {
    throw new StatusError(
      504,
      'Timeout',
      `Timeout: Too large resource version: ${revision}, current: ${cache.revision(kind)}`,
      {
        retryAfterSeconds: 1,
        causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      },
    )
  }
}

interface ContinueToken {
  /** LATEST: the list goes on with what there is now. */
  revision: number
  after: Position
  /** When the list began; milliseconds since the epoch. */
  since: number
  /** Objects behind `after`; absent when a selector makes it unknown. */
  left?: number
}

const LATEST = -1

/** How long pages show one revision: clients know it from Kubernetes, which compacts its history that often. */
const CONSISTENT_MS = 5 * 60 * 1000

/** Lists in the form of the request's kind. */
export const list = async (services: Services, request: ApiRequest): Promise<ListResult> => {
  const { kind, namespace, query } = request
  const { storedAs } = kind
  if (!storedAs) return listStored(services, request)
  // Fields of another form are matched on that form, which a webhook may have to make first.
  if (query.has('fieldSelector'))
    await storedAs.showAll(
      services.storage.cache.list(storedAs.kind, namespace === undefined ? {} : { namespace }),
    )
  const found = await listStored(services, request)
  return { ...found, items: await allShownAs(kind, found.items) }
}

const listStored = async (services: Services, request: ApiRequest): Promise<ListResult> => {
  const { kind, namespace, query } = request
  const { cache } = services.storage
  const selection = parseSelection(kind, namespace, query)
  const options = listOptions(query)
  const { limit, resourceVersion } = options
  const token = parseToken(options.continue)
  const exact = exactRevision(options, token)
  await settle(services, kind, exact === undefined ? resourceVersion : String(exact), unfit)

  const revision = exact ?? cache.revision(kind)
  const now = services.clock.now()
  const past = exact === undefined ? undefined : undone(cache, kind, exact, token, now)
  const after = token?.after
  const counted = isEverything(selection)
  const total = token ? token.left : services.sorted.count(kind, namespace)
  const items = past
    ? pageOfPast(services, selection, past, after, limit)
    : page(services, selection, after, limit)
  if (!limit || items.length <= limit) return { type: 'list', kind, items, revision }

  items.length = limit
  const last = items[limit - 1]!.metadata
  const left = counted && total !== undefined ? total - limit : undefined
  const next: ContinueToken = {
    revision,
    after: { namespace: last.namespace ?? '', name: last.name },
    since: token && exact !== undefined ? token.since : now,
    ...(left !== undefined && left > 0 ? { left } : {}),
  }
  return {
    type: 'list',
    kind,
    items,
    revision,
    continue: encodeToken(next),
    ...(next.left ? { remaining: next.left } : {}),
  }
}

const unfit = ({ field, message }: FieldError) =>
  badRequest(`invalid resource version: ${field}: ${message}`)

const parseToken = (text: string): ContinueToken | undefined => {
  if (!text) return undefined
  try {
    const token = JSON.parse(Buffer.from(text, 'base64url').toString()) as ContinueToken
    const { namespace, name } = token.after
    if (
      Number.isSafeInteger(token.revision) &&
      token.revision >= LATEST &&
      `${typeof namespace}${typeof name}` === 'stringstring'
    )
      return token
  } catch {
    // Falls through: whatever is wrong with it, the answer is the same.
  }
  throw badRequest('invalid continue token: continue key is not valid')
}

const encodeToken = (token: ContinueToken): string =>
  Buffer.from(JSON.stringify(token)).toString('base64url')

/** The revision the list must show, where not simply the newest. */
const exactRevision = (
  { limit, resourceVersion, match }: ListOptions,
  token: ContinueToken | undefined,
): number | undefined => {
  const isNamed = resourceVersion !== '' && resourceVersion !== '0'
  if (token) {
    if (isNamed) throw badRequest('specifying resource version is not allowed when using continue')
    return token.revision === LATEST ? undefined : token.revision
  }
  /** The way of old: pages of a named revision show exactly that. */
  if (match === 'Exact' || (match === '' && limit > 0 && isNamed))
    return parseRevision(resourceVersion, unfit)
  return undefined
}

/** One more than `limit` when there is more. */
const page = (
  { sorted, storage }: Services,
  selection: Selection,
  after: Position | undefined,
  limit: number,
): KubernetesObject[] => {
  const { kind, namespace } = selection
  const items: KubernetesObject[] = []
  const narrow = indexed(storage.cache, selection)
  if (narrow) {
    for (const object of narrow)
      if (selectsStored(selection, object) && isAfter(object, after)) items.push(object)
    items.sort(inOrder)
    if (limit && items.length > limit + 1) items.length = limit + 1
    return items
  }
  const all = isEverything(selection)
  sorted.walk(kind, namespace, after, (object) => {
    if (all || selectsStored(selection, object)) items.push(object)
    return !limit || items.length <= limit
  })
  return items
}

/** Candidates from one of the cache's indexes, or undefined when none fits. */
const indexed = (cache: Cache, selection: Selection): KubernetesObject[] | undefined => {
  const { kind, namespace, name, node, labels } = selection
  if (name !== undefined && (namespace !== undefined || !kind.namespaced)) {
    const object = cache.get(kind, namespace, name)
    return object ? [object] : []
  }
  if (node === undefined && labels.length === 0) return undefined
  return cache.list(kind, {
    ...(namespace === undefined ? {} : { namespace }),
    ...(node === undefined ? {} : { node }),
    ...(labels.length === 0 ? {} : { labels }),
  })
}

const compare = (a: KubernetesObject, namespace: string, name: string): number => {
  const own = a.metadata.namespace ?? ''
  if (own !== namespace) return own < namespace ? -1 : 1
  return a.metadata.name < name ? -1 : a.metadata.name === name ? 0 : 1
}

const inOrder = (a: KubernetesObject, b: KubernetesObject): number =>
  compare(a, b.metadata.namespace ?? '', b.metadata.name)

const isAfter = (object: KubernetesObject, after: Position | undefined): boolean =>
  !after || compare(object, after.namespace, after.name) > 0

/** What objects changed since `revision` were then (undefined: absent), by key. Throws 410. */
const undone = (
  cache: Cache,
  kind: AnyKind,
  revision: number,
  token: ContinueToken | undefined,
  now: number,
): Map<string, KubernetesObject | undefined> | undefined => {
  if (revision >= cache.revision(kind)) return undefined
  if (token && now - token.since > CONSISTENT_MS) throw tooOld(token)
  const changes = cache.changesSince(kind, revision)
  if (!changes) throw tooOld(token)
  if (changes.length === 0) return undefined
  const then = new Map<string, KubernetesObject | undefined>()
  for (const { object, previous } of changes) {
    const key = `${object.metadata.namespace ?? ''}/${object.metadata.name}`
    if (!then.has(key)) then.set(key, previous)
  }
  return then
}

/** With a token the client may go on, at the price of pages that do not fit together. */
const tooOld = (token: ContinueToken | undefined): StatusError => {
  if (!token) return expired('The resourceVersion for the provided list is too old.')
  const error = expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
  )
  error.status.metadata.continue = encodeToken({ ...token, revision: LATEST })
  return error
}

const pageOfPast = (
  { sorted }: Services,
  selection: Selection,
  past: Map<string, KubernetesObject | undefined>,
  after: Position | undefined,
  limit: number,
): KubernetesObject[] => {
  const { kind, namespace } = selection
  const items: KubernetesObject[] = []
  const fits = (object: KubernetesObject): boolean => selectsStored(selection, object)
  const changed = [...past.values()]
    .filter((object) => object !== undefined)
    .filter((object) => fits(object) && isAfter(object, after))
    .sort(inOrder)
  let next = 0
  const isOpen = (): boolean => !limit || items.length <= limit
  sorted.walk(kind, namespace, after, (object) => {
    while (next < changed.length && inOrder(changed[next]!, object) < 0 && isOpen())
      items.push(changed[next++]!)
    const key = `${object.metadata.namespace ?? ''}/${object.metadata.name}`
    if (isOpen() && !past.has(key) && fits(object)) items.push(object)
    return isOpen()
  })
  while (next < changed.length && isOpen()) items.push(changed[next++]!)
  return items
}
