/**
 * One HTTPS request and its answer.
 *
 * Invariant: every request is answered once, in a form it accepts, and gives back what it took: its place in
 * flow control, its deadline, its count among those in flight. It writes no line per request.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  badRequest,
  internalError,
  noSuchPath,
  type Status,
  StatusError,
  serviceUnavailable,
  tooManyRequests,
} from '../../api/status-error.ts'
import { newRequestId } from '../../std/ids.ts'
import { admitConnection } from './admission/connection.ts'
import type { ExtensionServer } from './aggregation/extension-server.ts'
import { isLongRunning, remoteFlow } from './aggregation/remote-door.ts'
import type { AuditedRequest } from './audit/auditor.ts'
import { type AuditedHttpRequest, auditHttp } from './audit/http-audit.ts'
import { permit } from './authorization/refusal.ts'
import { requestAttributes } from './authorization/request-attributes.ts'
import { managerOfAgent } from './field-managers.ts'
import { type Classification, Refused, type Seat } from './flow-control/flow-control.ts'
import { isGone, writeAnswer } from './http-answer.ts'
import { parseBody, readBody } from './http-body.ts'
import type { HttpDoorOptions } from './http-door.ts'
import { parsePath, type ResourcePath, splitUrl } from './http-path.ts'
import { responseTransport, serveWatch } from './http-watch.ts'
import { formatOf, type Offer, streamFormatOf } from './negotiate.ts'
import { authorize, execute } from './pipeline.ts'
import { isProxyPath, proxyCall } from './proxy/proxy-door.ts'
import { type Content, contentOf, documentContent, presentationOf } from './representation.ts'
import {
  type ApiRequest,
  type ApiResult,
  flag,
  NO_QUERY,
  type User,
  type Verb,
  warn,
} from './request.ts'
import type { RequestDeadlines, Timed } from './request-deadline.ts'
import { selectedName } from './selection.ts'
import type { Page } from './site.ts'
import { warningHeaders } from './warning-header.ts'

/** Requests in work at the same time, long-running ones apart; the rest is told to come back. */
const IN_FLIGHT_MAX = 4000

const METHODS: Readonly<Record<string, [named: Verb, collection: Verb]>> = {
  GET: ['get', 'list'],
  POST: ['create', 'create'],
  PUT: ['update', 'update'],
  PATCH: ['patch', 'patch'],
  DELETE: ['delete', 'deletecollection'],
}

/** The verb a method means on a path; undefined: not allowed there. */
const verbOf = (
  method: string,
  { name, subresource, watch }: ResourcePath,
  query: URLSearchParams,
): Verb | undefined => {
  const verbs = METHODS[method]
  if (!verbs) return undefined
  const isCollection = name === undefined && subresource === undefined
  if (method === 'GET' && (watch || (isCollection && flag(query, 'watch')))) return 'watch'
  if (watch) return undefined
  if (name === undefined) return method === 'PUT' || method === 'PATCH' ? undefined : verbs[1]
  return method === 'POST' && subresource === undefined ? undefined : verbs[0]
}

/** A question that is answered and forgotten, and what a subresource does, has no columns. */
const offerOf = ({ kind, subresource }: ResourcePath): Offer => {
  if (kind.isCustom) return 'custom'
  const isTabled = subresource === undefined || subresource === 'status' || subresource === 'scale'
  return isTabled && (!kind.isVirtual || kind.isComputed) ? 'builtIn' : 'untabled'
}

const NEEDS_UPGRADE = new Set(['exec', 'attach', 'portforward'])

const noSuchMethod = () =>
  new StatusError(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  )

export class Exchange implements Timed {
  readonly startedAt: number
  before: Timed | undefined
  after: Timed | undefined
  isTimed = false
  private readonly options: HttpDoorOptions
  private readonly deadlines: RequestDeadlines
  private readonly request: IncomingMessage
  private readonly response: ServerResponse
  private readonly headers: string[] = []
  private counted = false
  private answered = false
  private seat: Seat | undefined
  private verb = ''
  private target: ResourcePath | undefined
  private audit: AuditedRequest | undefined
  private id: string | undefined

  constructor(
    options: HttpDoorOptions,
    deadlines: RequestDeadlines,
    request: IncomingMessage,
    response: ServerResponse,
  ) {
    this.options = options
    this.deadlines = deadlines
    this.request = request
    this.response = response
    this.startedAt = options.clock.monotonic()
  }

