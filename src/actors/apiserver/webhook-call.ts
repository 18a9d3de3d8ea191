/**
 * Calls of webhooks: one JSON document by HTTPS POST, one back.
 *
 * A webhook is named by URL or by a Service, which is reached at one of its ready endpoints. Invariant: answers
 * are bounded in size and time; the certificate is checked against the bundle that was given, or the system's
 * authorities. It decides nothing by what comes back.
 */
import { type RequestOptions, request } from 'node:https'
import { connect } from 'node:tls'
import type { Json } from '../../api/meta.ts'
import type { Bus } from '../../bus/bus.ts'
import type { Cache } from '../../client/view.ts'
import { connectService } from './aggregation/service-connection.ts'

/** As in webhook configurations and conversions. */
export interface WebhookTarget {
  url?: string
  service?: { namespace: string; name: string; path?: string; port?: number }
  /** Base64 of PEM. */
  caBundle?: string
}

const ANSWER_BYTES_MAX = 64 * 1024 * 1024

export interface WebhookPorts {
  cache: Cache
  bus: Bus
}

/** Throws Error with a text like Go's: `Post "https://…": …`. */
export const callWebhook = async (
  ports: WebhookPorts,
  target: WebhookTarget,
  body: object,
  timeoutMs: number,
): Promise<Json> => {
  const text = JSON.stringify(body)
  try {
    const options = await optionsFor(ports, target)
    return await post({ ...options, timeout: timeoutMs }, text)
  } catch (error) {
    throw new Error(`Post "${addressOf(target)}?timeout=${timeoutMs / 1000}s": ${reasonOf(error)}`)
  }
}

const DEFAULT_PORT = 443

/** As messages show it. */
const addressOf = ({ url, service }: WebhookTarget): string => {
  if (url || !service) return url ?? ''
  const { name, namespace, port = DEFAULT_PORT, path = '/' } = service
  return `https://${name}.${namespace}.svc:${port}${path}`
}

const optionsFor = async (
  { cache, bus }: WebhookPorts,
  { url, service, caBundle }: WebhookTarget,
): Promise<RequestOptions> => {
  const trust = caBundle ? { ca: Buffer.from(caBundle, 'base64').toString() } : {}
  if (url || !service) {
    const { hostname, port, pathname, search } = new URL(url ?? '')
    return { hostname, port: port || DEFAULT_PORT, path: pathname + search, ...trust }
  }
  const { namespace, name, path = '/', port = DEFAULT_PORT } = service
  const servername = `${name}.${namespace}.svc`
  const connection = await connectService(cache, bus, { namespace, name, port })
  const socket = connect({ socket: connection, servername, ...trust })
  return { path, headers: { host: servername }, createConnection: () => socket }
}

const post = (options: RequestOptions, text: string): Promise<Json> =>
  new Promise((resolve, reject) => {
    const call = request(
      {
        ...options,
        method: 'POST',
        headers: {
          ...(options.headers as Record<string, string> | undefined),
          Accept: 'application/json, */*',
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(text),
        },
      },
      (answer) => {
        const chunks: Buffer[] = []
        let size = 0
        answer.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > ANSWER_BYTES_MAX) call.destroy(new Error('the answer is too large'))
          else chunks.push(chunk)
        })
        answer.on('error', reject)
        answer.on('end', () => {
          const { statusCode = 0 } = answer
          const body = Buffer.concat(chunks).toString()
          if (statusCode < 200 || statusCode > 299)
            return reject(new Error(serverFault(statusCode, body)))
          try {
            resolve(JSON.parse(body) as Json)
          } catch {
            reject(new Error("couldn't get version/kind; json parse error: the answer is no JSON"))
          }
        })
      },
    )
    call.on('timeout', () => call.destroy(new Error('context deadline exceeded')))
    call.on('error', reject)
    call.end(text)
  })

const serverFault = (code: number, body: string): string =>
  code === 404
    ? 'the server could not find the requested resource'
    : `an error on the server (${JSON.stringify(body.slice(0, 1000))}) has prevented the request from succeeding`

const reasonOf = (error: unknown): string => {
  const { code, address, port, message } = error as NodeJS.ErrnoException & {
    address?: string
    port?: number
  }
  if (code === 'ECONNREFUSED') return `dial tcp ${address}:${port}: connect: connection refused`
  return message
}
