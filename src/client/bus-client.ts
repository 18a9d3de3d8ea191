/**
 * `Client` over the bus: each verb is one request to the apiservers, in MessagePack.
 *
 * Invariant: it retries only "nobody answers", which proves that nothing was done, for RETRY_MS.
 * What the apiserver answers is passed on; it caches nothing.
 */
import type { AnyKind, Kind } from '../api/kind.ts'
import type { KubernetesObject } from '../api/meta.ts'
import { isNoResponders } from '../bus/answer.ts'
import type { Bus, Headers } from '../bus/bus.ts'
import { subjectsFor } from '../bus/subjects.ts'
import { backoffMs } from '../std/backoff.ts'
import { type Clock, sleep } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import type { Client, DeleteOptions, IssuedToken, QueryOptions, WriteOptions } from './client.ts'
import { followQueries } from './followed-cache.ts'
import { type GatheredAnswer, gatherer, type Request } from './gathered-requests.ts'
import type { Fence } from './storage.ts'

export const FENCE_HEADER = 'Kubus-Fence'
export const PATCH_TYPE_HEADER = 'Kubus-Patch-Type'
/** Who manages the fields a write sets, as `metadata.managedFields` names them. */
export const MANAGER_HEADER = 'Kubus-Field-Manager'
/** `Kubus-Force: true`: an apply takes fields from who manages them. */
export const FORCE_HEADER = 'Kubus-Force'
/** `Kubus-Answer: none`: success is answered with an empty payload; `metadata`: with what names the object. */
export const ANSWER_HEADER = 'Kubus-Answer'

const RETRY_MS = 10_000
const RETRY = { baseMs: 50, maxMs: 1_000 }
/** An apiserver may wait for an election of the stream's leader. */
const TIMEOUT_MS = 30_000

export interface ClientPorts {
  bus: Bus
  clock: Clock
  log: Log
  /** In whose name it writes, as `metadata.managedFields` shows it, e.g. `kube-scheduler`. */
  manager?: string
  /** In the name of which part of the cluster it asks; absent: of whoever has this connection. */
  as?: string
}

export const createClient = (ports: ClientPorts): Client => {
  const call = caller(ports)
  return {
    ...readsBy(call),
    ...writesBy(call),
    ...subresourcesBy(call),
    follow: (queries) => followQueries(ports, queries),
  }
}

interface Scale {
  spec?: { replicas?: number }
}

const readsBy = (call: Caller): Pick<Client, 'get' | 'replicas' | 'list'> => ({
  get: (kind, namespace, name) => call({ verb: 'get', kind, namespace, name }),
  replicas: async (kind, namespace, name) => {
    const subresource = 'scale'
    const { spec } = await call<Scale>({ verb: 'get', kind, subresource, namespace, name })
    return spec?.replicas ?? 0
  },
  list: async <T extends KubernetesObject>(kind: Kind<T>, query: QueryOptions = {}) => {
    const { namespace, ...selectors } = query
    const list = await call<{ items?: T[]; metadata: { resourceVersion: string } }>({
      verb: 'list',
      kind,
      namespace,
      body: selectors,
    })
    return { items: list.items ?? [], resourceVersion: list.metadata.resourceVersion }
  },
})

type Reads = 'get' | 'replicas' | 'list' | 'follow'
type Subresources = 'bind' | 'createToken'

const writesBy = (call: Caller): Omit<Client, Reads | Subresources> => ({
  create: (kind, object, options) =>
    call({
      verb: 'create',
      kind,
      namespace: namespaceOf(kind, object),
      body: object,
      ...options,
    }),
  update: (kind, object, options) =>
    call({ verb: 'update', kind, ...nameOf(object), body: object, ...options }),
  updateStatus: (kind, object, options) =>
    call({
      verb: 'update',
      kind,
      subresource: 'status',
      ...nameOf(object),
      body: object,
      ...options,
    }),
  patch: (kind, namespace, name, type, patch, options) =>
    call({
      verb: 'patch',
      kind,
      namespace,
      name,
      body: patch,
      headers: { [PATCH_TYPE_HEADER]: type },
      ...options,
    }),
  merge: async (kind, namespace, name, patch, options) => {
    await call({
      verb: 'patch',
      kind,
      namespace,
      name,
      body: patch,
      headers: { ...NO_ANSWER, [PATCH_TYPE_HEADER]: 'merge' },
      ...options,
    })
  },
  delete: async (kind, namespace, name, options = {}) => {
    const { fence, ...body } = options
    await call({
      verb: 'delete',
      kind,
      namespace,
      name,
      body: deleteBody(body),
      headers: NO_ANSWER,
      ...(fence ? { fence } : {}),
    })
  },
})

