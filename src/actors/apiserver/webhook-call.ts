/**
 * Calls of webhooks: one JSON document by HTTPS POST, one back.
 *
 * A webhook is named by URL or by a Service, which is reached at one of its ready endpoints. Invariant: answers
 * are bounded in size and time; the certificate is checked against the bundle that was given, or the system's
 * authorities. It decides nothing by what comes back.
 */
import { type RequestOptions, request } from 'node:https'
import { Service } from '../../api/core/service.ts'
import { EndpointSlice, SERVICE_NAME_LABEL } from '../../api/discovery/endpoint-slice.ts'
import type { Json } from '../../api/meta.ts'
import type { Cache } from '../../client/view.ts'

/** As in webhook configurations and conversions. */
export interface WebhookTarget {
  url?: string
  service?: { namespace: string; name: string; path?: string; port?: number }
  /** Base64 of PEM. */
  caBundle?: string
}

const ANSWER_BYTES_MAX = 64 * 1024 * 1024

/** Throws Error with a text like Go's: `Post "https://…": …`. */
export const callWebhook = async (
  cache: Cache,
  target: WebhookTarget,
  body: object,
  timeoutMs: number,
): Promise<Json> => {
  const { options, shown } = placeOf(cache, target)
  const text = JSON.stringify(body)
  try {
    return await post({ ...options, timeout: timeoutMs }, text)
  } catch (error) {
    throw new Error(`Post "${shown}?timeout=${timeoutMs / 1000}s": ${reasonOf(error)}`)
  }
}

interface Place {
  options: RequestOptions
  /** The address as messages show it. */
  shown: string
}

const placeOf = (cache: Cache, { url, service, caBundle }: WebhookTarget): Place => {
  const ca = caBundle ? Buffer.from(caBundle, 'base64').toString() : undefined
  const trust = ca ? { ca } : {}
  if (url) {
    const { hostname, port, pathname, search } = new URL(url)
    return {
      options: { hostname, port: port || 443, path: pathname + search, ...trust },
      shown: url,
    }
  }
  const { namespace, name, path = '/', port = 443 } = service!
  const host = `${name}.${namespace}.svc`
  const address = addressOf(cache, namespace, name, port)
  return {
    options: { ...address, path, servername: host, headers: { host }, ...trust },
    shown: `https://${host}:${port}${path}`,
  }
}

/** Where a service's port is reached: an endpoint, or the service's own address. */
const addressOf = (
  cache: Cache,
  namespace: string,
  name: string,
  port: number,
): { hostname: string; port: number } => {
  const service = cache.get(Service, namespace, name)
  if (!service) throw new Error(`service ${JSON.stringify(name)} not found`)
  const served = service.spec?.ports?.find((each) => each.port === port)
  if (!served) throw new Error(`no service port ${port} found for service "${name}"`)
  const { externalName, clusterIP, type } = service.spec ?? {}
  if (type === 'ExternalName' && externalName) return { hostname: externalName, port }
  const labels = [{ key: SERVICE_NAME_LABEL, operator: '=' as const, values: [name] }]
  for (const slice of cache.list(EndpointSlice, { namespace, labels })) {
    const target = slice.ports?.find((each) => (each.name ?? '') === (served.name ?? ''))?.port
    const ready = slice.endpoints?.find(({ conditions }) => conditions?.ready !== false)
    if (target && ready?.addresses[0]) return { hostname: ready.addresses[0], port: target }
  }
  if (!clusterIP || clusterIP === 'None')
    throw new Error(`no endpoints available for service "${name}"`)
  return { hostname: clusterIP, port }
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