  async serve(): Promise<void> {
    const { metrics, authenticate, services, aggregator } = this.options
    if (metrics.inFlight >= IN_FLIGHT_MAX)
      throw tooManyRequests('Too many requests, please try again later.', 1)
    metrics.inFlight++
    this.counted = true
    const [path, query] = splitUrl(this.request.url ?? '/')
    const identified = authenticate(this.request)
    const user = identified instanceof Promise ? await identified : identified
    this.target = parsePath(path, services.storage.cache.kinds) ?? (await this.lateTarget(path))
    const server = this.target ? undefined : aggregator.serverOf(path)
    if (this.target) await this.serveResource(this.target, query, user)
    else if (server) await this.serveRemote(server, path, query, user)
    else await this.servePage(path, query, user)
  }

  /** Another server's path. */
  private async serveRemote(
    server: ExtensionServer,
    path: string,
    query: URLSearchParams,
    user: User,
  ): Promise<void> {
    const { method = 'GET' } = this.request
    this.verb = method
    this.enterBooks({ user, verb: method.toLowerCase(), path })
    this.keepInBooks()
    const attributes = requestAttributes(user, method, path, query)
    await this.enter(this.options.flowControl.admitRemote(remoteFlow(attributes)))
    await permit(this.options.services.authorizer, attributes)
    if (!this.options.aggregator.isAvailable(server)) {
      this.sendPlain(503, 'service unavailable')
      return
    }
    const { serveRemote } = await import('./aggregation/remote-request.ts')
    if (isLongRunning(attributes)) this.release()
    else this.response.once('close', () => this.release())
    await serveRemote(server, user, this.request, this.response)
  }

  /** Another apiserver may serve a custom kind already that this one is about to hear of. */
  private async lateTarget(path: string): Promise<ResourcePath | undefined> {
    const { storage } = this.options.services
    if (!path.startsWith('/apis/') || path.split('/').length < 5) return undefined
    if (!this.options.isReady()) return undefined
    await this.options.definitionsServed()
    return parsePath(path, storage.cache.kinds)
  }

  private async servePage(path: string, query: URLSearchParams, user: User): Promise<void> {
    const { method = 'GET', headers } = this.request
    const verb = method.toLowerCase()
    this.verb = method
    this.enterBooks({ user, verb, path })
    this.deadlines.add(this, query)
    await this.enter(this.options.flowControl.admitPath(user, verb, path))
    const attributes = requestAttributes(user, method, path, query)
    await permit(this.options.services.authorizer, attributes, this.audit)
    const page = await this.options.site(path, query, headers)
    if (page && (method === 'GET' || method === 'HEAD')) this.sendPage(page)
    else if (page) throw noSuchMethod()
    else if (this.isBelowGroup(path)) throw noSuchPath()
    else this.sendPlain(404, '404 page not found')
  }

  /** Whether a built-in group answers for the path: it speaks Status where others have a plain page. */
  private isBelowGroup(path: string): boolean {
    const [, root, group] = path.split('/')
    if (root === 'api') return group !== undefined
    const { served } = this.options.services.storage.cache.kinds
    return (
      root === 'apis' && !!group && served.some((kind) => kind.group === group && !kind.isCustom)
    )
  }

  private sendPage({ code, type, body, encoding, headers = {} }: Page): void {
    for (const [name, value] of Object.entries(headers)) this.headers.push(name, value)
    if (encoding) this.headers.push('Content-Encoding', encoding)
    this.send(code, { type, body })
  }

