/**
 * A connection through the proxy that leaves HTTP, as WebSockets do: the handshake is passed on, then the bytes.
 *
 * Invariant: a server that refuses is heard with its own answer; one that neither refuses nor upgrades is an error.
 */
import { type IncomingMessage, request } from 'node:http'
import type { Duplex } from 'node:stream'
import { internalError } from '../../../api/status-error.ts'
import type { Bus } from '../../../bus/bus.ts'
import { joinStreams } from '../../../std/join-streams.ts'
import type { Services } from '../services.ts'
import { requestHeaders, responseHeaders } from './proxy-headers.ts'
import { forwardedUri, hostAsked, type ProxyCall, pathOf } from './proxy-request.ts'
import { proxyTarget, unreachable } from './proxy-target.ts'

interface Handshake {
  answer: IncomingMessage
  /** Undefined when the server answered instead of upgrading. */
  upgraded?: { socket: Duplex; head: Buffer }
}

/** Throws StatusError as long as nothing was answered. */
export const proxyUpgrade = async (
  services: Services,
  bus: Bus,
  call: ProxyCall,
  asked: IncomingMessage,
  client: Duplex,
  head: Buffer,
): Promise<void> => {
  const target = await proxyTarget(services, bus, call)
  if (target.type === 'kubelet') throw internalError('the kubelet does not upgrade connections')
  const socket = await target.connect()
  client.once('close', () => socket.destroy())
  const handshake = shakeHands(socket, call, asked)
  const { answer, upgraded } = await handshake.catch((error: unknown) => {
    socket.destroy()
    throw unreachable(error)
  })
  const { statusCode = 502, statusMessage = '' } = answer
  if (!upgraded && statusCode < 400) {
    socket.destroy()
    throw internalError(`invalid upgrade response: status code ${statusCode}`)
  }
  const headers = upgraded
    ? headerLines(answer.rawHeaders)
    : Object.entries(responseHeaders(answer.rawHeaders)).flatMap(([name, values]) =>
        values.map((value) => `${name}: ${value}`),
      )
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`, ...headers]
  if (!upgraded) lines.push('Connection: close')
  client.write(`${lines.join('\r\n')}\r\n\r\n`)
  if (!upgraded) {
    answer.pipe(client)
    return
  }
  if (upgraded.head.length > 0) client.write(upgraded.head)
  if (head.length > 0) upgraded.socket.write(head)
  joinStreams(client, upgraded.socket)
}

const headerLines = (raw: readonly string[]): string[] =>
  raw.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${raw[index + 1]}`] : []))

const shakeHands = (socket: Duplex, call: ProxyCall, asked: IncomingMessage): Promise<Handshake> =>
  new Promise((resolve, reject) => {
    const sent = request({
      createConnection: () => socket,
      method: asked.method,
      path: pathOf(call),
      setHost: false,
      headers: requestHeaders(asked.rawHeaders, {
        client: asked.socket.remoteAddress,
        host: hostAsked(asked),
        uri: forwardedUri(call),
        upgrade: asked.headers.upgrade,
      }),
    })
    sent.once('upgrade', (answer, upgradedSocket, head) =>
      resolve({ answer, upgraded: { socket: upgradedSocket, head } }),
    )
    sent.once('response', (answer) => resolve({ answer }))
    sent.once('error', reject)
    sent.end()
  })
