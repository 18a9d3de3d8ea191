/**
 * exec and attach over WebSocket, in the protocols `v5.channel.k8s.io` and `v4.channel.k8s.io`.
 *
 * A message's first byte is the channel (0 stdin, 1 stdout, 2 stderr, 3 the final Status, 4 terminal size,
 * 255 end of a channel), and so is a frame's tag on the way to the node: both ends only relay. Invariant: the
 * node has agreed before the connection is upgraded, so a refusal is a plain HTTP answer.
 */
import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:https'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Pod } from '../../api/core/pod.ts'
import { badRequest, internalError, StatusError } from '../../api/status-error.ts'
import type { Bus, Channel } from '../../bus/bus.ts'
import type { Log } from '../../std/log.ts'
import type { Authenticate } from './authenticate.ts'
import { refusal } from './authorize.ts'
import { live } from './commit.ts'
import { splitUrl } from './http-door.ts'
import { parsePath } from './http-path.ts'
import { containerOf } from './node-logs.ts'
import { openNodeStream } from './node-stream.ts'
import { flag } from './request.ts'
import type { Services } from './services.ts'

export interface UpgradeOptions {
  services: Services
  bus: Bus
  authenticate: Authenticate
  log: Log
}

const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io']
const STDOUT = 1
const STDERR = 2
const STATUS = 3
/** One message; kubectl sends at most 32 KiB. */
const MESSAGE_BYTES_MAX = 1024 * 1024
/** What the client sent and the node has not taken before the client is told to wait. */
const UNSENT_BYTES_MAX = 1024 * 1024

export const serveUpgrades = (server: Server, options: UpgradeOptions): void => {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MESSAGE_BYTES_MAX,
    handleProtocols: (offered) => PROTOCOLS.find((protocol) => offered.has(protocol)) ?? false,
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    openStream(options, request)
      .then(({ channel, first }) => {
        if (socket.destroyed) return channel.close()
        return sockets.handleUpgrade(request, socket, head, (webSocket) =>
          relay(webSocket, channel, first),
        )
      })
      .catch((error: unknown) => {
        if (!(error instanceof StatusError))
          options.log.error({ err: error, path: request.url }, 'an upgrade failed')
        refuse(socket, error)
      })
  })
}

/** Everything that may be refused; throws StatusError. */
const openStream = async (
  { services, bus, authenticate }: UpgradeOptions,
  request: IncomingMessage,
): Promise<{ channel: Channel; first: number }> => {
  const [path, query] = splitUrl(request.url ?? '/')
  const user = await authenticate(request)
  const target = parsePath(path, services.storage.cache.kinds)
  const stream = target?.subresource
  if (target?.kind.plural !== 'pods' || (stream !== 'exec' && stream !== 'attach'))
    throw badRequest('this path cannot be upgraded')
  const { kind, namespace, name } = target
  const verb = request.method === 'POST' ? 'create' : 'get'
  const refused = refusal({
    user,
    verb,
    group: '',
    resource: 'pods',
    subresource: stream,
    namespace,
    name,
  })
  if (refused) throw refused
  const pod = (await live(services, kind, namespace, name!)) as Pod
  const greeting = streamOptions(pod, query, stream)
  if (!pod.spec?.nodeName) throw badRequest(`pod ${name} does not have a host assigned`)
  if (!offersProtocol(request))
    throw badRequest(
      `unable to upgrade: only WebSocket is served, with one of ${PROTOCOLS.join(', ')}`,
    )
  const channel = await openNodeStream(bus, pod, stream, greeting)
  const first = greeting.stdout ? STDOUT : greeting.stderr ? STDERR : STATUS
  return { channel, first }
}

const offersProtocol = ({ headers }: IncomingMessage): boolean => {
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((each) => each.trim())
  return (
    headers.upgrade?.toLowerCase() === 'websocket' &&
    PROTOCOLS.some((protocol) => offered.includes(protocol))
  )
}

const streamOptions = (pod: Pod, query: URLSearchParams, stream: 'exec' | 'attach') => {
  const tty = flag(query, 'tty')
  const options = {
    container: containerOf(pod, query.get('container') ?? undefined),
    ...(stream === 'exec' ? { command: query.getAll('command') } : {}),
    stdin: flag(query, 'stdin'),
    stdout: flag(query, 'stdout'),
    /** A terminal has one output. */
    stderr: flag(query, 'stderr') && !tty,
    tty,
  }
  if (!options.stdin && !options.stdout && !options.stderr)
    throw badRequest('you must specify at least 1 of stdin, stdout, stderr')
  if (options.command?.length === 0) throw badRequest('you must specify at least one command')
  return options
}

const relay = (webSocket: WebSocket, channel: Channel, first: number): void => {
  /** An empty message tells the client that the stream is open. */
  webSocket.send(Buffer.of(first))
  let unsent = 0
  let sentStatus = false
  webSocket.on('message', (data) => {
    const message = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as ArrayBuffer)
    if (message.length === 0) return
    unsent += message.length
    if (unsent > UNSENT_BYTES_MAX) webSocket.pause()
    channel.send(message[0]!, message.subarray(1)).then(
      () => {
        unsent -= message.length
        if (webSocket.isPaused && unsent <= UNSENT_BYTES_MAX) webSocket.resume()
      },
      () => undefined,
    )
  })
  webSocket.on('close', () => channel.close())
  webSocket.on('error', () => channel.close())
  channel.onFrame((tag, payload) => {
    sentStatus ||= tag === STATUS
    return new Promise<void>((resolve) => {
      webSocket.send(Buffer.concat([Buffer.of(tag), payload]), () => resolve())
    })
  })
  channel.closed.then((status) => {
    if (status?.status === 'Failure' && !sentStatus)
      webSocket.send(Buffer.concat([Buffer.of(STATUS), Buffer.from(JSON.stringify(status))]))
    webSocket.close(1000)
  })
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
