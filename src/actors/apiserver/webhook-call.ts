/**
 * Calls of webhooks: one JSON document by HTTPS POST, one back.
 *
 * A webhook is named by URL or by a Service, which is reached at one of its ready endpoints. Connections are kept for a
 * while and shared by the calls of one target. Invariant: answers are bounded in size, calls in time, connections in
 * number; the certificate is checked against the bundle that was given, or the system's authorities. It decides nothing
 * by what comes back.
 */
import type { ClientRequest } from 'node:http'
import { Agent, type RequestOptions, request } from 'node:https'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect } from 'node:tls'
import type { Json } from '../../api/meta.ts'
import type { Bus } from '../../bus/bus.ts'
import type { Cache } from '../../client/view.ts'
import type { Clock } from '../../std/clock.ts'
import { connectService, slicesOf } from './aggregation/service-connection.ts'

/** As in webhook configurations and conversions. */
export interface WebhookTarget {
  url?: string
  service?: { namespace: string; name: string; path?: string; port?: number }
  /** Base64 of PEM. */
  caBundle?: string
}

type ServiceTarget = NonNullable<WebhookTarget['service']>

export interface WebhookPorts {
  cache: Cache
  bus: Bus
  clock: Clock
}

/** The webhook's server has answered, but not with a document; `code` is HTTP's. */
export class WebhookAnswerError extends Error {
  constructor(
    message: string,
    readonly code: number,
  ) {
    super(message)
  }
}

const ANSWER_BYTES_MAX = 64 * 1024 * 1024
/** Targets whose connections are kept. */
const TARGETS_MAX = 64
/** Connections to one target; more calls wait for one. */
const CONNECTIONS_MAX = 64
const IDLE_CONNECTIONS_MAX = 8
const IDLE_MS = 30_000
const DEFAULT_PORT = 443

export class WebhookClient {
  private readonly ports: WebhookPorts
  /** The one used last is last. */
  private readonly agents = new Map<string, Agent>()

  constructor(ports: WebhookPorts) {
    this.ports = ports
  }

  /** Throws WebhookAnswerError, and an Error with a text like Go's: `Post "https://…": …`. */
  async call(target: WebhookTarget, body: object, timeoutMs: number): Promise<Json> {
    const text = JSON.stringify(body)
    // The webhook is told how long it may take.
    const query = `?timeout=${Math.ceil(timeoutMs / 1000)}s`
    try {
      const options = this.optionsFor(target)
      return await this.post({ ...options, path: `${options.path}${query}` }, text, timeoutMs)
    } catch (error) {
      if (error instanceof WebhookAnswerError) throw error
      throw new Error(`Post "${addressOf(target)}${query}": ${reasonOf(error)}`)
    }
  }

  stop(): void {
    for (const agent of this.agents.values()) agent.destroy()
    this.agents.clear()
  }

  private optionsFor(target: WebhookTarget): RequestOptions {
    const { url, service } = target
    const agent = this.agentOf(target)
    if (url || !service) {
      const { hostname, port, pathname } = new URL(url ?? '')
      const host = hostname.replace(/^\[|\]$/g, '')
      return { agent, host, port: port || DEFAULT_PORT, path: pathname }
    }
    const { namespace, name, path = '/' } = service
    const host = `${name}.${namespace}.svc`
    return { agent, host, path, headers: { host } }
  }

  private agentOf(target: WebhookTarget): Agent {
    const { url, service, caBundle = '' } = target
    const endpoints = service && this.endpointsOf(service)
    const key = JSON.stringify([url && new URL(url).host, service, endpoints, caBundle])
    const known = this.agents.get(key)
    this.agents.delete(key)
    const agent = known ?? this.newAgent(target)
    this.agents.set(key, agent)
    if (this.agents.size > TARGETS_MAX) {
      // Calls that are under way keep their connections; idle ones end by themselves.
      const [oldest] = this.agents.keys()
      this.agents.delete(oldest!)
    }
    return agent
  }

  /** Connections to endpoints that have changed since are not used again. */
  private endpointsOf({ namespace, name, port = DEFAULT_PORT }: ServiceTarget): string {
    return slicesOf(this.ports.cache, { namespace, name, port })
      .map(({ metadata }) => metadata.resourceVersion)
      .join()
  }

  private newAgent({ url, service, caBundle }: WebhookTarget): Agent {
    const options = {
      keepAlive: true,
      maxSockets: CONNECTIONS_MAX,
      maxFreeSockets: IDLE_CONNECTIONS_MAX,
      timeout: IDLE_MS,
      ALPNProtocols: ['http/1.1'],
      ...(caBundle ? { ca: Buffer.from(caBundle, 'base64').toString() } : {}),
    }
    return url || !service ? new Agent(options) : new ServiceAgent(this.ports, service, options)
  }

