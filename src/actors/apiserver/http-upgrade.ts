/**
 * Requests that leave HTTP: exec, attach and port-forward of pods, over WebSocket or SPDY/3.1, and connections
 * through the proxy subresources.
 *
 * Invariant: the node has agreed before the connection is upgraded, so a refusal is a plain HTTP answer with a
 * Status. What is said after the upgrade is in `exec/`, `port-forward/` and `proxy/`.
 */
import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:https'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws'
import type { Pod } from '../../api/core/pod.ts'
import {
  badRequest,
  internalError,
  StatusError,
  serviceUnavailable,
} from '../../api/status-error.ts'
import type { Bus } from '../../bus/bus.ts'
import type { Log } from '../../std/log.ts'
import type { Aggregator } from './aggregation/aggregator.ts'
import type { ExtensionServer } from './aggregation/extension-server.ts'
import { authorizeRemote } from './aggregation/remote-door.ts'
import type { Authenticate } from './authenticate.ts'
import { refusal } from './authorize.ts'
import { live } from './commit.ts'
import { processRequest } from './exec/process-request.ts'
import { PROCESS_SPDY_PROTOCOLS, relaySpdy } from './exec/process-spdy.ts'
import { PROCESS_PROTOCOLS, relayWebSocket } from './exec/process-websocket.ts'
import { parsePath, type ResourcePath, splitUrl } from './http-path.ts'
import { openNodeStream } from './node-stream.ts'
import { watchPodPorts } from './port-forward/pod-port.ts'
import {
  forwardOverSpdy,
  PORT_FORWARD_PROTOCOL,
  TUNNEL_PROTOCOL,
} from './port-forward/spdy-forward.ts'
import {
  forwardOverWebSocket,
  portsOf,
  WEBSOCKET_FORWARD_PROTOCOLS,
} from './port-forward/websocket-forward.ts'
import { isProxyPath, proxyCall } from './proxy/proxy-door.ts'
import type { User } from './request.ts'
import type { Services } from './services.ts'
import { SpdySession } from './spdy/session.ts'
import { isSpdyRequest, spdyProtocol, spdyUpgrade } from './spdy/upgrade.ts'

export interface UpgradeOptions {
  services: Services
  bus: Bus
  /** Servers behind this one. */
  aggregator: Aggregator
  authenticate: Authenticate
  log: Log
}

/** One message; kubectl sends at most 32 KiB. */
const MESSAGE_BYTES_MAX = 1024 * 1024

/** A request to upgrade, with the connection it came on. */
interface Upgrade {
  request: IncomingMessage
  socket: Duplex
  head: Buffer
}

export const serveUpgrades = (server: Server, options: UpgradeOptions): void => {
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    serve(options, { request, socket, head }).catch((error: unknown) => {
      if (!(error instanceof StatusError))
        options.log.error({ err: error, path: request.url }, 'an upgrade failed')
      refuse(socket, error)
    })
  })
}

/** Throws StatusError for everything that is refused. */
const serve = async (options: UpgradeOptions, upgrade: Upgrade): Promise<void> => {
  const { request } = upgrade
  const [path, query] = splitUrl(request.url ?? '/')
  const user = await options.authenticate(request)
  const target = parsePath(path, options.services.storage.cache.kinds)
  if (target && isProxyPath(target)) return serveProxy(options, upgrade, target, user)
  const server = target ? undefined : options.aggregator.serverOf(path)
  if (server) return serveRemote(options, upgrade, server, user)
  if (target?.kind.plural !== 'pods' || target.kind.group !== '' || !target.name)
    throw badRequest('this path cannot be upgraded')
  const { subresource } = target
  if (subresource !== 'exec' && subresource !== 'attach' && subresource !== 'portforward')
    throw badRequest('this path cannot be upgraded')
  allow(user, target, request.method === 'POST' ? 'create' : 'get')
  // Whoever runs something in a pod must be allowed to create, whichever method the protocol needs.
  allow(user, target, 'create')
  const pod = (await live(options.services, target.kind, target.namespace, target.name)) as Pod
  if (subresource === 'portforward') await servePorts(options, upgrade, pod, query)
  else await serveProcess(options, upgrade, pod, query, subresource)
}

/** A connection to a server behind this one. */
const serveRemote = async (
  { aggregator }: UpgradeOptions,
  { request, socket, head }: Upgrade,
  server: ExtensionServer,
  user: User,
): Promise<void> => {
  const [path, query] = splitUrl(request.url ?? '/')
  authorizeRemote(user, request.method ?? 'GET', path, query)
  if (!aggregator.isAvailable(server)) throw serviceUnavailable('service unavailable')
  const { upgradeRemote } = await import('./aggregation/remote-request.ts')
  await upgradeRemote(server, user, request, socket, head)
}

