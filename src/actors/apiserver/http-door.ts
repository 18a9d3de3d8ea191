/**
 * The HTTPS door: from HTTP/1.1 requests to the pipeline and back.
 *
 * Invariant: every request is answered once, with JSON or YAML and Kubernetes' Status for what fails; what
 * arrives is bounded in size and time. It holds no state of the cluster and writes no line per request.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import { gzip } from 'node:zlib'
import {
  badRequest,
  internalError,
  type Status,
  StatusError,
  serviceUnavailable,
  tooManyRequests,
} from '../../api/status-error.ts'
import type { Clock } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'
import type { Authenticate } from './authenticate.ts'
import { refusal } from './authorize.ts'
import { parseBody, readBody } from './http-body.ts'
import { parsePath, type ResourcePath } from './http-path.ts'
import { serveWatch } from './http-watch.ts'
import type { Metrics } from './metrics.ts'
import { formatOf } from './negotiate.ts'
import { authorize, execute } from './pipeline.ts'
import { bodyText } from './representation.ts'
import { type ApiRequest, flag, NO_QUERY, type User, type Verb, warn } from './request.ts'
import type { Services } from './services.ts'
import type { Page, Site } from './site.ts'
import type { WatchHub } from './watch-hub.ts'

export interface TlsOptions {
  /** PEM. */
  certificate: string
  key: string
  /** PEM of the authority that signs client certificates. */
  clientCa: string
}

export interface HttpDoorOptions {
  tls: TlsOptions
  services: Services
  hub: WatchHub
  site: Site
  metrics: Metrics
  authenticate: Authenticate
  clock: Clock
  log: Log
  /** Resources are served only then. */
  isReady(): boolean
  /** Serves `pods/{name}/log`. */
  serveLogs(request: ApiRequest, response: ServerResponse): Promise<void>
}

/** Requests in work at the same time, watches apart; the rest is told to come back. */
const IN_FLIGHT_MAX = 4000
const HEADERS_TIMEOUT_MS = 30_000
const REQUEST_TIMEOUT_MS = 60_000
const KEEP_ALIVE_MS = 75_000
/** Kubernetes compresses answers from this size on. */
const GZIP_FROM_BYTES = 128 * 1024
/** SSL_OP_NO_TICKET: a resumed session would not show the client's certificate again. */
const NO_SESSION_TICKETS = 0x4000

export const createHttpDoor = (options: HttpDoorOptions): Server => {
  const { tls } = options
  const server = createServer(
    {
      cert: tls.certificate,
      key: tls.key,
      ca: tls.clientCa,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
      secureOptions: NO_SESSION_TICKETS,
      minVersion: 'TLSv1.2',
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      noDelay: true,
    },
    (request, response) => {
      /** A client that goes while it is answered is nobody's error. */
      response.on('error', () => undefined)
      const door = new Exchange(options, request, response)
      door.serve().catch((error: unknown) => door.fail(error))
    },
  )
  server.on('tlsClientError', () => undefined)
  return server
}

const METHODS: Readonly<Record<string, [named: Verb, collection: Verb]>> = {
  GET: ['get', 'list'],
  HEAD: ['get', 'list'],
  POST: ['create', 'create'],
  PUT: ['update', 'update'],
  PATCH: ['patch', 'patch'],
  DELETE: ['delete', 'deletecollection'],
}

/** The verb a method means on a path; undefined: not allowed there. */
const verbOf = (
  method: string,
  { name, subresource }: Pick<ResourcePath, 'name' | 'subresource'>,
  query: URLSearchParams,
): Verb | undefined => {
  const verbs = METHODS[method]
  if (!verbs) return undefined
  if (method === 'GET' && subresource === undefined && flag(query, 'watch')) return 'watch'
  if (name === undefined) return method === 'PUT' || method === 'PATCH' ? undefined : verbs[1]
  return method === 'POST' && subresource === undefined ? undefined : verbs[0]
}

/** The path, and the query behind `?`. */
export const splitUrl = (url: string): [path: string, query: URLSearchParams] => {
  const at = url.indexOf('?')
  return at < 0 ? [url, NO_QUERY] : [url.slice(0, at), new URLSearchParams(url.slice(at + 1))]
}

/** One request and its answer. */
class Exchange {
  private readonly options: HttpDoorOptions
  private readonly request: IncomingMessage
  private readonly response: ServerResponse
  private readonly startedAt: number
  private counted = false
  private verb = ''
  private group = ''
  private resource = ''
  private subresource: string | undefined

  constructor(options: HttpDoorOptions, request: IncomingMessage, response: ServerResponse) {
    this.options = options
    this.request = request
    this.response = response
    this.startedAt = options.clock.monotonic()
  }

  async serve(): Promise<void> {
    const { metrics, authenticate } = this.options
    if (metrics.inFlight >= IN_FLIGHT_MAX)
      throw tooManyRequests('Too many requests, please try again later.', 1)
    metrics.inFlight++
    this.counted = true
    const [path, query] = splitUrl(this.request.url ?? '/')
    const identified = authenticate(this.request)
    const user = identified instanceof Promise ? await identified : identified
    const target = parsePath(path, this.options.services.storage.cache.kinds)
    if (target) await this.serveResource(target, query, user)
    else this.servePage(path, query, user)
  }

