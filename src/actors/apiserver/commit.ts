/**
 * The last step of every write: compare-and-set against the store, and what to do when the race is lost.
 *
 * Invariant: nothing is refused because this replica's cache was behind: before a verb says "not found",
 * "exists" or "conflict" it has waited for what other replicas wrote. It knows no defaults or validation.
 */
import { type AnyKind, storedKind } from '../../api/kind.ts'
import { managersOf, setManagers } from '../../api/managed-fields/manager-entry.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import { conflict, MODIFIED, notFound, StatusError } from '../../api/status-error.ts'
import { FenceLost, RevisionConflict, type Write } from '../../client/storage.ts'
import type { ApiRequest } from './request.ts'
import type { Services } from './services.ts'
import { shownAs } from './stored-form.ts'
import { type Carrier, carrierOf } from './write-carrier.ts'

/** How often a write that named no resourceVersion is tried again on a newer object. */
export const ATTEMPTS_MAX = 12
/** How long an Event lives, as kube-apiserver's --event-ttl. */
const EVENT_TTL_SECONDS = 3600

export const revisionOf = (object: KubernetesObject): number =>
  Number(object.metadata.resourceVersion)

/** The live object, in the form of `kind`; throws 404 only when no replica has it. */
export const live = async (
  { storage }: Services,
  kind: AnyKind,
  namespace: string | undefined,
  name: string,
): Promise<KubernetesObject> => {
  const object = storage.cache.get(kind, namespace, name)
  if (object) return kind.storedAs ? shownAs(kind, object) : object
  await storage.barrier(kind)
  const found = storage.cache.get(kind, namespace, name)
  if (!found) throw notFound(kind, name)
  return kind.storedAs ? shownAs(kind, found) : found
}

export const isDryRun = (request: ApiRequest): boolean => {
  const { query, body } = request
  const inBody = (body as { dryRun?: unknown } | undefined)?.dryRun
  const given = query.has('dryRun')
    ? query.getAll('dryRun')
    : request.verb.startsWith('delete') && Array.isArray(inBody)
      ? inBody
      : []
  return given.includes('All')
}

/**
 * Commits and returns the object as it is stored. RevisionConflict passes through. An object that says nothing of
 * its managers keeps those it has.
 */
export const commit = async (
  { storage }: Services,
  kind: AnyKind,
  object: KubernetesObject,
  expected: number,
  fence: Write['fence'],
): Promise<KubernetesObject> => {
  const { namespace, name } = object.metadata
  const stored = kind.storedAs ? await kind.storedAs.store(object) : object
  if (managersOf(stored) === undefined) {
    const before = expected === 0 ? undefined : storage.cache.get(kind, namespace, name)
    setManagers(stored, managersOf(object) ?? (before && managersOf(before)))
  }
  const change: Write = {
    kind: storedKind(kind),
    ...(namespace === undefined ? {} : { namespace }),
    name,
    expected,
    object: stored,
    ...(fence ? { fence } : {}),
    ...(kind.storage === 'events' ? { ttlSeconds: EVENT_TTL_SECONDS } : {}),
  }
  const revision = await write(kind, change, carrierOf(object) ?? storage.write)
  const resourceVersion = String(revision)
  const cached = storage.cache.get(kind, namespace, name)
  if (cached?.metadata.resourceVersion === resourceVersion)
    return kind.storedAs ? shownAs(kind, cached) : cached
  return { ...object, metadata: { ...object.metadata, resourceVersion } }
}

/** Removes the object for good; `last` is what watchers receive. RevisionConflict passes through. */
export const remove = async (
  { storage }: Services,
  kind: AnyKind,
  last: KubernetesObject,
  fence: Write['fence'],
): Promise<number> => {
  const { namespace, name } = last.metadata
  const change: Write = {
    kind: storedKind(kind),
    ...(namespace === undefined ? {} : { namespace }),
    name,
    expected: revisionOf(last),
    last: kind.storedAs ? await kind.storedAs.store(last) : last,
    ...(fence ? { fence } : {}),
  }
  return write(kind, change, storage.write)
}

const write = async (kind: AnyKind, change: Write, carrier: Carrier): Promise<number> => {
  try {
    return await carrier(change)
  } catch (error) {
    if (error instanceof FenceLost && change.fence?.component !== ADDRESSES)
      throw fenceLost(kind, change)
    throw error
  }
}

/** The fence under which service addresses are handed out; losing it is not the client's business. */
export const ADDRESSES = 'service-addresses'

const fenceLost = (kind: AnyKind, { name, fence }: Write): StatusError => {
  const message = `${fence?.component} is led by somebody else now`
  const { status } = conflict(kind, name, message)
  return new StatusError(409, 'Conflict', status.message!, {
    ...status.details,
    causes: [{ reason: 'FenceLost', message }],
  })
}

/**
 * Runs `attempt` on the live object until its write wins. With `pinned` (the resourceVersion the client
 * named) a lost race is the client's 409.
 */
export const withRetries = async <Result>(
  services: Services,
  request: ApiRequest,
  pinned: (current: KubernetesObject) => boolean,
  attempt: (current: KubernetesObject) => Promise<Result>,
): Promise<Result> => {
  const { kind, namespace, name } = request
  for (let tries = 1; ; tries++) {
    const current = await live(services, kind, namespace, name!)
    try {
      return await attempt(current)
    } catch (error) {
      if (!(error instanceof RevisionConflict) && !(error instanceof FenceLost)) throw error
      if (tries >= ATTEMPTS_MAX || (error instanceof RevisionConflict && pinned(current)))
        throw conflict(kind, name!, MODIFIED)
    }
  }
}