/** Writes of documents of their own. */
const subresourcesBy = (call: Caller): Pick<Client, Subresources> => ({
  bind: async ({ namespace, name, uid }, node, options) => {
    await call({
      verb: 'create',
      kind: { plural: 'pods', group: '' },
      subresource: 'binding',
      namespace,
      name,
      body: {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, namespace, uid },
        target: { apiVersion: 'v1', kind: 'Node', name: node },
      },
      headers: NO_ANSWER,
      ...options,
    })
  },
  createToken: async ({ namespace, name }, spec) => {
    const { status } = await call<{ status: IssuedToken }>({
      verb: 'create',
      kind: { plural: 'serviceaccounts', group: '' },
      subresource: 'token',
      namespace,
      name,
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {}, spec },
    })
    return status
  },
})

const NO_ANSWER: Headers = { [ANSWER_HEADER]: 'none' }

interface Call extends WriteOptions {
  verb: string
  kind: { plural: string; group: string }
  subresource?: string
  namespace?: string | undefined
  name?: string | undefined
  body?: unknown
  headers?: Headers
}

type Caller = <T>(call: Call) => Promise<T>

const caller = ({ bus, clock, manager, as }: ClientPorts): Caller => {
  const subjects = subjectsFor(bus.prefix)
  const own: Headers = manager ? { [MANAGER_HEADER]: manager } : {}
  const request = async (subject: string, body: unknown, headers: Headers): Promise<unknown> => {
    const options = { timeoutMs: TIMEOUT_MS, headers }
    const deadline = clock.monotonic() + RETRY_MS
    for (let failures = 1; ; failures++)
      try {
        const { data } = await bus.request(subject, body, options)
        return data
      } catch (error) {
        if (!isNoResponders(error) || clock.monotonic() > deadline) throw error
        await sleep(backoffMs(failures, RETRY), clock)
      }
  }
  const alone = ({ subject, body, headers }: Request) => request(subject, body, headers)
  const gathered = gatherer({
    alone,
    together: async (requests) =>
      (await request(subjects.apiMany(as), requests, {})) as GatheredAnswer[],
  })
  return async <T>(call: Call) => {
    const { verb, kind, subresource, namespace, name, body, headers, fence, answer: wanted } = call
    const resource = resourceOf(kind)
    const words = subresource ? `${resource}/${subresource}` : resource
    const send = hasSmallAnswer(call) ? gathered : alone
    const answer = await send({
      subject: subjects.api(verb, words, namespace, name, as),
      body,
      lane: `${verb} ${words} ${namespace}`,
      headers: {
        ...own,
        ...headers,
        ...(fence ? { [FENCE_HEADER]: formatFence(fence) } : {}),
        ...(wanted ? { [ANSWER_HEADER]: wanted } : {}),
      },
    })
    return answer as T
  }
}

/** Nothing comes back, or little more than was sent. */
const hasSmallAnswer = ({ verb, headers, subresource, answer }: Call): boolean =>
  answer === 'metadata' ||
  headers?.[ANSWER_HEADER] === 'none' ||
  (verb === 'create' && subresource === undefined)

/** The resource word of a subject: the plural, with the group unless it is the core one. */
const resourceOf = ({ plural, group }: { plural: string; group: string }): string =>
  group ? `${plural}.${group}` : plural

/** `scheduler=17` */
const formatFence = ({ component, revision }: Fence): string => `${component}=${revision}`

/** The inverse of `formatFence`; undefined when the text is none. */
export const parseFence = (text: string | undefined): Fence | undefined => {
  const match = /^(.+)=(\d+)$/.exec(text ?? '')
  return match ? { component: match[1]!, revision: Number(match[2]) } : undefined
}

const nameOf = ({ metadata: { namespace, name } }: KubernetesObject) => ({ namespace, name })

const namespaceOf = (
  kind: AnyKind,
  { metadata }: { metadata: { namespace?: string } },
): string | undefined => (kind.namespaced ? metadata.namespace : undefined)

const deleteBody = (options: Omit<DeleteOptions, 'fence'>) => ({
  apiVersion: 'v1',
  kind: 'DeleteOptions',
  ...options,
})
