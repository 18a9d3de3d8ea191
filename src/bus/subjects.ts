/**
 * Every subject, stream and bucket name of a cluster, built and parsed in this one file.
 *
 * Invariant: a name is escaped token by token, so a subject has a fixed depth, the escape is reversible
 * and every key is legal for the `nats kv` command. It knows no kinds: resources are plain words.
 */
import { assert } from '../std/assert.ts'

export type EventType = 'added' | 'modified' | 'deleted'
export type NodeStream = 'logs' | 'exec' | 'attach' | 'portforward' | 'proxy' | 'stats' | 'status'
/** Which stream stores a kind, see `Kind.storage`. */
export type StorageClass = 'state' | 'events'

/** What a subject under `<prefix>.api.` or `<prefix>.as.<identity>.` says. */
export interface ApiSubject {
  /** In whose name it is asked: nats-server lets nobody else publish there. Absent under `<prefix>.api.`. */
  as?: string
  verb: string
  /** The plural, with its group when the sender appended one: `pods`, `deployments.apps`. */
  resource: string
  subresource?: string
  /** Absent when the subject ends before it, or says `_`. */
  namespace?: string
  name?: string
}

/** What a key of a bucket names. */
export interface StateKey {
  /** `''` for the core group. */
  group: string
  resource: string
  namespace?: string
  name: string
}

/** Stands for "no namespace". */
const NONE = '_'
/**
 * The identity of requests that come from the account of everybody: who it is, nats-server says in a header.
 * No escaped name can be this one.
 */
export const EVERYBODY = '~users'
const LEGAL = /^[-/\w]+$/
/** The party of channels that apiservers are on. */
export const APISERVER = 'part.apiserver'

/** One token of a subject: everything outside `[-/_A-Za-z0-9]` becomes `=XX` per UTF-8 byte. */
export const escapeToken = (text: string): string => {
  if (LEGAL.test(text) && text !== NONE) return text
  if (text === NONE) return '=5F'
  let escaped = ''
  for (const byte of Buffer.from(text, 'utf8')) {
    const character = String.fromCharCode(byte)
    escaped += LEGAL.test(character) ? character : hexEscape(byte)
  }
  return escaped
}

/** Where the answers to a user's requests come in: as readable as a subject may be, since people write it. */
export const userInbox = (user: string): string =>
  `_INBOX.${user.replace(/[\s.*>=]|[^\x21-\x7e]/gu, (character) =>
    Array.from(Buffer.from(character), hexEscape).join(''),
  )}`

