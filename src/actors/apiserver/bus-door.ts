/**
 * The bus door: the same verbs as over HTTPS, as a NATS micro service, and watches as channels.
 *
 *   kubus.api.<verb>.<resource>[.<namespace>[.<name>]]   body: the object, patch or options; JSON or MessagePack
 *
 * Invariant: both doors build the same `ApiRequest`; nothing is allowed here that HTTPS would refuse.
 * The bus layer decodes requests and encodes answers and errors; this file knows no encoding but that of
 * watch frames.
 */
import { kinds } from '../../api/kinds.ts'
import { badRequest, StatusError } from '../../api/status-error.ts'
import type { Bus, Channel, Endpoint, Message } from '../../bus/bus.ts'
import { encode } from '../../bus/codec.ts'
import { type ApiSubject, subjectsFor } from '../../bus/subjects.ts'
import type { Log } from '../../std/log.ts'
import { authorize, execute } from './pipeline.ts'
import type { ApiRequest, ApiResult, PatchFormat, User, Verb } from './request.ts'
import type { Services } from './services.ts'
import { planWatch, startWatch } from './watch.ts'
import type { EventFormat, Sink, WatchHub } from './watch-hub.ts'

export interface BusDoorPorts {
  services: Services
  hub: WatchHub
  bus: Bus
  log: Log
  version: string
}

/** Who a request on the bus acts as: whoever may connect is an operator of the cluster. */
const BUS_USER: User = {
  name: 'kubus:bus',
  groups: ['system:masters', 'system:authenticated'],
}

const VERBS = [
  'get',
  'list',
  'create',
  'update',
  'patch',
  'apply',
  'scale',
  'delete',
  'deletecollection',
] as const
type BusVerb = (typeof VERBS)[number]

/** Serves until the result is called. */
export const openBusDoor = async (ports: BusDoorPorts): Promise<() => Promise<void>> => {
  const { bus, version } = ports
  const subjects = subjectsFor(bus.prefix)
  const endpoints: Endpoint[] = VERBS.map((verb) => ({
    name: verb,
    subject: subjects.apiAll(verb),
    metadata: { resources: 'every kind; subject <resource>[.<namespace>[.<name>]]' },
    handle: (message) => answer(ports, verb, message),
  }))
  const service = await bus.serve({
    name: 'apiserver',
    description: 'The API of the cluster: every verb on every kind, and watches',
    version,
    endpoints,
  })
  const watches = bus.accept(
    subjects.apiAll('watch'),
    (channel, greeting, subject) => openWatch(ports, channel, greeting, subject),
    { queue: 'apiserver' },
  )
  return async () => {
    await watches.stop()
    await service.stop()
  }
}

const answer = async (
  { services, bus }: BusDoorPorts,
  verb: BusVerb,
  message: Message,
): Promise<unknown> => {
  const target = targetOf(bus, message.subject)
  const request = requestOf(verb, target, message)
  if (verb === 'apply') return documentOf(await applyObject(services, request))
  return documentOf(await execute(services, request))
}

/** Changes the object to what is given, or creates it: `kubectl apply` for a single field owner. */
const applyObject = async (services: Services, request: ApiRequest): Promise<ApiResult> => {
  try {
    return await execute(services, { ...request, verb: 'patch', patch: 'strategic' })
  } catch (error) {
    if (!(error instanceof StatusError) || error.reason !== 'NotFound') throw error
    return execute(services, { ...request, name: undefined })
  }
}

interface Target extends ApiSubject {
  kind: ApiRequest['kind']
}

/** The kind a resource word names: plural, singular or short name, of any group unless one is given. */
const kindOf = (word: string): ApiRequest['kind'] | undefined => {
  const [resource = '', ...group] = word.split('.')
  return kinds.find(
    (kind) =>
      (kind.plural === resource ||
        kind.singular === resource ||
        kind.shortNames?.includes(resource)) &&
      (group.length === 0 || kind.group === group.join('.')),
  )
}

const targetOf = (bus: Bus, subject: string): Target => {
  const parsed = subjectsFor(bus.prefix).parseApi(subject)
  if (!parsed)
    throw badRequest(
      `${subject} is no request: it is ${bus.prefix}.api.<verb>.<resource>[.<namespace>[.<name>]]`,
    )
  const kind = kindOf(parsed.resource)
  if (!kind)
    throw new StatusError(404, 'NotFound', 'the server could not find the requested resource')
  if (kind.namespaced || parsed.namespace === undefined || parsed.name !== undefined)
    return { ...parsed, kind }
  // People leave out the `_` of a cluster-scoped object: `nodes.n1`.
  const { namespace, ...rest } = parsed
  return { ...rest, kind, name: namespace }
}

const PATCH_FORMATS: readonly string[] = ['json', 'merge', 'strategic']

