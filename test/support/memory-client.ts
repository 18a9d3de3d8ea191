/**
 * `Client` over a `MemoryCache`, for tests: the apiserver's rules that components rely on, no more.
 *
 * Invariant: writes are compare-and-set against the cache's truth, get a revision, and are recorded as one
 * line of text each in `calls`. It does not default, validate or authorize.
 */
import jsonPatch, { type Operation } from 'fast-json-patch'
import { Pod } from '../../src/api/core/pod.ts'
import { ServiceAccount } from '../../src/api/core/service-account.ts'
import type { AnyKind, Kind } from '../../src/api/kind.ts'
import { type KubernetesObject, type ObjectMeta, objectKey } from '../../src/api/meta.ts'
import {
  alreadyExists,
  conflict,
  MODIFIED,
  notFound,
  type StatusError,
} from '../../src/api/status-error.ts'
import type { Client, DeleteOptions } from '../../src/client/client.ts'
import { timestamp } from '../../src/std/clock.ts'
import { newUid, randomSuffix } from '../../src/std/ids.ts'
import type { MemoryCache } from './memory-cache.ts'

export interface MemoryClient extends Client {
  /** What was asked, in order, e.g. `create Pod default/a`, `bind Pod default/a n1`. */
  readonly calls: string[]
  /** The next call whose line starts with `prefix` fails with `error`. */
  failNext(prefix: string, error: StatusError | Error): void
  /** Runs before each call is applied; lets a test hold it back. */
  before?: ((call: string) => Promise<void> | void) | undefined
}

