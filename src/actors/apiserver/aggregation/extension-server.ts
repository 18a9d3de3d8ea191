/**
 * A server that stands behind an APIService: encrypted connections to it, and requests in a user's name.
 *
 * Invariant: the server's certificate is checked against the APIService's caBundle for `<service>.<namespace>.svc`
 * unless it says not to; the cluster shows its front-proxy certificate, which is what makes the server believe the
 * headers that name the user. Connections are kept for a moment and never used for another server.
 */
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { Duplex } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { APIService } from '../../../api/apiregistration/api-service.ts'
import type { Bus } from '../../../bus/bus.ts'
import type { Cache } from '../../../client/view.ts'
import type { User } from '../request.ts'
import { type Backend, backendOf } from './api-service-object.ts'
import { connectService } from './service-connection.ts'

/** The client certificate by which extension servers know this cluster's apiservers. */
export interface FrontProxy {
  /** PEM. */
  certificate: string
  key: string
  /** PEM of the authority that signed it. */
  authority: string
}

export interface ExtensionPorts {
  cache: Cache
  bus: Bus
  frontProxy: FrontProxy | undefined
}

const IDLE_MS = 15_000
const SOCKETS_MAX = 256

export class ExtensionServer {
  readonly backend: Backend
  readonly group: string
  readonly version: string
  readonly apiService: APIService
  private readonly ports: ExtensionPorts
  private readonly agent: Agent

  constructor(apiService: APIService, ports: ExtensionPorts) {
    const { spec } = apiService
    this.apiService = apiService
    this.backend = backendOf(apiService)!
    this.group = spec?.group ?? ''
    this.version = spec?.version ?? ''
    this.ports = ports
    this.agent = new Agent({ keepAlive: true, timeout: IDLE_MS, maxSockets: SOCKETS_MAX })
    this.agent.createConnection = (_options, callback) => {
      this.connect().then(
        (socket) => callback?.(null, socket),
        (error: Error) => callback?.(error, undefined as unknown as Duplex),
      )
      return undefined
    }
  }

  /** Whether an APIService leads to the same server in the same way. */
  isFor({ spec }: APIService): boolean {
    return JSON.stringify(spec) === JSON.stringify(this.apiService.spec)
  }

  /** The URL that error messages show. */
  url(path: string): string {
    const { name, namespace, port } = this.backend
    return `https://${name}.${namespace}.svc:${port}${path}`
  }

  async connect(isChecked = true): Promise<TLSSocket> {
    const { cache, bus, frontProxy } = this.ports
    const { caBundle, insecureSkipTLSVerify } = this.apiService.spec ?? {}
    const { name, namespace } = this.backend
    const socket = await connectService(cache, bus, this.backend)
    const ca = caBundle ? Buffer.from(caBundle, 'base64') : undefined
    return new Promise((resolve, reject) => {
      const secure = connectTls({
        socket,
        servername: `${name}.${namespace}.svc`,
        rejectUnauthorized: isChecked && !insecureSkipTLSVerify,
        ...(ca ? { ca } : {}),
        ...(frontProxy ? { cert: frontProxy.certificate, key: frontProxy.key } : {}),
        ALPNProtocols: ['http/1.1'],
      })
      const fail = (error: Error) => {
        secure.destroy()
        reject(error)
      }
      secure.once('error', fail)
      secure.once('secureConnect', () => {
        secure.off('error', fail)
        resolve(secure)
      })
    })
  }

  /** A request that is not sent yet. */
  open(
    method: string,
    path: string,
    { host, ...headers }: Record<string, string[]>,
  ): ClientRequest {
    const { name, namespace } = this.backend
    return request({
      agent: this.agent,
      method,
      path,
      setHost: false,
      headers: { host: host?.[0] ?? `${name}.${namespace}.svc`, ...headers },
    })
  }

  /** The answer to a GET in the name of `user`; rejects when it takes longer than `timeoutMs`. */
  get(path: string, user: User, accept: string, timeoutMs: number): Promise<ServerReply> {
    return replyTo(this.open('GET', path, { accept: [accept], ...userHeaders(user) }), timeoutMs)
  }

  /**
   * The same whoever the server is: whether one answers at all is asked without looking at its certificate, as in
   * Kubernetes, so that a wrong caBundle shows in requests and not as a server that is not there.
   */
  async probe(path: string, user: User, timeoutMs: number): Promise<ServerReply> {
    const { name, namespace } = this.backend
    const socket = await this.connect(false)
    const sent = request({
      createConnection: () => socket,
      path,
      headers: {
        host: `${name}.${namespace}.svc`,
        accept: 'application/json',
        ...userHeaders(user),
      },
    })
    return replyTo(sent, timeoutMs).finally(() => socket.destroy())
  }

  close(): void {
    this.agent.destroy()
  }
}

const replyTo = (sent: ClientRequest, timeoutMs: number): Promise<ServerReply> =>
  new Promise((resolve, reject) => {
    sent.setTimeout(timeoutMs, () => sent.destroy(new Error('context deadline exceeded')))
    sent.once('error', reject)
    sent.once('response', (answer) => readReply(answer).then(resolve, reject))
    sent.end()
  })

export interface ServerReply {
  code: number
  type: string
  body: Buffer
}

const REPLY_BYTES_MAX = 32 * 1024 * 1024

const readReply = async (answer: IncomingMessage): Promise<ServerReply> => {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of answer) {
    size += (part as Buffer).length
    if (size > REPLY_BYTES_MAX) throw new Error('the answer is too large')
    parts.push(part as Buffer)
  }
  return {
    code: answer.statusCode ?? 502,
    type: answer.headers['content-type'] ?? '',
    body: Buffer.concat(parts),
  }
}

/** Headers by which the front proxy says in whose name it asks. */
export const userHeaders = ({ name, uid, groups, extra }: User): Record<string, string[]> => ({
  'x-remote-user': [name],
  ...(uid ? { 'x-remote-uid': [uid] } : {}),
  ...(groups.length > 0 ? { 'x-remote-group': [...groups] } : {}),
  ...Object.fromEntries(
    Object.entries(extra ?? {}).map(([key, values]) => [
      `x-remote-extra-${encodeURIComponent(key.toLowerCase())}`,
      [...values],
    ]),
  ),
})
