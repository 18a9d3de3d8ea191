/**
 * The HTTPS door: connections, and who serves the requests on them (`http-exchange.ts`).
 *
 * Invariant: what arrives is bounded in size and time. It holds no state of the cluster.
 */

import type { ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Clock } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'
import type { Authenticate } from './authenticate.ts'
import type { FlowControl } from './flow-control/flow-control.ts'
import { Exchange } from './http-exchange.ts'
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
  /** PEM of the authority that signs client certificates. */
  clientCa: string
}

export interface HttpDoorOptions {
  tls: TlsOptions
  services: Services
  hub: WatchHub
  site: Site
  metrics: Metrics
  flowControl: FlowControl
  authenticate: Authenticate
  clock: Clock
  log: Log
  /** Resources are served only then. */
  isReady(): boolean
  /** Serves `pods/{name}/log`. */
  serveLogs(request: ApiRequest, response: ServerResponse): Promise<void>
  /** Serves what follows `proxy` in the paths of pods, services and nodes. */
  serveProxy(call: ProxyCall, exchange: ProxyExchange): Promise<void>
}

const HEADERS_TIMEOUT_MS = 30_000
const REQUEST_TIMEOUT_MS = 60_000
const KEEP_ALIVE_MS = 75_000
/** SSL_OP_NO_TICKET: a resumed session would not show the client's certificate again. */
const NO_SESSION_TICKETS = 0x4000

export const createHttpDoor = (options: HttpDoorOptions): Server => {
  const { tls, clock } = options
  const deadlines = new RequestDeadlines(clock)
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
      const exchange = new Exchange(options, deadlines, request, response)
      exchange.serve().catch((error: unknown) => exchange.fail(error))
    },
  )
  server.on('tlsClientError', () => undefined)
  return server
}
