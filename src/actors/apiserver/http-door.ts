/**
 * The HTTPS door: connections, and who serves the requests on them (`http-exchange.ts`).
 *
 * Invariant: what arrives is bounded in size and time. It holds no state of the cluster.
 *
 * Clients choose between HTTP/2 and HTTP/1.1 (ALPN). Measured here with a Go client against this server's
 * http modules: an open watch costs 29 KB and 0.24 ms to start on HTTP/2, 73 KB and 1.6 ms (a handshake) on
 * HTTP/1.1; a small GET 35 µs against 29 µs while 32 are under way, 128 µs against 62 µs one after the other.
 * A client of many informers gains more than its requests lose, so HTTP/2 is offered; who wants single
 * requests at the least cost speaks HTTP/1.1, which is served as if there were nothing else.
 */

import type { ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import type { Clock } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'
import type { Aggregator } from './aggregation/aggregator.ts'
import type { Auditor } from './audit/auditor.ts'
import type { Authenticate } from './authentication/authenticate.ts'
import type { FlowControl } from './flow-control/flow-control.ts'
import { Exchange } from './http-exchange.ts'
import type { Http2Sessions, RequestHandler } from './http2-sessions.ts'
import type { Metrics } from './metrics.ts'
import type { ProxyCall, ProxyExchange } from './proxy/proxy-request.ts'
import type { ApiRequest } from './request.ts'
import { RequestDeadlines } from './request-deadline.ts'
import type { Services } from './services.ts'
import type { Site } from './site.ts'
import type { WatchHub } from './watch-hub.ts'

export interface TlsOptions {
  /** PEM. */
  certificate: string
  key: string
  /** PEM of the authorities that sign client certificates: one, or several while they change. */
  clientCa: string
}

export interface HttpDoorOptions {
  tls: SecureContextOptions
  services: Services
  hub: WatchHub
  site: Site
  metrics: Metrics
  flowControl: FlowControl
  /** Servers behind this one. */
  aggregator: Aggregator
  authenticate: Authenticate
  /** Absent: nothing is audited. */
  auditor?: Auditor | undefined
  clock: Clock
  log: Log
  /** Resources are served only then. */
  isReady(): boolean
  /** Resolves when every custom kind that another replica served before the call is served here. */
  definitionsServed(): Promise<void>
  /** Serves `pods/{name}/log`. */
  serveLogs(request: ApiRequest, response: ServerResponse): Promise<void>
  /** Serves what follows `proxy` in the paths of pods, services and nodes. */
  serveProxy(call: ProxyCall, exchange: ProxyExchange): Promise<void>
}

/** Selectors and tokens may be long. */
const HEADER_BYTES_MAX = 128 * 1024
const HEADERS_TIMEOUT_MS = 30_000
const REQUEST_TIMEOUT_MS = 60_000
const KEEP_ALIVE_MS = 75_000
/** SSL_OP_NO_TICKET: a resumed session would not show the client's certificate again. */
const NO_SESSION_TICKETS = 0x4000

export interface HttpDoor {
  server: Server
  /** Ends HTTP/2 sessions, which `server` does not know: when their streams have ended, or now. */
  endSessions(now: boolean): void
}

/**
 * What a server takes, when it is made and by `setSecureContext`. Authorities of clients and of front proxies
 * are verified alike; whose a certificate is, `client-certificates.ts` finds out.
 */
export const secureContextOf = ({
  tls,
  frontProxy,
}: {
  tls: TlsOptions
  frontProxy?: { authority: string }
}): SecureContextOptions => ({
  cert: tls.certificate,
  key: tls.key,
  ca: frontProxy ? [tls.clientCa, frontProxy.authority] : tls.clientCa,
  secureOptions: NO_SESSION_TICKETS,
  minVersion: 'TLSv1.2',
})

export const createHttpDoor = (options: HttpDoorOptions): HttpDoor => {
  const { tls, clock } = options
  const deadlines = new RequestDeadlines(clock)
  const handle: RequestHandler = (request, response) => {
    /** A client that goes while it is answered is nobody's error. */
    response.on('error', () => undefined)
    const exchange = new Exchange(options, deadlines, request, response)
    exchange.serve().catch((error: unknown) => exchange.fail(error))
  }
  const server = createServer(
    {
      ...tls,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2', 'http/1.1'],
      maxHeaderSize: HEADER_BYTES_MAX,
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      noDelay: true,
    },
    handle,
  )
  server.on('tlsClientError', () => undefined)
  return { server, endSessions: serveHttp2(server, handle) }
}

/** Takes the connections that negotiated HTTP/2 away from the server of HTTP/1.1; the result ends them. */
const serveHttp2 = (server: Server, handle: RequestHandler): ((now: boolean) => void) => {
  let sessions: Promise<Http2Sessions> | undefined
  const http1 = server.listeners('secureConnection') as ((socket: TLSSocket) => void)[]
  server.removeAllListeners('secureConnection')
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol !== 'h2') {
      for (const listener of http1) listener.call(server, socket)
      return
    }
    const end = () => socket.destroy()
    socket.on('error', end)
    sessions ??= import('./http2-sessions.ts').then((module) => new module.Http2Sessions(handle))
    sessions.then((open) => {
      socket.off('error', end)
      if (!socket.destroyed) open.serve(socket)
    }, end)
  })
  return (now) => {
    void sessions?.then((open) => (now ? open.destroy() : open.close()))
  }
}
