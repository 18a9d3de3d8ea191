/**
 * A process session over WebSocket: `v5.channel.k8s.io`, `v4.channel.k8s.io`, the older `channel.k8s.io`, and
 * the base64 forms of the latter two.
 *
 * A message's first byte is the channel; in the base64 forms it is a digit and the rest is base64 text. Since v5
 * a client may end its input, since v4 the outcome is a Status. Invariant: what one side does not take, the other
 * is not asked for.
 */
import type { WebSocket } from 'ws'
import type { Status } from '../../../api/status-error.ts'
import type { Channel } from '../../../bus/bus.ts'
import { type ProcessRequest, TAG } from './process-request.ts'

/** The empty one stands for clients that name none. */
export const PROCESS_PROTOCOLS: readonly string[] = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
  '',
]

/** What the client sent and the node has not taken before the client is told to wait. */
const UNSENT_BYTES_MAX = 1024 * 1024
const ASCII_ZERO = 0x30

/** One channel message of a WebSocket: how it is written and read. */
export interface ChannelCodec {
  encode(channel: number, payload: Uint8Array): Buffer | string
  /** Undefined for an empty message. */
  decode(message: Buffer): { channel: number; payload: Buffer } | undefined
}

export const channelCodec = (protocol: string): ChannelCodec =>
  protocol.includes('base64') ? BASE64 : BINARY

const BINARY: ChannelCodec = {
  encode: (channel, payload) => Buffer.concat([Buffer.of(channel), payload]),
  decode: (message) =>
    message.length === 0 ? undefined : { channel: message[0]!, payload: message.subarray(1) },
}

const BASE64: ChannelCodec = {
  encode: (channel, payload) => `${channel}${Buffer.from(payload).toString('base64')}`,
  decode: (message) =>
    message.length === 0
      ? undefined
      : {
          channel: message[0]! - ASCII_ZERO,
          payload: Buffer.from(message.toString('latin1', 1), 'base64'),
        },
}

/** What came of a WebSocket message, whatever form the library gave it. */
export const messageBytes = (data: WebSocket.RawData): Buffer =>
  Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as ArrayBuffer)

export const relayWebSocket = (
  socket: WebSocket,
  channel: Channel,
  { stdout, stderr }: ProcessRequest,
): void => {
  const { protocol } = socket
  const codec = channelCodec(protocol)
  const send = (tag: number, payload: Uint8Array) =>
    new Promise<void>((resolve) => {
      socket.send(codec.encode(tag, payload), () => resolve())
    })
  const outcome = (status: Status) => {
    const text = outcomeText(protocol, status)
    return text === undefined ? undefined : send(TAG.status, Buffer.from(text))
  }
  /** An empty message tells the client that the stream is open. */
  void send(stdout ? TAG.stdout : stderr ? TAG.stderr : TAG.status, Buffer.alloc(0))
  relayInput(socket, channel, codec)
  let sentStatus = false
  channel.onFrame((tag, payload) => {
    if (tag !== TAG.status) return send(tag, payload)
    sentStatus = true
    return outcome(JSON.parse(Buffer.from(payload).toString()) as Status)
  })
  void channel.closed.then((status) => {
    if (status?.status === 'Failure' && !sentStatus) void outcome(status)
    socket.close(1000)
  })
}

/** Before v4 only a failure is told, as plain text. */
export const outcomeText = (protocol: string, status: Status): string | undefined => {
  if (protocol.startsWith('v4.') || protocol.startsWith('v5.')) return JSON.stringify(status)
  return status.status === 'Success' ? undefined : (status.message ?? '')
}

const relayInput = (socket: WebSocket, channel: Channel, codec: ChannelCodec): void => {
  const mayEnd = socket.protocol.startsWith('v5.')
  let unsent = 0
  socket.on('message', (data) => {
    const message = codec.decode(messageBytes(data))
    if (!message) return
    const { channel: tag, payload } = message
    const isEnd = mayEnd && tag === TAG.end && payload[0] === TAG.stdin
    if (tag !== TAG.stdin && tag !== TAG.resize && !isEnd) return
    unsent += payload.length
    if (unsent > UNSENT_BYTES_MAX) socket.pause()
    channel.send(tag, payload).then(
      () => {
        unsent -= payload.length
        if (socket.isPaused && unsent <= UNSENT_BYTES_MAX) socket.resume()
      },
      () => undefined,
    )
  })
  socket.on('close', () => channel.close())
  socket.on('error', () => channel.close())
}