/** `now` in ms since the epoch; used for creationTimestamp and deletionTimestamp. */
export const memoryClient = (cache: MemoryCache, now: () => number = () => 0): MemoryClient => {
  const calls: string[] = []
  const failures: { prefix: string; error: Error }[] = []

  const enter = async (verb: string, kind: AnyKind, key: string, more = '') => {
    const call = `${verb} ${kind.kind} ${key}${more}`
    calls.push(call)
    await client.before?.(call)
    const failing = failures.findIndex(({ prefix }) => call.startsWith(prefix))
    if (failing >= 0) throw failures.splice(failing, 1)[0]!.error
  }

  const stored = <T extends KubernetesObject>(
    kind: Kind<T>,
    namespace: string | undefined,
    name: string,
  ): T => {
    const object = cache.stored(kind, namespace, name)
    if (!object) throw notFound(kind, name)
    return object
  }

  /** Stores `next` in the place of `old`; finishes a deletion whose last finalizer went. */
  const replace = <T extends KubernetesObject>(kind: Kind<T>, old: T, next: T): T => {
    const given = next.metadata.resourceVersion
    if (given && given !== old.metadata.resourceVersion)
      throw conflict(kind, old.metadata.name, MODIFIED)
    const changed = specOf(old) !== specOf(next)
    const metadata: ObjectMeta = {
      ...next.metadata,
      uid: old.metadata.uid,
      creationTimestamp: old.metadata.creationTimestamp,
      ...(kind.tracksGeneration
        ? { generation: (old.metadata.generation ?? 1) + (changed ? 1 : 0) }
        : {}),
      ...(old.metadata.deletionTimestamp
        ? { deletionTimestamp: old.metadata.deletionTimestamp }
        : {}),
    }
    const object = { ...next, apiVersion: kind.apiVersion, kind: kind.kind, metadata }
    if (metadata.deletionTimestamp && !isHeld(object) && !graceful(kind, old)) {
      cache.put(object)
      cache.remove(object)
    } else cache.put(object)
    return cache.stored(kind, metadata.namespace, metadata.name) ?? object
  }

  const client: MemoryClient = {
    calls,
    failNext: (prefix, error) => failures.push({ prefix, error }),
    get: async (kind, namespace, name) => stored(kind, namespace, name),
    replicas: async (kind, namespace, name) => {
      const { spec } = stored<KubernetesObject & { spec?: { replicas?: number } }>(
        kind,
        namespace,
        name,
      )
      return spec?.replicas ?? 0
    },
    list: async (kind, query = {}) => ({
      items: cache.list(kind, query.namespace ? { namespace: query.namespace } : {}),
      resourceVersion: String(cache.head),
    }),
    create: async (kind, draft, options) => {
      const name = draft.metadata.name ?? `${draft.metadata.generateName}${randomSuffix()}`
      const { namespace } = draft.metadata
      const shownName = draft.metadata.name ?? `${draft.metadata.generateName}*`
      await enter(
        'create',
        kind,
        namespace ? `${namespace}/${shownName}` : shownName,
        tail(options),
      )
      if (cache.stored(kind, namespace, name)) throw alreadyExists(kind, name)
      const object = {
        ...draft,
        apiVersion: kind.apiVersion,
        kind: kind.kind,
        metadata: {
          ...draft.metadata,
          name,
          uid: newUid(),
          creationTimestamp: timestamp(now()),
          resourceVersion: '',
          ...(kind.tracksGeneration ? { generation: 1 } : {}),
        },
      } as unknown as KubernetesObject
      cache.put(object)
      return stored(kind, namespace, name)
    },
    update: async (kind, object, options) => {
      await enter(options?.subresource ?? 'update', kind, objectKey(object), tail(options))
      const { namespace, name } = object.metadata
      const old = stored(kind, namespace, name)
      const status = kind.statusSubresource ? statusOf(old) : statusOf(object)
      return replace(kind, old, withStatus(object, status))
    },
    updateStatus: async (kind, object, options) => {
      await enter('updateStatus', kind, objectKey(object), tail(options))
      const { namespace, name, resourceVersion } = object.metadata
      const old = stored(kind, namespace, name)
      const next = withStatus(old, statusOf(object))
      return replace(kind, old, { ...next, metadata: { ...old.metadata, resourceVersion } })
    },
    patch: async (kind, namespace, name, type, patch, options) => {
      const key = namespace ? `${namespace}/${name}` : name
      const more = options?.subresource ? `/${options.subresource}` : ''
      await enter('patch', kind, key, more + tail(options))
      const old = stored(kind, namespace, name)
      const next =
        type === 'json'
          ? (jsonPatch.applyPatch(structuredClone(old), patch as Operation[])
              .newDocument as typeof old)
          : (merged(old, patch, type === 'strategic') as typeof old)
      return replace(kind, old, next)
    },
    merge: async (kind, namespace, name, patch, options) => {
      await client.patch(kind, namespace, name, 'merge', patch, options)
    },
    delete: async (kind, namespace, name, options) => {
      const key = namespace ? `${namespace}/${name}` : name
      await enter('delete', kind, key, deletionTail(options))
      const old = stored(kind, namespace, name)
      const { uid, resourceVersion } = options?.preconditions ?? {}
      if (uid && uid !== old.metadata.uid)
        throw conflict(
          kind,
          name,
          `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
        )
      if (resourceVersion && resourceVersion !== old.metadata.resourceVersion)
        throw conflict(kind, name, MODIFIED)
      const finalizers = deletionFinalizers(old, options)
      const grace = graceful(kind, old) ? (options?.gracePeriodSeconds ?? 30) : 0
      if (!isHeld(old, finalizers) && grace === 0) return cache.remove(old)
      if (old.metadata.deletionTimestamp && old.metadata.finalizers?.length === finalizers.length)
        return
      cache.put({
        ...old,
        metadata: {
          ...old.metadata,
          deletionTimestamp: timestamp(now() + grace * 1000),
          deletionGracePeriodSeconds: grace,
          ...(finalizers.length ? { finalizers } : {}),
        },
      })
    },
    bind: async (pod, node, options) => {
      await enter('bind', Pod, `${pod.namespace}/${pod.name}`, ` ${node}${tail(options)}`)
      const old = stored(Pod, pod.namespace, pod.name)
      if (old.spec?.nodeName)
        throw conflict(
          Pod,
          pod.name,
          `pod ${pod.name} is already assigned to node "${old.spec.nodeName}"`,
        )
      const spec = { ...old.spec, nodeName: node } as NonNullable<Pod['spec']>
      replace(Pod, old, { ...old, spec })
    },
    createToken: async (account, { expirationSeconds, audiences = [] }) => {
      const key = `${account.namespace}/${account.name}`
      await enter('createToken', ServiceAccount, key, audiences.map((one) => ` ${one}`).join(''))
      const expirationTimestamp = timestamp(now() + expirationSeconds * 1000)
      return { token: `token ${calls.length} of ${key}`, expirationTimestamp }
    },
    follow: () => ({ ...cache, stop: () => undefined }),
  }
  return client
}

type Loose = Record<string, unknown>

const tail = (options?: { fence?: { revision: number } }) =>
  options?.fence ? ` fence=${options.fence.revision}` : ''

const deletionTail = (options?: DeleteOptions) =>
  (options?.propagationPolicy ? ` ${options.propagationPolicy}` : '') +
  (options?.gracePeriodSeconds !== undefined ? ` grace=${options.gracePeriodSeconds}` : '') +
  tail(options)

const specOf = (object: KubernetesObject): string => {
  const { metadata: _metadata, status: _status, ...rest } = object as KubernetesObject & Loose
  return JSON.stringify(rest)
}
const statusOf = (object: KubernetesObject): unknown =>
  (object as KubernetesObject & Loose)['status']
const withStatus = <T extends KubernetesObject>(object: T, status: unknown): T => {
  const { status: _old, ...rest } = object as T & Loose
  return (status === undefined ? rest : { ...rest, status }) as T
}

/** A pod on a node leaves with a grace period; the kubelet deletes it for good with grace 0. */
const graceful = (kind: AnyKind, object: KubernetesObject): boolean => {
  const pod = object as Pod
  return (
    kind === Pod &&
    !!pod.spec?.nodeName &&
    pod.status?.phase !== 'Succeeded' &&
    pod.status?.phase !== 'Failed'
  )
}

/** By its own finalizers, or by a Namespace's spec.finalizers. */
const isHeld = (object: KubernetesObject, finalizers = object.metadata.finalizers ?? []): boolean =>
  finalizers.length > 0 ||
  ((object as { spec?: { finalizers?: string[] } }).spec?.finalizers ?? []).length > 0

const deletionFinalizers = (object: KubernetesObject, options?: DeleteOptions): string[] => {
  const kept = (object.metadata.finalizers ?? []).filter(
    (name) =>
      options?.propagationPolicy === undefined ||
      (name !== 'foregroundDeletion' && name !== 'orphan'),
  )
  if (options?.propagationPolicy === 'Foreground') kept.push('foregroundDeletion')
  if (options?.propagationPolicy === 'Orphan') kept.push('orphan')
  return kept
}

const MERGE_KEYS = ['uid', 'type', 'name', 'containerPort', 'port', 'ip', 'key']

/** RFC 7386; `strategic` also merges lists of objects by the first merge key that every item has. */
const merged = (target: unknown, patch: unknown, strategic: boolean): unknown => {
  if (Array.isArray(patch) && Array.isArray(target) && strategic)
    return mergedLists(target as Loose[], patch as Loose[])
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const result: Loose =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    const deletion = key.startsWith('$deleteFromPrimitiveList/') ? key.slice(25) : undefined
    if (deletion)
      result[deletion] = ((result[deletion] ?? []) as unknown[]).filter(
        (item) => !(value as unknown[]).includes(item),
      )
    else if (key.startsWith('$')) continue
    else if (value === null) delete result[key]
    else result[key] = merged(result[key], value, strategic)
  }
  return result
}

const mergedLists = (target: Loose[], patch: Loose[]): unknown => {
  const isObject = (item: unknown) => typeof item === 'object' && item !== null
  if (!patch.every(isObject) || !target.every(isObject)) return patch
  const key = MERGE_KEYS.find((name) => patch.every((item) => name in item))
  if (!key) return patch
  const result = [...target]
  for (const item of patch) {
    const found = result.findIndex((old) => old[key] === item[key])
    if (item['$patch'] === 'delete') {
      if (found >= 0) result.splice(found, 1)
    } else if (found >= 0) result[found] = merged(result[found], item, true) as Loose
    else result.push(merged({}, item, true) as Loose)
  }
  return result
}