  private async serveResource(
    target: ResourcePath,
    query: URLSearchParams,
    user: User,
  ): Promise<void> {
    const { method = 'GET', headers } = this.request
    const { services } = this.options
    if (!this.options.isReady()) throw serviceUnavailable('the apiserver is not ready yet')
    const { kind, namespace, name, subresource } = target
    if (isProxyPath(target)) return this.serveProxy(target, user)
    const verb = verbOf(method, target, query)
    this.verb = verb ?? method
    if (!verb) throw noSuchMethod()
    const request: ApiRequest = { verb, kind, namespace, name, subresource, user, query }
    if ((verb === 'list' || verb === 'watch') && name === undefined && query.size > 0)
      request.name = selectedName(query)
    request.audit = this.enterBooks(request)
    if (kind.deprecation) warn(request, kind.deprecation)
    if (request.warnings) this.warn(request.warnings)
    if (verb === 'watch') return this.serveWatch(request)
    if (subresource === 'log' && verb === 'get' && kind.plural === 'pods') {
      await authorize(services, request)
      this.release()
      this.keepInBooks()
      return this.options.serveLogs(request, this.response)
    }
    if (subresource !== undefined && NEEDS_UPGRADE.has(subresource))
      throw badRequest('Upgrade request required')
    this.deadlines.add(this, query)
    const { flowControl } = this.options
    const admitted = flowControl.admit(user, verb, kind, subresource, namespace, request)
    if (admitted instanceof Promise) await this.enter(admitted)
    else this.take(admitted)
    const format = formatOf(headers.accept, offerOf(target))
    if (method !== 'GET') {
      const bytes = await readBody(this.request)
      const parsed = parseBody(bytes, headers['content-type'], request)
      Object.assign(request, parsed instanceof Promise ? await parsed : parsed)
      request.manager = managerOfAgent(headers['user-agent'] ?? '')
      request.showsWarnings = true
      this.audit?.received(request.body)
    }
    const presentation = presentationOf(format, query)
    const result = await this.execute(request)
    const shown = presentation instanceof Promise ? await presentation : presentation
    const content = contentOf(result, shown, services.clock.now())
    if (this.audit) this.audit.answeredWith(result)
    this.send(result.type === 'list' ? 200 : result.code, content)
  }

  private async serveProxy(target: ResourcePath, user: User): Promise<void> {
    const { method = 'GET', url = '/' } = this.request
    this.verb = method
    this.enterBooks({ ...target, user, verb: method.toLowerCase() })
    this.keepInBooks()
    const call = await proxyCall(this.options.services.authorizer, target, method, url, user)
    if (!call) throw noSuchMethod()
    await admitConnection(this.options.services, target, user, NO_QUERY, call.rest)
    this.release()
    await this.options.serveProxy(call, { request: this.request, response: this.response })
  }

  private async serveWatch(request: ApiRequest): Promise<void> {
    const { services, hub, metrics, clock, flowControl } = this.options
    const { kind, namespace, user } = request
    await this.enter(flowControl.admit(user, 'watch', kind, undefined, namespace, request))
    await authorize(services, request)
    const format = streamFormatOf(this.request.headers.accept, kind.isCustom ? 'custom' : 'builtIn')
    const pairs = this.headers
    for (let at = 0; at < pairs.length; at += 2) this.response.setHeader(pairs[at]!, pairs[at + 1]!)
    this.response.setHeader('Audit-Id', this.auditId())
    this.keepInBooks()
    await serveWatch(services, hub, request, format, responseTransport(this.response))
    /** Starting is what costs; from here on it is a long-running request. */
    this.release()
    const duration = clock.monotonic() - this.startedAt
    metrics.observe('watch', kind.group, kind.plural, undefined, 200, duration)
  }

  private async enter(admitted: Seat | Promise<Seat>): Promise<void> {
    const seat = await admitted
    if (this.answered) seat.release()
    else this.take(seat)
  }

  private take(seat: Seat): void {
    this.seat = seat
    this.name(seat)
  }

  /** Says in the answer what the request was filed under. */
  private name({ schema, level }: Classification): void {
    this.headers.push(
      'X-Kubernetes-PF-FlowSchema-UID',
      schema.uid,
      'X-Kubernetes-PF-PriorityLevel-UID',
      level.uid,
    )
  }

  /** The request no longer counts as in flight. */
  private release(): void {
    this.deadlines.remove(this)
    this.seat?.release()
    this.seat = undefined
    if (!this.counted) return
    this.counted = false
    this.options.metrics.inFlight--
  }

  private auditId(): string {
    const given = this.request.headers['audit-id']
    this.id ??= typeof given === 'string' && AUDIT_ID.test(given) ? given : newRequestId()
    return this.id
  }

  /** Has the request audited, if the policy wants it. */
  private enterBooks(asked: AuditedHttpRequest): AuditedRequest | undefined {
    const { auditor, clock } = this.options
    if (!auditor) return undefined
    const receivedMs = clock.now() - (clock.monotonic() - this.startedAt)
    this.audit = auditHttp(auditor, this.request, asked, { id: this.auditId(), receivedMs })
    return this.audit
  }