  private servePage(path: string, query: URLSearchParams, user: User): void {
    const { method = 'GET' } = this.request
    this.verb = method
    const refused = refusal({ user, verb: method.toLowerCase(), path })
    if (refused) throw refused
    const isRead = method === 'GET' || method === 'HEAD'
    const page = isRead
      ? this.options.site(path, query, formatOf(this.request.headers.accept))
      : undefined
    if (page) this.sendPage(page)
    else this.send(404, 'text/plain; charset=utf-8', '404 page not found\n')
  }

  private sendPage({ code, type, text, headers = {} }: Page): void {
    if (headers['ETag'] && this.request.headers['if-none-match'] === headers['ETag']) {
      this.finish(304, { ...headers }, '')
      return
    }
    for (const [name, value] of Object.entries(headers)) this.response.setHeader(name, value)
    this.send(code, type, text)
  }

  private async serveResource(
    target: ResourcePath,
    query: URLSearchParams,
    user: User,
  ): Promise<void> {
    const { method = 'GET', headers } = this.request
    const { services } = this.options
    if (!this.options.isReady()) throw serviceUnavailable('the apiserver is not ready yet')
    const { kind } = target
    this.group = kind.group
    this.resource = kind.plural
    this.subresource = target.subresource
    const verb = verbOf(method, target, query)
    this.verb = verb ?? method
    if (!verb)
      throw new StatusError(
        405,
        'MethodNotAllowed',
        'the server does not allow this method on the requested resource',
        {},
      )
    const request: ApiRequest = { verb, ...target, user, query }
    if (kind.deprecation) warn(request, kind.deprecation)
    if (request.warnings) this.warn(request.warnings)
    if (verb === 'watch') return this.serveWatch(request)
    if (target.subresource === 'log' && verb === 'get' && kind.plural === 'pods') {
      authorize(request)
      this.release()
      return this.options.serveLogs(request, this.response)
    }
    if (target.subresource !== undefined && NEEDS_UPGRADE.has(target.subresource))
      throw badRequest('Upgrade request required')
    const format = formatOf(headers.accept)
    if (method !== 'GET' && method !== 'HEAD') {
      const bytes = await readBody(this.request)
      const parsed = parseBody(bytes, headers['content-type'], verb === 'patch')
      Object.assign(request, parsed)
    }
    const result = await execute(services, request)
    const text = bodyText(result, format, query, services.clock.now())
    const type = format.syntax === 'yaml' ? 'application/yaml' : 'application/json'
    if (request.warnings) this.warn(request.warnings)
    this.send(result.type === 'list' ? 200 : result.code, type, text)
  }

  private async serveWatch(request: ApiRequest): Promise<void> {
    authorize(request)
    this.release()
    const { services, hub, metrics, clock } = this.options
    const { accept } = this.request.headers
    await serveWatch(services, hub, request, accept, this.response)
    const { kind } = request
    metrics.observe(
      'watch',
      kind.group,
      kind.plural,
      undefined,
      200,
      clock.monotonic() - this.startedAt,
    )
  }

  /** The request no longer counts as in flight. */
  private release(): void {
    if (!this.counted) return
    this.counted = false
    this.options.metrics.inFlight--
  }

  private warn(warnings: readonly string[]): void {
    const shown = warnings.slice(0, WARNINGS_MAX)
    this.response.setHeader(
      'Warning',
      shown.map(
        (text) => `299 - "${text.replace(/[\\"]/g, '\\$&').replace(/[^\x20-\x7e]/g, '?')}"`,
      ),
    )
  }

  private send(code: number, type: string, text: string): void {
    const accepted = this.request.headers['accept-encoding']
    if (text.length >= GZIP_FROM_BYTES && accepted?.includes('gzip')) {
      gzip(text, { level: 1 }, (error, bytes) => {
        if (error) this.fail(error)
        else this.finish(code, { 'Content-Type': type, 'Content-Encoding': 'gzip' }, bytes)
      })
    } else this.finish(code, { 'Content-Type': type }, text)
  }

  /** A text leaves in one write with its headers; bytes need a second. */
  private finish(code: number, headers: Record<string, string>, body: Buffer | string): void {
    const { response } = this
    this.release()
    if (response.headersSent || response.destroyed) return
    headers['Cache-Control'] = 'no-cache, private'
    headers['Content-Length'] = String(Buffer.byteLength(body))
    response.writeHead(code, headers)
    response.end(this.request.method === 'HEAD' ? undefined : body)
    const { metrics, clock } = this.options
    const duration = clock.monotonic() - this.startedAt
    metrics.observe(this.verb, this.group, this.resource, this.subresource, code, duration)
  }

  /** Answers with the Status of what went wrong. */
  fail(error: unknown): void {
    const { request, response } = this
    const known = error instanceof StatusError
    if (!known) this.options.log.error({ err: error, path: request.url }, 'a request failed')
    const status: Status = known
      ? error.status
      : internalError(error instanceof Error ? error.message : String(error)).status
    const { code = 500, details } = status
    if (response.headersSent) {
      this.release()
      response.destroy()
      return
    }
    const headers: Record<string, string> = { 'Content-Type': 'application/json' }
    if (details?.retryAfterSeconds) headers['Retry-After'] = String(details.retryAfterSeconds)
    if (code === 401) headers['WWW-Authenticate'] = 'Bearer realm="kubernetes-master"'
    /** A body that was refused unread would be taken for the next request. */
    if (!request.complete) headers['Connection'] = 'close'
    this.finish(code, headers, JSON.stringify(status))
  }
}

const WARNINGS_MAX = 50
const NEEDS_UPGRADE = new Set(['exec', 'attach'])
