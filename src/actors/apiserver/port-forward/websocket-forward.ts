/**
 * Port forwarding over WebSocket channels, `v4.channel.k8s.io` and its base64 form: two channels a port, data and
 * error, both of which begin with the port's number (16 bits, little-endian).
 *
 * Invariant: one connection a port, made at once. The protocol has no end of one direction: the WebSocket closes
 * when the last connection is over.
 */
import { Duplex, Writable } from 'node:stream'
import type { WebSocket } from 'ws'
import { badRequest } from '../../../api/status-error.ts'
import type { Channel } from '../../../bus/bus.ts'
import { channelCodec, messageBytes } from '../exec/process-websocket.ts'
import { forwardPort, type PortForwarding, portNumber } from './forward-port.ts'

export const WEBSOCKET_FORWARD_PROTOCOLS: readonly string[] = [
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  '',
]

/** Channels are numbered in one byte. */
const PORTS_MAX = 127

/** The ports a request names; throws StatusError 400. */
export const portsOf = (query: URLSearchParams): number[] => {
  const given = [...query.getAll('ports'), ...query.getAll('port')]
  const texts = given.flatMap((text) => text.split(',')).map((text) => text.trim())
  if (texts.length === 0) throw badRequest('query parameter "port" is required')
  if (texts.length > PORTS_MAX) throw badRequest(`at most ${PORTS_MAX} ports may be forwarded`)
  try {
    return texts.map(portNumber)
  } catch (error) {
    throw badRequest((error as Error).message)
  }
}

export const forwardOverWebSocket = (
  socket: WebSocket,
  forwarding: PortForwarding,
  ports: readonly number[],
  node: Channel,
): void => {
  const codec = channelCodec(socket.protocol)
  const send = (channel: number, payload: Uint8Array, done: () => void) =>
    socket.send(codec.encode(channel, payload), () => done())
  const greeting = (port: number) => Buffer.of(port & 0xff, port >> 8)
  const full = new Set<number>()
  const streams = ports.map((_port, index) => dataStream(socket, index * 2, send, full))
  const connections = ports.map((port, index) => {
    const error = new Writable({
      write: (chunk: Buffer, _encoding, done) => send(index * 2 + 1, chunk, done),
    })
    for (const channel of [index * 2, index * 2 + 1]) send(channel, greeting(port), () => undefined)
    return forwardPort(forwarding, port, streams[index]!, error)
  })
  socket.on('message', (data) => {
    const message = codec.decode(messageBytes(data))
    const stream = message && message.channel % 2 === 0 ? streams[message.channel / 2] : undefined
    if (
      !message ||
      !stream ||
      stream.writableEnded ||
      stream.destroyed ||
      stream.push(message.payload)
    )
      return
    full.add(message.channel)
    socket.pause()
  })
  const end = () => {
    for (const stream of streams) stream.destroy()
    node.close()
  }
  socket.on('close', end)
  socket.on('error', end)
  void node.closed.then(() => socket.close(1000))
  void Promise.all(connections).then(() => socket.close(1000))
}

/** The data channel of one port; holds the WebSocket back while it is full. */
const dataStream = (
  socket: WebSocket,
  channel: number,
  send: (channel: number, payload: Uint8Array, done: () => void) => void,
  full: Set<number>,
): Duplex => {
  const stream = new Duplex({
    read: () => {
      if (full.delete(channel) && full.size === 0 && socket.isPaused) socket.resume()
    },
    write: (chunk: Buffer, _encoding, done) => send(channel, chunk, done),
    // The client cannot end its own side: it ends with the pod's.
    final: (done) => {
      stream.push(null)
      done()
    },
  })
  return stream.on('error', () => undefined)
}