  /** A request whose credentials were refused. */
  private enterBooksUnknown(): void {
    const { method = 'GET', url = '/' } = this.request
    const [path, query] = splitUrl(url)
    const target = parsePath(path, this.options.services.storage.cache.kinds)
    const verb = (target && verbOf(method, target, query)) ?? method.toLowerCase()
    this.enterBooks({ ...target, user: undefined, verb, path })
  }

  /** A request that is answered for long is over in the books when its answer has ended. */
  private keepInBooks(): void {
    const { audit, response } = this
    if (!audit) return
    audit.started(200)
    response.once('close', () => {
      audit.answered(response.statusCode)
      audit.complete()
    })
  }

  /** Warnings are shown with a refusal, too. */
  private async execute(request: ApiRequest): Promise<ApiResult> {
    try {
      return await execute(this.options.services, request)
    } finally {
      if (request.warnings) this.warn(request.warnings)
    }
  }

  private warn(warnings: readonly string[]): void {
    this.response.setHeader('Warning', warningHeaders(warnings))
  }

  /** An error as Go's own pages are. */
  private sendPlain(code: number, message: string): void {
    this.headers.push('X-Content-Type-Options', 'nosniff')
    this.send(code, { type: 'text/plain; charset=utf-8', body: `${message}\n` })
  }

  private send(code: number, content: Content): void {
    if (this.answered) return
    this.answered = true
    this.audit?.completeWith(code)
    const { response, headers } = this
    const isPieces = typeof content.body !== 'string' && !Buffer.isBuffer(content.body)
    if (!isPieces) this.release()
    if (!response.headersSent && !isGone(response)) {
      headers.push('Audit-Id', this.auditId())
      const acceptsGzip = this.request.headers['accept-encoding']?.includes('gzip') ?? false
      const written = writeAnswer(response, { code, headers, acceptsGzip }, content)
      if (written) written.catch(() => response.destroy()).finally(() => this.release())
    } else this.release()
    const { metrics, clock } = this.options
    const duration = clock.monotonic() - this.startedAt
    const { kind, subresource } = this.target ?? NO_TARGET
    metrics.observe(this.verb, kind?.group ?? '', kind?.plural ?? '', subresource, code, duration)
  }

  /** The time is over: what is still being done is done for nobody. */
  expire(error: StatusError): void {
    this.fail(error)
  }

  /** Answers with the Status of what went wrong. */
  fail(error: unknown): void {
    const { request, response, headers } = this
    if (this.answered || response.headersSent) {
      this.release()
      if (!this.answered) response.destroy()
      return
    }
    const known = error instanceof StatusError
    if (!known) this.options.log.error({ err: error, path: request.url }, 'a request failed')
    const status: Status = known
      ? error.status
      : internalError(error instanceof Error ? error.message : String(error)).status
    const { code = 500, details } = status
    if (code === 401) this.enterBooksUnknown()
    this.audit?.answered(code, status)
    if (details?.retryAfterSeconds) headers.push('Retry-After', String(details.retryAfterSeconds))
    if (code === 401) headers.push('WWW-Authenticate', 'Bearer realm="kubernetes-master"')
    /** A body that was refused unread would be taken for the next request. */
    if (!request.complete && request.httpVersionMajor === 1) headers.push('Connection', 'close')
    if (error instanceof Refused) {
      this.name(error.classification)
      this.sendPlain(code, status.message ?? '')
    } else this.sendStatus(code, status)
  }

  private sendStatus(code: number, status: Status): void {
    const plain = { type: 'application/json', body: JSON.stringify(status) }
    const { accept } = this.request.headers
    if (accept === undefined || accept.startsWith('application/json')) {
      this.send(code, plain)
      return
    }
    const inForm = async () => {
      const format = formatOf(accept, 'builtIn')
      return documentContent(status, await presentationOf({ syntax: format.syntax }, NO_QUERY))
    }
    inForm().then(
      (content) => this.send(code, content),
      () => this.send(code, plain),
    )
  }
}

const NO_TARGET = { kind: undefined, subresource: undefined }
/** What clients may call a request for the logs of others. */
const AUDIT_ID = /^[\x21-\x7e]{1,64}$/
