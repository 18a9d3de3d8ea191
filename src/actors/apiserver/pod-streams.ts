/**
 * exec, attach and port-forward of a pod: which protocol the client speaks, and the channel to the pod's node.
 *
 * Invariant: the node has agreed before anything is answered. What is said afterwards is in `exec/` and
 * `port-forward/`.
 */
import type { IncomingMessage } from 'node:http'
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws'
import type { Pod } from '../../api/core/pod.ts'
import { badRequest, StatusError } from '../../api/status-error.ts'
import { processRequest } from './exec/process-request.ts'
import { PROCESS_SPDY_PROTOCOLS, relaySpdy } from './exec/process-spdy.ts'
import { PROCESS_PROTOCOLS, relayWebSocket } from './exec/process-websocket.ts'
import type { Upgrade, UpgradeOptions } from './http-upgrade.ts'
import { KubeletRefusal, openNodeStream } from './node-stream.ts'
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
import { SpdySession } from './spdy/session.ts'
import { isSpdyRequest, spdyProtocol, spdyUpgrade } from './spdy/upgrade.ts'

/** One message; kubectl sends at most 32 KiB. */
const MESSAGE_BYTES_MAX = 1024 * 1024

type Options = Pick<UpgradeOptions, 'services' | 'bus'>

/** A node that does not answer is the apiserver's own finding. */
const asRefusal = (error: unknown): never => {
  throw error instanceof StatusError && error.code !== 503 ? new KubeletRefusal(error) : error
}

const assertBound = ({ metadata, spec }: Pod): void => {
  if (!spec?.nodeName) throw badRequest(`pod ${metadata.name} does not have a host assigned`)
}

/** exec and attach; throws StatusError for what is refused. */
export const serveProcess = async (
  { services, bus }: Options,
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
  const channel = await openNodeStream(bus, pod, stream, wanted).catch(asRefusal)
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

/** port-forward; throws StatusError for what is refused. */
export const servePorts = async (
  { services, bus }: Options,
  { request, socket, head }: Upgrade,
  pod: Pod,
  query: URLSearchParams,
): Promise<void> => {
  assertBound(pod)
  const { clock } = services
  const forwarding = { bus, pod }
  if (isSpdyRequest(request)) {
    spdyProtocol(request, [PORT_FORWARD_PROTOCOL])
    const node = await watchPodPorts(bus, pod).catch(asRefusal)
    const { accept } = spdyUpgrade(request, socket, head, [PORT_FORWARD_PROTOCOL])
    return forwardOverSpdy(accept, forwarding, node, clock)
  }
  const protocols = [TUNNEL_PROTOCOL, ...WEBSOCKET_FORWARD_PROTOCOLS]
  const isTunnel = webSocketProtocol(request, protocols) === TUNNEL_PROTOCOL
  const ports = isTunnel ? [] : portsOf(query)
  const node = await watchPodPorts(bus, pod).catch(asRefusal)
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