const requestOf = (verb: BusVerb, target: Target, message: Message): ApiRequest => {
  const { kind, subresource, name } = target
  const isObject = verb === 'create' || verb === 'update' || verb === 'apply'
  const body = isObject ? withType(message.data, kind, subresource) : message.data
  const request: ApiRequest = {
    verb: plainVerb(verb),
    kind,
    subresource: verb === 'scale' ? 'scale' : subresource,
    namespace: kind.namespaced ? (target.namespace ?? namespaceOf(verb, body)) : undefined,
    name: name ?? (verb === 'update' || verb === 'apply' ? nameOf(body) : undefined),
    user: BUS_USER,
    query: queryOf(verb, message.data),
    fence: parseFence(message.headers['Kubus-Fence']),
  }
  if (verb === 'scale') {
    request.patch = 'merge'
    request.body = { spec: message.data }
  } else if (verb !== 'get' && verb !== 'list') request.body = body
  if (verb === 'patch') {
    const format = message.headers['Kubus-Patch-Type'] ?? 'strategic'
    if (!PATCH_FORMATS.includes(format))
      throw badRequest(`Kubus-Patch-Type is one of ${PATCH_FORMATS.join(', ')}`)
    request.patch = format as PatchFormat
  }
  const needsName = !['create', 'list', 'deletecollection'].includes(verb)
  if (needsName && request.name === undefined)
    throw badRequest(
      `name is required: ${verb}.${kind.plural}.${kind.namespaced ? '<namespace>' : '_'}.<name>`,
    )
  if (kind.namespaced && request.namespace === undefined && verb !== 'list')
    throw badRequest('an empty namespace may not be set during creation')
  return request
}

const plainVerb = (verb: BusVerb): Verb => {
  if (verb === 'scale') return 'patch'
  return verb === 'apply' ? 'create' : verb
}

/** People may leave out apiVersion and kind: the subject names them. */
const withType = (
  body: unknown,
  { apiVersion, kind }: ApiRequest['kind'],
  subresource: string | undefined,
): unknown =>
  isRecord(body) && (subresource === undefined || subresource === 'status')
    ? { apiVersion, kind, ...body }
    : body

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const metadataOf = (body: unknown): Record<string, unknown> =>
  isRecord(body) && isRecord(body['metadata']) ? body['metadata'] : {}

const nameOf = (body: unknown): string | undefined => {
  const { name } = metadataOf(body)
  return typeof name === 'string' ? name : undefined
}

/** A write without a namespace goes where the object says, or to `default` as with kubectl. */
const namespaceOf = (verb: BusVerb, body: unknown): string | undefined => {
  if (verb !== 'create' && verb !== 'update' && verb !== 'apply') return undefined
  const { namespace } = metadataOf(body)
  return typeof namespace === 'string' ? namespace : 'default'
}

const QUERY_FIELDS = ['labelSelector', 'fieldSelector', 'limit', 'continue'] as const

/** Selectors and paging of a list, from the request's body. */
const queryOf = (verb: BusVerb, body: unknown): URLSearchParams => {
  const query = new URLSearchParams()
  if ((verb !== 'list' && verb !== 'deletecollection' && verb !== 'get') || !isRecord(body))
    return query
  for (const field of QUERY_FIELDS) {
    const value = body[field]
    if (typeof value === 'string' || typeof value === 'number') query.set(field, String(value))
  }
  return query
}

const parseFence = (text: string | undefined): ApiRequest['fence'] => {
  const match = /^(.+)=(\d+)$/.exec(text ?? '')
  return match ? { component: match[1]!, revision: Number(match[2]) } : undefined
}

const documentOf = (result: ApiResult): unknown => {
  if (result.type === 'object') return result.object
  if (result.type === 'document') return result.document
  const { kind, items, revision } = result
  return {
    apiVersion: kind.apiVersion,
    kind: `${kind.kind}List`,
    metadata: {
      resourceVersion: String(revision),
      ...(result.continue ? { continue: result.continue } : {}),
      ...(result.remaining ? { remainingItemCount: result.remaining } : {}),
    },
    items,
  }
}

/** A frame is an array of `{type, object}`; tag 0. */
const EVENT_TAG = 0
const FRAME_FORMAT: EventFormat = {
  id: 'msgpack',
  encode: (events) => encode(events.map(({ type, object }) => ({ type, object }))),
}

const openWatch = async (
  { services, hub, bus, log }: BusDoorPorts,
  channel: Channel,
  greeting: unknown,
  subject: string,
): Promise<void> => {
  const { kind, namespace, name } = targetOf(bus, subject)
  const query = new URLSearchParams()
  if (isRecord(greeting))
    for (const [field, value] of Object.entries(greeting))
      if (value !== undefined && value !== null) query.set(field, String(value))
  const request: ApiRequest = { verb: 'watch', kind, namespace, name, user: BUS_USER, query }
  authorize(request)
  let leave: (() => void) | undefined
  let isOpen = true
  void channel.closed.then(() => {
    isOpen = false
    leave?.()
  })
  try {
    const plan = await planWatch(services, request)
    const sink = channelSink(channel)
    const stop = await startWatch(services, hub, plan, FRAME_FORMAT, sink, () => isOpen)
    if (isOpen) leave = stop
    else stop()
  } catch (error) {
    if (!(error instanceof StatusError)) log.error({ err: error }, 'a watch over the bus failed')
    const status =
      error instanceof StatusError
        ? error.status
        : new StatusError(500, 'InternalError', 'watch failed').status
    await channel
      .send(EVENT_TAG, encode([{ type: 'ERROR', object: status }]))
      .catch(() => undefined)
    channel.close(status)
  }
}

/** Frames wait in order for the reader's window; what waits is the watch's backlog. */
const channelSink = (channel: Channel): Sink => {
  let waiting = 0
  let last: Promise<void> = Promise.resolve()
  return {
    write: (batch) => {
      waiting += batch.length
      last = channel
        .send(EVENT_TAG, batch)
        .catch(() => undefined)
        .then(() => {
          waiting -= batch.length
        })
    },
    backlog: () => waiting,
    drained: () => last,
    close: () => channel.close(),
  }
}
