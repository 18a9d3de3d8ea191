/**
 * An apiserver on storage in memory, with an HTTPS client for tests.
 *
 * Invariant: `stop` closes what it opened; certificates are made once a process.
 */
import { type RequestOptions, request } from 'node:https'
import { pino } from 'pino'
import type { FrontProxy } from '../../src/actors/apiserver/aggregation/extension-server.ts'
import {
  type ApiserverOptions,
  type Credentials,
  startApiserver,
} from '../../src/actors/apiserver/apiserver.ts'
import { Namespace } from '../../src/api/core/namespace.ts'
import { ServiceAccount } from '../../src/api/core/service-account.ts'
import type { Bus } from '../../src/bus/bus.ts'
import { memoryNetwork } from '../../src/bus/memory-bus.ts'
import type { Client } from '../../src/client/client.ts'
import type { Storage } from '../../src/client/storage.ts'
import {
  createAuthority,
  createSigningKey,
  issueCertificate,
  type KeyPair,
} from '../../src/node/pki.ts'
import { assert } from '../../src/std/assert.ts'
import { systemClock } from '../../src/std/clock.ts'
import { newUid } from '../../src/std/ids.ts'
import { memoryStorage } from './memory-storage.ts'

export interface Answer {
  code: number
  headers: NodeJS.Dict<string | string[]>
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  json: any
}

export interface TestApiserver {
  port: number
  bus: Bus
  storage: Storage
  pki: Pki
  /** As the administrator, unless `options` says otherwise. */
  call(method: string, path: string, body?: unknown, options?: CallOptions): Promise<Answer>
  present(credentials: Credentials): Promise<void>
  stop(): Promise<void>
}

export interface CallOptions {
  headers?: Record<string, string>
  /** Without the administrator's certificate. */
  anonymous?: boolean
  certificate?: KeyPair
}

export interface Pki {
  authority: KeyPair
  server: KeyPair
  admin: KeyPair
  frontProxy: FrontProxy
  /** PEM. */
  serviceAccountKey: string
}

let made: Promise<Pki> | undefined

export const testPki = (): Promise<Pki> => {
  made ??= (async () => {
    const nowMs = systemClock.now()
    const authority = await createAuthority('test-ca', nowMs)
    const server = await issueCertificate(authority, {
      subject: { commonName: 'apiserver' },
      usage: 'server',
      names: ['127.0.0.1', 'localhost', '10.96.0.1'],
      nowMs,
    })
    const admin = await issueCertificate(authority, {
      subject: { commonName: 'admin', organizations: ['system:masters'] },
      usage: 'client',
      nowMs,
    })
    const proxies = await createAuthority('test-front-proxy-ca', nowMs)
    const frontProxy = {
      ...(await issueCertificate(proxies, {
        subject: { commonName: 'front-proxy-client' },
        usage: 'client',
        nowMs,
      })),
      authority: proxies.certificate,
    }
    return { authority, server, admin, frontProxy, serviceAccountKey: await createSigningKey() }
  })()
  return made
}

const LOG = pino({ level: process.env['KUBUS_LOG'] ?? 'warn' })

/** Of a user who may do everything, but not because of being in `system:masters`. */
export const TOKEN = 'test-token'

const BINDINGS = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings'
const ROBOTS_MAY_DO_EVERYTHING = {
  metadata: { name: 'test-robots' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'robots' }],
}

/** In place of their controller; pods of these accounts mount no token and stay as tests write them. */
const keepDefaultAccounts = (storage: Storage): (() => void) => {
  const create = async (namespace: string) => {
    const metadata = { name: 'default', namespace, uid: newUid(), resourceVersion: '0' }
    const object = {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { ...metadata, creationTimestamp: '2026-01-01T00:00:00Z' },
      automountServiceAccountToken: false,
    }
    await storage.write({ kind: ServiceAccount, namespace, name: 'default', expected: 0, object })
  }
  return storage.cache.subscribe(({ type, kind, object }) => {
    // Another replica may have been faster.
    if (type === 'ADDED' && kind === Namespace) create(object.metadata.name).catch(() => undefined)
  })
}

export const startTestApiserver = async (
  storage: Storage = memoryStorage(),
  bus: Bus = memoryNetwork(systemClock, LOG)(),
  port = 0,
  replica = 1,
  more: Partial<ApiserverOptions> = {},
): Promise<TestApiserver> => {
  const pki = await testPki()
  const endAccounts = keepDefaultAccounts(storage)
  const server = await startApiserver({
    bus,
    client: {} as Client,
    clock: systemClock,
    log: LOG,
    identity: `test-${replica}`,
    version: '0.1.0',
    storage,
    tls: {
      certificate: pki.server.certificate,
      key: pki.server.key,
      clientCa: pki.authority.certificate,
    },
    frontProxy: pki.frontProxy,
    authentication: {
      tokens: [{ token: TOKEN, user: 'robot', groups: ['robots'] }],
      serviceAccountKey: pki.serviceAccountKey,
    },
    bind: { address: '127.0.0.1', port },
    advertiseAddress: `192.0.2.${replica}0`,
    ...more,
  })
  await server.ready
  const made = await call(pki, server.port, 'POST', BINDINGS, ROBOTS_MAY_DO_EVERYTHING, {})
  assert(made.code === 201 || made.code === 409, made.text)
  return {
    port: server.port,
    bus,
    storage,
    pki,
    call: (method, path, body, options) => call(pki, server.port, method, path, body, options),
    present: server.present,
    stop: () => {
      endAccounts()
      return server.stop()
    },
  }
}

/** Requests over HTTPS, on a connection of their own. */
const call = (
  pki: Pki,
  port: number,
  method: string,
  path: string,
  body: unknown,
  { headers = {}, anonymous, certificate }: CallOptions = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
    const options = connection(pki, port, anonymous ? undefined : (certificate ?? pki.admin))
    const sent = request(
      {
        ...options,
        method,
        path,
        agent: false,
        headers: {
          ...(text === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          const received = Buffer.concat(chunks).toString()
          const isJson = response.headers['content-type']?.startsWith('application/json')
          resolve({
            code: response.statusCode ?? 0,
            headers: response.headers,
            text: received,
            json: isJson && received ? JSON.parse(received) : undefined,
          })
        })
      },
    )
    sent.on('error', reject)
    sent.end(text)
  })

export const connection = (
  { authority }: Pki,
  port: number,
  identity: KeyPair | undefined,
): RequestOptions => ({
  host: '127.0.0.1',
  port,
  ca: authority.certificate,
  ...(identity ? { cert: identity.certificate, key: identity.key } : {}),
})
