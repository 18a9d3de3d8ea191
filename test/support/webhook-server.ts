/**
 * A webhook over HTTPS for tests, with a certificate of an authority of its own.
 *
 * Invariant: `stop` ends its connections. What it answers is the test's, by path.
 */
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createAuthority, issueCertificate } from '../../src/node/pki.ts'
import { systemClock } from '../../src/std/clock.ts'

// biome-ignore lint/suspicious/noExplicitAny: reviews of every shape
type Loose = any

export interface WebhookServer {
  /** `https://localhost:…`, without a path. */
  url: string
  port: number
  /** Base64, as configurations have it. */
  caBundle: string
  /** The requests that came, with the path each came to, oldest first. */
  reviews: { path: string; request: Loose }[]
  /** Connections that were opened. */
  connections: number
  stop(): Promise<void>
}

/** What is answered for a review's `request`; it may be a whole answer (`review`), or a code. */
export type Respond = (
  request: Loose,
  path: string,
) => Loose | Promise<Loose> | { raw: string; code: number }

const HOSTS = ['localhost', 'hooks.default.svc']

export const startWebhookServer = async (
  respond: Respond,
  host = '127.0.0.1',
): Promise<WebhookServer> => {
  const nowMs = systemClock.now()
  const authority = await createAuthority('webhook-ca', nowMs)
  const pair = await issueCertificate(authority, {
    subject: { commonName: 'webhook' },
    usage: 'server',
    names: HOSTS,
    nowMs,
  })
  const reviews: WebhookServer['reviews'] = []
  const server = createServer(
    { cert: pair.certificate, key: pair.key },
    async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const review = JSON.parse(Buffer.concat(chunks).toString())
      const path = new URL(request.url ?? '/', 'https://localhost').pathname
      reviews.push({ path, request: review.request })
      const answer = await respond(review.request, path)
      if (typeof answer?.raw === 'string') {
        response.writeHead(answer.code).end(answer.raw)
        return
      }
      const { apiVersion, kind } = review
      response.writeHead(200, { 'Content-Type': 'application/json' })
      response.end(
        JSON.stringify(
          answer.review ?? { apiVersion, kind, response: { uid: review.request.uid, ...answer } },
        ),
      )
    },
  )
  const state = { connections: 0 }
  server.on('secureConnection', () => {
    state.connections++
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `https://localhost:${port}`,
    port,
    caBundle: Buffer.from(authority.certificate).toString('base64'),
    reviews,
    get connections() {
      return state.connections
    },
    stop: () => stopServer(server),
  }
}

const stopServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })

/** An allowing answer that changes the object. */
export const patching = (...operations: object[]): object => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
})
