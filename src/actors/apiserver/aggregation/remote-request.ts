/**
 * Requests that another server answers, on their way there and back; also those that leave HTTP.
 *
 * Invariant: bodies are streamed both ways, so watches pass; the user is named by the front proxy alone, whatever
 * the client sent. Who may ask is decided before.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { serviceUnavailable } from '../../../api/status-error.ts'
import { joinStreams } from '../../../std/join-streams.ts'
import { requestHeaders, responseHeaders } from '../proxy/proxy-headers.ts'
import type { User } from '../request.ts'
import { type ExtensionServer, userHeaders } from './extension-server.ts'

const REMOTE_HEADER = /^x-remote-/i

const headersFor = (
  server: ExtensionServer,
  asked: IncomingMessage,
  user: User,
): Record<string, string[]> => {
  const { name, namespace } = server.backend
  const upgrade = asked.headers.upgrade
  const headers = requestHeaders(asked.rawHeaders, {
    client: asked.socket.remoteAddress,
    host: `${name}.${namespace}.svc`,
    uri: asked.url ?? '/',
    ...(upgrade ? { upgrade } : {}),
  })
  for (const key of Object.keys(headers)) if (REMOTE_HEADER.test(key)) delete headers[key]
  return { ...headers, ...userHeaders(user) }
}

const unreachable = (error: unknown) =>
  serviceUnavailable(
    `error trying to reach service: ${error instanceof Error ? error.message : String(error)}`,
  )

/** Resolves when the answer was passed on; throws StatusError as long as nothing was. */
export const serveRemote = async (
  server: ExtensionServer,
  user: User,
  asked: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const { method = 'GET', url = '/' } = asked
  const sent = server.open(method, url, headersFor(server, asked, user))
  response.once('close', () => sent.destroy())
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve)
    sent.on('error', reject)
  })
  pipeline(asked, sent).catch(() => undefined)
  let answer: IncomingMessage
  try {
    answer = await answered
  } catch (error) {
    throw unreachable(error)
  }
  response.writeHead(answer.statusCode ?? 502, responseHeaders(answer.rawHeaders))
  response.flushHeaders()
  await pipeline(answer, response).catch(() => response.destroy())
}

/** A connection that becomes another protocol there. Throws StatusError as long as nothing was answered. */
export const upgradeRemote = async (
  server: ExtensionServer,
  user: User,
  asked: IncomingMessage,
  client: Duplex,
  head: Buffer,
): Promise<void> => {
  const sent = server.open(asked.method ?? 'GET', asked.url ?? '/', headersFor(server, asked, user))
  client.once('close', () => sent.destroy())
  const outcome = new Promise<{ answer: IncomingMessage; socket?: Duplex; first?: Buffer }>(
    (resolve, reject) => {
      sent.once('upgrade', (answer, socket, first) => resolve({ answer, socket, first }))
      sent.once('response', (answer) => resolve({ answer }))
      sent.once('error', reject)
    },
  )
  sent.end()
  const { answer, socket, first } = await outcome.catch((error: unknown) => {
    throw unreachable(error)
  })
  const raw = answer.rawHeaders
  const lines = socket
    ? raw.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${raw[at + 1]}`] : []))
    : Object.entries(responseHeaders(raw)).flatMap(([name, values]) =>
        values.map((value) => `${name}: ${value}`),
      )
  if (!socket) lines.push('Connection: close')
  client.write(
    `HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\n${lines.join('\r\n')}\r\n\r\n`,
  )
  if (!socket) {
    answer.pipe(client)
    return
  }
  if (first?.length) client.write(first)
  if (head.length > 0) socket.write(head)
  joinStreams(client, socket)
}
