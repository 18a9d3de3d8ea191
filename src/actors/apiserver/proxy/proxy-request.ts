/**
 * One request through the proxy subresources of pods, services and nodes, with any method.
 *
 * Invariant: bodies are streamed both ways, never held; a client that goes takes its connection along. Redirects to
 * the root, headers and errors are those of Kubernetes' proxy.
 */
import { type ClientRequest, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { posix } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Bus } from '../../../bus/bus.ts'
import type { Services } from '../services.ts'
import { askKubelet } from './kubelet-page.ts'
import { requestHeaders, responseHeaders } from './proxy-headers.ts'
import { sendAnswer } from './proxy-response.ts'
import { type ProxyNames, type ProxyTarget, proxyTarget, unreachable } from './proxy-target.ts'

export interface ProxyCall extends ProxyNames {
  /** The path of the proxy itself, as the client wrote it: `/api/v1/…/proxy`. */
  prefix: string
  /** What follows it: '' or a path that begins with a slash. */
  rest: string
  /** The query with its question mark, or ''. */
  search: string
}

export interface ProxyExchange {
  request: IncomingMessage
  response: ServerResponse
}

/** Throws StatusError as long as nothing was answered. */
export const serveProxy = async (
  services: Services,
  bus: Bus,
  call: ProxyCall,
  exchange: ProxyExchange,
): Promise<void> => {
  const { request: asked, response } = exchange
  const target = await proxyTarget(services, bus, call)
  const { prefix, rest, search } = call
  if (rest === '' && (asked.method === 'GET' || asked.method === 'HEAD')) {
    response.writeHead(301, { Location: `${prefix}/${search}` })
    response.end()
    return
  }
  if (target.type === 'kubelet')
    return askKubelet(bus, target.node, asked, `${rest}${search}`, response)
  await forward(target, call, exchange)
}

/** The path the server is asked for. */
export const pathOf = ({ rest, search }: ProxyCall): string => `${rest || '/'}${search}`

/** What the server is told of the path the client used. */
export const forwardedUri = ({ prefix, rest }: ProxyCall): string => {
  const joined = posix.join(prefix, rest)
  return rest.endsWith('/') && !joined.endsWith('/') ? `${joined}/` : joined
}

export const hostAsked = ({ headers }: IncomingMessage): string =>
  headers.host ?? String(headers[':authority'] ?? '')

const forward = async (
  target: Extract<ProxyTarget, { type: 'address' }>,
  call: ProxyCall,
  { request: asked, response }: ProxyExchange,
): Promise<void> => {
  const socket = await target.connect()
  response.once('close', () => socket.destroy())
  const host = hostAsked(asked)
  const sent = request({
    createConnection: () => socket,
    method: asked.method,
    path: pathOf(call),
    setHost: false,
    headers: requestHeaders(asked.rawHeaders, {
      client: asked.socket.remoteAddress,
      host,
      uri: forwardedUri(call),
    }),
  })
  const answered = answerOf(sent)
  // A server may answer before it has read everything.
  pipeline(asked, sent).catch(() => undefined)
  let answer: IncomingMessage
  try {
    answer = await answered
  } catch (error) {
    socket.destroy()
    throw unreachable(error)
  }
  const place = { prefix: call.prefix, ownHosts: [target.host, host] }
  const { statusCode: code = 502, rawHeaders } = answer
  try {
    await sendAnswer({ code, headers: responseHeaders(rawHeaders), body: answer }, place, response)
  } catch {
    // The answer was cut short; so is what the client gets.
    response.destroy()
  } finally {
    socket.destroy()
  }
}

const answerOf = (sent: ClientRequest): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    sent.once('response', resolve)
    sent.on('error', (error) =>
      reject(/socket hang up/.test(error.message) ? new Error('EOF') : error),
    )
  })