  private post(options: RequestOptions, text: string, timeoutMs: number): Promise<Json> {
    return new Promise((resolve, reject) => {
      const call = request({ ...options, method: 'POST', headers: headersOf(options, text) })
      const cancel = this.ports.clock.after(timeoutMs, () =>
        call.destroy(new Error('context deadline exceeded')),
      )
      const settle = <T>(done: (outcome: T) => void) =>
        function (this: unknown, outcome: T): void {
          cancel()
          done(outcome)
        }
      readAnswer(call, settle(resolve), settle(reject))
      call.on('error', settle(reject))
      call.end(text)
    })
  }
}

const headersOf = ({ headers }: RequestOptions, text: string): Record<string, string | number> => ({
  ...(headers as Record<string, string> | undefined),
  Accept: 'application/json, */*',
  'Content-Type': 'application/json',
  'Content-Length': Buffer.byteLength(text),
})

const readAnswer = (
  call: ClientRequest,
  resolve: (answer: Json) => void,
  reject: (error: Error) => void,
): void => {
  call.on('response', (answer) => {
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
        return reject(new WebhookAnswerError(serverFault(statusCode, body), statusCode))
      try {
        resolve(JSON.parse(body) as Json)
      } catch (error) {
        const why = `couldn't get version/kind; json parse error: ${(error as Error).message}`
        reject(new WebhookAnswerError(why, 503))
      }
    })
  })
}

/** Connects to one of the Service's endpoints, each time anew. */
class ServiceAgent extends Agent {
  constructor(
    private readonly ports: WebhookPorts,
    private readonly service: ServiceTarget,
    options: object,
  ) {
    super(options)
  }

  override createConnection(
    options: ConnectionOptions,
    done?: (error: Error | null, socket: Duplex) => void,
  ): Duplex | undefined {
    const { cache, bus } = this.ports
    const { namespace, name, port = DEFAULT_PORT } = this.service
    const servername = `${name}.${namespace}.svc`
    connectService(cache, bus, { namespace, name, port }).then(
      (socket) => done?.(null, connect({ ...options, socket, servername })),
      (error: Error) => done?.(error, undefined as unknown as Duplex),
    )
    return undefined
  }
}

/** As messages show it. */
const addressOf = ({ url, service }: WebhookTarget): string => {
  if (url || !service) return url ?? ''
  const { name, namespace, port = DEFAULT_PORT, path = '/' } = service
  return `https://${name}.${namespace}.svc:${port}${path}`
}

/** As client-go words answers of servers that say nothing in Kubernetes' form. */
const FAULTS: Readonly<Record<number, string>> = {
  400: 'the server rejected our request for an unknown reason',
  401: 'the server has asked for the client to provide credentials',
  404: 'the server could not find the requested resource',
  405: 'the server does not allow this method on the requested resource',
  409: 'the server reported a conflict',
  415: 'the server was unable to respond with a content type that the client supports',
  422: 'the server rejected our request due to an error in our request',
  429: 'the server has received too many requests and has asked us to try again later',
  503: 'the server is currently unable to handle the request',
  504: 'the server was unable to return a response in the time allotted, but may still be processing the request',
}

const serverFault = (code: number, body: string): string => {
  const known = FAULTS[code]
  if (known) return known
  const shown = body.slice(0, 1000)
  if (code === 403) return shown || 'forbidden'
  return code >= 500
    ? `an error on the server (${JSON.stringify(shown || 'unknown')}) has prevented the request from succeeding`
    : `the server responded with the status code ${code} but did not return more information`
}

const UNTRUSTED = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
])

/** Go's words for what Node reports by code. */
const reasonOf = (error: unknown): string => {
  const {
    code = '',
    address,
    port,
    message,
    hostname,
  } = error as NodeJS.ErrnoException & {
    address?: string
    port?: number
    hostname?: string
  }
  if (code === 'ECONNREFUSED') return `dial tcp ${address}:${port}: connect: connection refused`
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${hostname}: no such host`
  if (code === 'ECONNRESET') return 'EOF'
  const unfit = 'tls: failed to verify certificate: x509: '
  if (UNTRUSTED.has(code)) return `${unfit}certificate signed by unknown authority`
  if (code === 'CERT_HAS_EXPIRED') return `${unfit}certificate has expired or is not yet valid`
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `${unfit}${message}`
  return message
}