const serveProxy = async (
  { services, bus }: UpgradeOptions,
  { request, socket, head }: Upgrade,
  target: ResourcePath,
  user: User,
): Promise<void> => {
  const call = proxyCall(target, request.method ?? 'GET', request.url ?? '/', user)
  if (!call) throw badRequest('this path cannot be upgraded')
  const { proxyUpgrade } = await import('./proxy/proxy-upgrade.ts')
  await proxyUpgrade(services, bus, call, request, socket, head)
}

const allow = (user: User, { kind, ...target }: ResourcePath, verb: string): void => {
  const refused = refusal({ user, verb, group: kind.group, resource: kind.plural, ...target })
  if (refused) throw refused
}

const assertBound = ({ metadata, spec }: Pod): void => {
  if (!spec?.nodeName) throw badRequest(`pod ${metadata.name} does not have a host assigned`)
}

const serveProcess = async (
  { services, bus }: UpgradeOptions,
  { request, socket, head }: Upgrade,
  pod: Pod,
  query: URLSearchParams,
  stream: 'exec' | 'attach',
): Promise<void> => {
  const wanted = processRequest(pod, query, stream)
  assertBound(pod)
  const isSpdy = isSpdyRequest(request)
  if (isSpdy) spdyProtocol(request, PROCESS_SPDY_PROTOCOLS)
  else webSocketProtocol(request, PROCESS_PROTOCOLS)
  const channel = await openNodeStream(bus, pod, stream, wanted)
  if (socket.destroyed) return channel.close()
  if (isSpdy)
    relaySpdy(
      spdyUpgrade(request, socket, head, PROCESS_SPDY_PROTOCOLS),
      channel,
      wanted,
      services.clock,
    )
  else
    acceptWebSocket({ request, socket, head }, PROCESS_PROTOCOLS, (webSocket) =>
      relayWebSocket(webSocket, channel, wanted),
    )
}

const servePorts = async (
  { services, bus }: UpgradeOptions,
  { request, socket, head }: Upgrade,
  pod: Pod,
  query: URLSearchParams,
): Promise<void> => {
  assertBound(pod)
  const { clock } = services
  const forwarding = { bus, pod }
  if (isSpdyRequest(request)) {
    spdyProtocol(request, [PORT_FORWARD_PROTOCOL])
    const node = await watchPodPorts(bus, pod)
    const { accept } = spdyUpgrade(request, socket, head, [PORT_FORWARD_PROTOCOL])
    return forwardOverSpdy(accept, forwarding, node, clock)
  }
  const protocols = [TUNNEL_PROTOCOL, ...WEBSOCKET_FORWARD_PROTOCOLS]
  const isTunnel = webSocketProtocol(request, protocols) === TUNNEL_PROTOCOL
  const ports = isTunnel ? [] : portsOf(query)
  const node = await watchPodPorts(bus, pod)
  if (socket.destroyed) return node.close()
  acceptWebSocket({ request, socket, head }, protocols, (webSocket) => {
    if (!isTunnel) return forwardOverWebSocket(webSocket, forwarding, ports, node)
    const connection = createWebSocketStream(webSocket)
    return forwardOverSpdy(
      (onStream) => new SpdySession(connection, Buffer.alloc(0), onStream),
      forwarding,
      node,
      clock,
    )
  })
}

/** The first protocol the client offers that is served; '' stands for none offered. */
const webSocketProtocol = ({ headers }: IncomingMessage, served: readonly string[]): string => {
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((each) => each.trim())
  const protocol = offered.find((each) => served.includes(each))
  if (headers.upgrade?.toLowerCase() === 'websocket' && protocol !== undefined) return protocol
  throw badRequest(
    `unable to upgrade: served are SPDY/3.1 and WebSocket with one of ${served.filter((each) => each).join(', ')}`,
  )
}

const acceptWebSocket = (
  { request, socket, head }: Upgrade,
  protocols: readonly string[],
  onOpen: (webSocket: WebSocket) => void,
): void => {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MESSAGE_BYTES_MAX,
    handleProtocols: (offered) => [...offered].find((each) => protocols.includes(each)) ?? false,
  })
  server.handleUpgrade(request, socket, head, onOpen)
}

const refuse = (socket: Duplex, error: unknown): void => {
  const { status } =
    error instanceof StatusError
      ? error
      : internalError(error instanceof Error ? error.message : String(error))
  const body = JSON.stringify(status)
  socket.end(
    `HTTP/1.1 ${status.code ?? 500} ${status.reason || 'Error'}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}
