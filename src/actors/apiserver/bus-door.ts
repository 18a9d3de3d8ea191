/**
 * The bus door: the verbs of the API as a micro service, for components and for people with the nats CLI.
 *
 *   kubus.api.<verb>.<resource>[.<namespace>[.<name>]]
 *   kubus.as.<identity>.<verb>.…                          in whose name: see `bus-identity.ts`
 *
 * `apply` is server-side apply; `Kubus-Field-Manager` says by whom (default `nats`), `Kubus-Force: true` overrules.
 * Invariant: a request becomes the same `ApiRequest` an HTTPS one becomes. Who asks
 * is what nats-server vouches for, never what the message says. Watches are `bus-watch.ts`.
 */
import type { AnyKind } from '../../api/kind.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import type { KindRegistry } from '../../api/registry.ts'
import { badRequest, StatusError } from '../../api/status-error.ts'
import type { Bus, Message } from '../../bus/bus.ts'
import { type ApiSubject, subjectsFor } from '../../bus/subjects.ts'
import {
  ANSWER_HEADER,
  FENCE_HEADER,
  FORCE_HEADER,
  MANAGER_HEADER,
  PATCH_TYPE_HEADER,
  parseFence,
} from '../../client/bus-client.ts'
import type { Fence } from '../../client/storage.ts'
import type { Log } from '../../std/log.ts'
import type { AuditedRequest, Auditor } from './audit/auditor.ts'
import { auditBus, refusalBooks } from './audit/bus-audit.ts'
import type { Refusals } from './audit/refusals.ts'
import { type HandleOne, handleGathered } from './bus-gathered.ts'
import { busUser, vouchedInfo } from './bus-identity.ts'
import { placeOf, queryOf } from './bus-place.ts'
import { acceptWatches } from './bus-watch.ts'
import { LogBroadcasts } from './log-broadcasts.ts'
import type { Metrics } from './metrics.ts'
import { logOptionsOf, readLog } from './node-logs.ts'
import { authorize, execute } from './pipeline.ts'
import {
  type ApiRequest,
  type ApiResult,
  NO_QUERY,
  type PatchFormat,
  type User,
} from './request.ts'

import type { Services } from './services.ts'
import type { WatchHub } from './watch-hub.ts'

export interface BusDoorOptions {
  services: Services
  hub: WatchHub
  bus: Bus
  metrics: Metrics
  log: Log
  version: string
  /** Absent: nothing is audited. */
  auditor?: Auditor | undefined
  refusals?: Refusals | undefined
  /** Resolves when every custom kind that another replica served before the call is served here. */
  definitionsServed(): Promise<void>
}

const VERBS = [
  'get',
  'list',
  'create',
  'update',
  'patch',
  'apply',
  'delete',
  'deletecollection',
  'scale',
  'logs',
] as const

type BusVerb = (typeof VERBS)[number]