const hexEscape = (byte: number) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`

/** The inverse of `escapeToken`; text that is no escape stays as it is. */
export const unescapeToken = (token: string): string => {
  if (!token.includes('=')) return token
  const bytes: number[] = []
  const source = Buffer.from(token, 'utf8')
  for (let at = 0; at < source.length; at++) {
    const hex = token.slice(at + 1, at + 3)
    if (source[at] === 0x3d && /^[0-9A-Fa-f]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16))
      at += 2
    } else bytes.push(source[at]!)
  }
  return Buffer.from(bytes).toString('utf8')
}

const optional = (token: string | undefined): string | undefined =>
  token === undefined || token === NONE ? undefined : unescapeToken(token)

/** Identities by their tokens, since every request of a part names one. */
const identities = new Map<string, string>()
const IDENTITIES_MAX = 10_000

const identityOf = (token: string): string => {
  let identity = identities.get(token)
  if (identity === undefined) {
    identity = unescapeToken(token)
    if (identities.size >= IDENTITIES_MAX) identities.clear()
    identities.set(token, identity)
  }
  return identity
}

/** Called for every request: built field by field, which is several times faster than with spreads. */
const parseApi = (apiRoot: string, asRoot: string, subject: string): ApiSubject | undefined => {
  const isAs = subject.startsWith(asRoot)
  if (!isAs && !subject.startsWith(apiRoot)) return undefined
  const tokens = subject.slice(isAs ? asRoot.length : apiRoot.length).split('.')
  const first = isAs ? 1 : 0
  const verb = tokens[first]
  const resourceToken = tokens[first + 1]
  if (!verb || !resourceToken || tokens.length > first + 4) return undefined
  const words = unescapeToken(resourceToken)
  const slash = words.indexOf('/')
  const parsed: ApiSubject = { verb, resource: slash < 0 ? words : words.slice(0, slash) }
  if (isAs) parsed.as = identityOf(tokens[0]!)
  const [subresource] = slash < 0 ? [] : words.slice(slash + 1).split('/')
  if (subresource) parsed.subresource = subresource
  const namespace = optional(tokens[first + 2])
  if (namespace !== undefined) parsed.namespace = namespace
  const name = optional(tokens[first + 3])
  if (name !== undefined) parsed.name = name
  return parsed
}

const parseKey = (root: string, subject: string): StateKey | undefined => {
  if (!subject.startsWith(root)) return undefined
  const tokens = subject.slice(root.length).split('.')
  if (tokens.length !== 4) return undefined
  const [group, resource, namespace, name] = tokens as [string, string, string, string]
  return {
    group: group === 'core' ? '' : unescapeToken(group),
    resource: unescapeToken(resource),
    ...(namespace === NONE ? {} : { namespace: unescapeToken(namespace) }),
    name: unescapeToken(name),
  }
}

const requests = (prefix: string) => {
  const apiRoot = `${prefix}.api.`
  const asRoot = `${prefix}.as.`
  return requestsUnder(prefix, apiRoot, asRoot)
}

const requestsUnder = (prefix: string, apiRoot: string, asRoot: string) => ({
  /**
   * A request to the apiservers: `kubus.api.get.pods.default.web`. `resource` is the plural of any group
   * (`deployments`), may carry the group (`deployments.apps`) and a subresource (`pods/status`).
   * A cluster-scoped object is `kubus.api.get.nodes._.n1`; without a name the subject ends earlier.
   * In the name of a part of the cluster, `as`, it is `kubus.as.<identity>.get.…`.
   */
  api: (verb: string, resource: string, namespace?: string, name?: string, as?: string): string => {
    const root = as === undefined ? `${prefix}.api` : `${prefix}.as.${escapeToken(as)}`
    let subject = `${root}.${verb}.${escapeToken(resource)}`
    if (namespace || name) subject += `.${namespace ? escapeToken(namespace) : NONE}`
    return name ? `${subject}.${escapeToken(name)}` : subject
  },
  /** Several requests of one identity in one message. */
  apiMany: (as?: string): string =>
    `${as === undefined ? `${prefix}.api` : `${prefix}.as.${escapeToken(as)}`}.many.requests`,
  /** All requests of one verb, or of every verb. */
  apiAll: (verb = '*'): string => `${prefix}.api.${verb}.>`,
  /** All requests of one verb, or all, made in the name of one part or of any. */
  asAll: (verb = '*', as?: string): string =>
    verb === '*' && as !== undefined
      ? `${prefix}.as.${as === EVERYBODY ? as : escapeToken(as)}.>`
      : `${prefix}.as.${as === undefined ? '*' : escapeToken(as)}.${verb}.>`,
  /**
   * Undefined when `subject` is no API request. Of a cluster-scoped kind people may leave out the `_`:
   * `kubus.api.get.nodes.n1` parses with `namespace: 'n1'`, which only the kind's scope can correct.
   */
  parseApi: (subject: string) => parseApi(apiRoot, asRoot, subject),
  /** One change for people and programs, JSON. */
  event: (resource: string, namespace: string | undefined, name: string, type: EventType): string =>
    `${prefix}.events.${escapeToken(resource)}.${namespace ? escapeToken(namespace) : NONE}.${escapeToken(name)}.${type}`,
  eventsAll: `${prefix}.events.>`,
  /** All changes of one resource, in one namespace or everywhere. */
  eventsOf: (resource: string, namespace?: string): string =>
    `${prefix}.events.${escapeToken(resource)}${namespace ? `.${escapeToken(namespace)}` : ''}.>`,
  /** One line of the audit log. */
  audit: (verb: string, resource: string | undefined, namespace: string | undefined): string =>
    `${prefix}.audit.${escapeToken(verb)}.${resource ? escapeToken(resource) : NONE}.${namespace ? escapeToken(namespace) : NONE}`,
  /** Every accepted write, republished by the stream itself. */
  feed: `${prefix}.feed.>`,
  feedOfKind: (group: string, resource: string, namespace?: string): string =>
    `${prefix}.feed.${group ? escapeToken(group) : 'core'}.${escapeToken(resource)}${namespace ? `.${escapeToken(namespace)}` : ''}.>`,
})

const parts = (prefix: string) => ({
  nodeHeartbeat: (node: string): string => `${prefix}.node.${escapeToken(node)}.heartbeat`,
  nodeHeartbeats: `${prefix}.node.*.heartbeat`,
  /** Every subject of every node. */
  nodesAll: `${prefix}.node.>`,
  /** The node of a heartbeat or stream subject. */
  parseNode: (subject: string): string | undefined => {
    const root = `${prefix}.node.`
    return subject.startsWith(root)
      ? unescapeToken(subject.slice(root.length).split('.', 1)[0]!)
      : undefined
  },
  nodeStream: (node: string, stream: NodeStream): string =>
    `${prefix}.node.${escapeToken(node)}.${stream}`,
  /** Log lines of one container while somebody listens. */
  logs: (namespace: string, pod: string, container: string): string =>
    `${prefix}.logs.${escapeToken(namespace)}.${escapeToken(pod)}.${escapeToken(container)}`,
  /** Of every container, in one namespace or everywhere. */
  logsOf: (namespace?: string): string =>
    `${prefix}.logs.${namespace ? `${escapeToken(namespace)}.` : ''}>`,
  /** Beats and releases of one component's leadership. */
  lease: (component: string): string => `${prefix}.lease.${escapeToken(component)}`,
  /** Of every component. */
  leases: `${prefix}.lease.>`,
  /** Answered by the leader of a component, by nobody while there is none. */
  leader: (component: string): string => `${prefix}.lease.${escapeToken(component)}.leader`,
  /** Where the private subjects of one connection begin. */
  inboxes: (connection: string): string => `${prefix}.inbox.${escapeToken(connection)}`,
  /** Whether an answer may be published there: what a requester names must be an inbox, never a subject of the cluster. */
  isInbox: (subject: string): boolean =>
    subject.startsWith('_INBOX') ||
    subject.startsWith('_R_.') ||
    subject.startsWith(`${prefix}.inbox.`),
  /**
   * Where frames to `listener` come from `talker` alone: nats-server lets only these two near it. Both are
   * parties, two tokens: `part.apiserver`, `node.<name>`, `user.<name>`.
   */
  channel: (listener: string, talker: string, id: string): string =>
    `${prefix}.channel.${listener}.${talker}.${id}`,
  /** What one party hears on channels, and what it may say there. */
  channelsTo: (listener: string): string => `${prefix}.channel.${listener}.*.*.*`,
  channelsFrom: (talker: string): string => `${prefix}.channel.*.*.${talker}.*`,
  /** Undefined for a subject that is no channel's. */
  parseChannel: (subject: string): { listener: string; talker: string } | undefined => {
    if (!subject.startsWith(`${prefix}.channel.`)) return undefined
    const tokens = subject.slice(prefix.length + 9).split('.')
    if (tokens.length !== 5 || tokens.includes('*') || tokens[4] === '>') return undefined
    return { listener: `${tokens[0]}.${tokens[1]}`, talker: `${tokens[2]}.${tokens[3]}` }
  },
  /** The party that serves a subject. */
  serverOf: (subject: string): string => {
    const root = `${prefix}.node.`
    return subject.startsWith(root)
      ? `node.${subject.slice(root.length).split('.', 1)[0]}`
      : APISERVER
  },
  userParty: (user: string): string => `user.${escapeToken(user)}`,
  nodeParty: (node: string): string => `node.${escapeToken(node)}`,
  /** All subjects of one node, its heartbeat and its streams. */
  nodeAll: (node: string): string => `${prefix}.node.${escapeToken(node)}.>`,
  /** Requests to the store: `take` a fence, `read` it. */
  fence: (verb: 'take' | 'read'): string => `${prefix}.store.fence.${verb}`,
  storeStatus: `${prefix}.store.status`,
  /** Writes again what is encrypted at rest, with the keys that count now. */
  storeReseal: `${prefix}.store.reseal`,
  /** Answered by whoever works on the request that is named. */
  working: `${prefix}.bus.working`,
  /** Answered by every replica of an actor: what it is doing. */
  actorStatuses: `${prefix}.actor.*.status`,
  actorStatus: (actor: string): string => `${prefix}.actor.${escapeToken(actor)}.status`,
})

const storage = (prefix: string) => {
  const bucket = { state: prefix, events: `${prefix}_events` }
  const root = { state: `$KV.${bucket.state}.`, events: `$KV.${bucket.events}.` }
  const fenceRoot = `${root.state}_fence.`
  return {
    bucket: (storageClass: StorageClass): string => bucket[storageClass],
    stream: (storageClass: StorageClass): string => `KV_${bucket[storageClass]}`,
    /** All keys of a bucket: the stream's subject. */
    keys: (storageClass: StorageClass): string => `${root[storageClass]}>`,
    /** Where the stream republishes to. */
    feedOf: (storageClass: StorageClass): string =>
      storageClass === 'state' ? `${prefix}.feed.>` : `${prefix}.feed._events.>`,
    /** `$KV.kubus.core.pods.default.web`; the core group is `core`, no namespace is `_`. */
    key: (
      storageClass: StorageClass,
      group: string,
      resource: string,
      namespace: string | undefined,
      name: string,
    ): string =>
      `${root[storageClass]}${group ? escapeToken(group) : 'core'}.${escapeToken(resource)}.${namespace ? escapeToken(namespace) : NONE}.${escapeToken(name)}`,
    /** Undefined for a fence or a foreign subject. */
    parseKey: (storageClass: StorageClass, subject: string) =>
      parseKey(root[storageClass], subject),
    /** A component's leadership: the sequence of this key is its fence. */
    fenceKey: (component: string): string => `${fenceRoot}${escapeToken(component)}`,
    parseFenceKey: (subject: string): string | undefined =>
      subject.startsWith(fenceRoot) ? unescapeToken(subject.slice(fenceRoot.length)) : undefined,
    /** One of the copies of a fence that fenced writes are checked against. */
    fenceSlotKey: (component: string, slot: number): string =>
      `${root.state}_fence-slot.${escapeToken(component)}.${slot}`,
    /** Where the empty message that carries the check is written. */
    fenceCheckKey: (component: string, slot: number): string =>
      `${root.state}_fence-check.${escapeToken(component)}.${slot}`,
  }
}

/** The names of the cluster `prefix` (`kubus` by default); several clusters may share one NATS. */
export const subjectsFor = (prefix: string) => {
  assert(/^[-\w]+$/.test(prefix), `prefix ${prefix} is one token of letters, digits, - and _`)
  return { prefix, ...requests(prefix), ...parts(prefix), ...storage(prefix) }
}

export type Subjects = ReturnType<typeof subjectsFor>