/** Opens the door; the result closes it. */
export const openBusDoor = async (options: BusDoorOptions): Promise<() => Promise<void>> => {
  const { bus, services, metrics } = options
  const subjects = subjectsFor(bus.prefix)
  const broadcasts = new LogBroadcasts(services, bus, options.log)
  const parts: Options = { services, bus, broadcasts }
  const { onUnserved, onForeignName } = refusalBooks(options.refusals, subjects, services.clock)
  const handle = async (verb: BusVerb, message: Message): Promise<unknown> => {
    const startedAt = services.clock.monotonic()
    let resource = ''
    let code = 200
    let audit: AuditedRequest | undefined
    let isUnderstood = false
    try {
      const { kinds } = services.storage.cache
      const parsed = subjects.parseApi(message.subject)
      if (!parsed) throw badRequest(`${message.subject} is no subject of the API`)
      if (!kinds.byWord(parsed.resource)) await options.definitionsServed()
      const target = targetOf(parsed, kinds, verb, message)
      isUnderstood = true
      resource = target.kind.plural
      const asked = { subject: message.subject, info: vouchedInfo(parsed.as, message.headers) }
      audit = options.auditor && auditBus(options.auditor, asked, verb, target, services.clock)
      target.audit = audit
      const answer = await VERB_FUNCTIONS[verb](parts, target)
      return answerAs(message.headers[ANSWER_HEADER], answer)
    } catch (error) {
      code = error instanceof StatusError ? error.code : 500
      audit?.answered(code, error instanceof StatusError ? error.status : undefined)
      // Of what is understood there is an event.
      if (!isUnderstood) onUnserved(message, verb, error)
      throw error
    } finally {
      audit?.completeWith(code)
      const duration = services.clock.monotonic() - startedAt
      metrics.observe(`bus-${verb}`, '', resource, undefined, code, duration)
    }
  }
  const handleOne = async (message: Message): Promise<unknown> => {
    const verb = VERBS.find((known) => known === subjects.parseApi(message.subject)?.verb)
    if (!verb) throw badRequest(`${message.subject} is no subject of the API`)
    return handle(verb, message)
  }
  const endpointsOf = (verb: string, answer: HandleOne) => [
    { name: verb, subject: subjects.apiAll(verb), handle: answer },
    { name: `as-${verb}`, subject: subjects.asAll(verb), handle: answer },
  ]
  const service = await bus.serve({
    name: 'apiserver',
    description:
      'The API of the cluster: get, list, create, update, patch, apply, delete, scale, logs',
    version: options.version,
    endpoints: [
      ...VERBS.flatMap((verb) => endpointsOf(verb, (message) => handle(verb, message))),
      ...endpointsOf('many', (message) =>
        handleGathered(message, subjects, handleOne, onForeignName),
      ),
    ],
  })
  const watches = acceptWatches(options)
  return async () => {
    await broadcasts.stop()
    await watches.stop()
    await service.stop()
  }
}

/** As much of an answer as was asked for. */
const answerAs = (wanted: string | undefined, answer: unknown): unknown => {
  if (wanted === 'none') return undefined
  if (wanted !== 'metadata' || !isObject(answer)) return answer
  const { apiVersion, kind, metadata } = answer
  const { name, namespace, uid, resourceVersion } = metadata
  const place = namespace === undefined ? {} : { namespace }
  return { apiVersion, kind, metadata: { name, ...place, uid, resourceVersion } }
}

const isObject = (answer: unknown): answer is KubernetesObject =>
  typeof answer === 'object' && answer !== null && 'metadata' in answer

/** What a subject and its message ask for, with scope and names put right. */
interface Target {
  user: User
  kind: AnyKind
  subresource: string | undefined
  namespace: string | undefined
  name: string | undefined
  body: unknown
  fence: Fence | undefined
  patch: PatchFormat
  manager: string | undefined
  /** An apply takes fields from who manages them. */
  force: boolean
  query: URLSearchParams
  audit?: AuditedRequest | undefined
}

/** Who manages fields that were set with a nats CLI, unless a header says otherwise. */
const PEOPLE = 'nats'

/** People get unknown fields refused; components, which are built with their types, are not checked. */
const STRICT = new URLSearchParams({ fieldValidation: 'Strict' })
const LENIENT = new URLSearchParams({ fieldValidation: 'Ignore' })

const targetOf = (
  subject: ApiSubject,
  registry: KindRegistry,
  verb: BusVerb,
  message: Message,
): Target => {
  const fenceText = message.headers[FENCE_HEADER]
  const fence = parseFence(fenceText)
  if (fenceText !== undefined && !fence)
    throw badRequest(`${FENCE_HEADER}: ${fenceText} is no fence`)
  const format = message.headers[PATCH_TYPE_HEADER] ?? 'strategic'
  if (format !== 'json' && format !== 'merge' && format !== 'strategic')
    throw badRequest(`${PATCH_TYPE_HEADER}: ${format} is none of json, merge, strategic`)
  const place = placeOf(subject, registry)
  const isByHand = message.encoding === 'json' || verb === 'apply'
  const isRead = verb === 'get' || verb === 'list' || verb === 'deletecollection'
  return {
    ...place,
    user: busUser(subject.as, message.headers),
    body: message.data,
    fence,
    patch: format,
    manager: message.headers[MANAGER_HEADER] ?? (isByHand ? PEOPLE : undefined),
    force: message.headers[FORCE_HEADER] === 'true',
    query: isRead ? queryOf(message.data) : message.encoding === 'json' ? STRICT : LENIENT,
  }
}

interface Options extends Pick<BusDoorOptions, 'services' | 'bus'> {
  broadcasts: LogBroadcasts
}

const VERB_FUNCTIONS: Record<BusVerb, (options: Options, target: Target) => Promise<unknown>> = {
  get: (options, target) =>
    target.name === undefined
      ? run(options, target, { verb: 'list' })
      : run(options, named(target), { verb: 'get' }),
  list: (options, target) => run(options, target, { verb: 'list', name: undefined }),
  create: (options, target) =>
    run(options, within(target), {
      verb: 'create',
      name: target.subresource === undefined ? undefined : target.name,
      body: target.body,
    }),
  update: (options, target) => {
    const placed = named(within(target))
    return run(options, placed, { verb: 'update', body: placed.body })
  },
  patch: (options, target) =>
    run(options, named(target), { verb: 'patch', body: target.body, patch: target.patch }),
  apply,
  delete: (options, target) =>
    run(options, named(target), { verb: 'delete', body: target.body, query: NO_QUERY }),
  deletecollection: (options, target) =>
    run(options, target, { verb: 'deletecollection', name: undefined }),
  scale: (options, target) => {
    const { replicas } = (target.body ?? {}) as { replicas?: unknown }
    if (typeof replicas !== 'number') throw badRequest('scale takes {"replicas": <number>}')
    return run(options, named(target), {
      verb: 'update',
      subresource: 'scale',
      body: { spec: { replicas } },
    })
  },
  logs: async ({ services, bus, broadcasts }, target) => {
    const { kind, namespace, name } = named(target)
    if (kind.plural !== 'pods') throw badRequest('only pods have logs')
    const request = requestOf(target, { verb: 'get', namespace, name, subresource: 'log' })
    await authorize(services, request)
    const options = logOptionsOf(target.body, name)
    return options.follow
      ? broadcasts.follow(request, options)
      : readLog(services, bus, request, options)
  },
}

/** Server-side apply; the kind need not be said again. */
function apply(options: Options, target: Target): Promise<unknown> {
  const placed = named(within(target))
  const { apiVersion, kind } = placed.kind
  const body: unknown =
    typeof placed.body === 'object' && placed.body !== null && !Array.isArray(placed.body)
      ? { apiVersion, kind, ...placed.body }
      : placed.body
  const query = new URLSearchParams(placed.query)
  if (placed.force) query.set('force', 'true')
  return run(options, { ...placed, query }, { verb: 'patch', body, patch: 'apply' })
}

const requestOf = (
  { kind, subresource, namespace, name, user, fence, manager, query, audit }: Target,
  change: Partial<ApiRequest> & Pick<ApiRequest, 'verb'>,
): ApiRequest => ({
  kind,
  subresource,
  namespace,
  name,
  user,
  query,
  fence,
  manager,
  audit,
  ...change,
})

const run = async (
  { services }: Options,
  target: Target,
  change: Partial<ApiRequest> & Pick<ApiRequest, 'verb'>,
): Promise<unknown> => payloadOf(await execute(services, requestOf(target, change)))

const payloadOf = (result: ApiResult): unknown => {
  switch (result.type) {
    case 'object':
      return result.object
    case 'document':
      return result.document
    case 'list':
      return {
        kind: `${result.kind.kind}List`,
        apiVersion: result.kind.apiVersion,
        metadata: {
          resourceVersion: String(result.revision),
          ...(result.continue ? { continue: result.continue } : {}),
          ...(result.remaining ? { remainingItemCount: result.remaining } : {}),
        },
        items: result.items,
      }
  }
}

/** The namespace and name that the subject left to the object. */
const within = (target: Target): Target => {
  const { metadata } = (target.body ?? {}) as { metadata?: Partial<KubernetesObject['metadata']> }
  const name = target.name ?? metadata?.name
  if (!target.kind.namespaced) return { ...target, name }
  return { ...target, name, namespace: target.namespace ?? metadata?.namespace ?? 'default' }
}

const named = (target: Target): Target => {
  const { kind, namespace, name } = target
  if (name === undefined)
    throw badRequest(`which of the ${kind.plural}? the subject ends too early`)
  if (kind.namespaced && namespace === undefined)
    throw badRequest(`in which namespace? ${kind.plural} are namespaced`)
  return target
}
