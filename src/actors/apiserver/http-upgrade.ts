/**
 * Requests that leave HTTP: exec, attach and port-forward of pods, over WebSocket or SPDY/3.1, watches over
 * WebSocket, and connections through the proxy subresources.
 *
 * Invariant: the node has agreed before the connection is upgraded, so a refusal is a plain HTTP answer with a
 * Status. What is said after the upgrade is in `exec/`, `port-forward/` and `proxy/`.
 */
import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:https'
import type { Duplex } from 'node:stream'
import type { Pod } from '../../api/core/pod.ts'
import {
  badRequest,
  internalError,
  StatusError,
  serviceUnavailable,
} from '../../api/status-error.ts'
import type { Bus } from '../../bus/bus.ts'
import type { Clock } from '../../std/clock.ts'
import { newRequestId } from '../../std/ids.ts'
import type { Log } from '../../std/log.ts'
import { admitConnection } from './admission/connection.ts'
import type { Aggregator } from './aggregation/aggregator.ts'
import type { ExtensionServer } from './aggregation/extension-server.ts'
import { authorizeRemote } from './aggregation/remote-door.ts'
import type { Auditor } from './audit/auditor.ts'
import { type AuditedHttpRequest, auditHttp } from './audit/http-audit.ts'
import type { Authenticate } from './authentication/authenticate.ts'
import { permit } from './authorization/refusal.ts'
import { live } from './commit.ts'
import type { FlowControl } from './flow-control/flow-control.ts'
import { parsePath, type ResourcePath, splitUrl } from './http-path.ts'
import { KubeletRefusal } from './node-stream.ts'
import { isProxyPath, proxyCall } from './proxy/proxy-door.ts'
import { type ApiRequest, flag, NO_QUERY, type User } from './request.ts'
import { selectedName } from './selection.ts'
import type { Services } from './services.ts'
import type { WatchHub } from './watch-hub.ts'

export interface UpgradeOptions {
  services: Services
  bus: Bus
  /** Servers behind this one. */
  aggregator: Aggregator
  authenticate: Authenticate
  hub: WatchHub
  flowControl: FlowControl
  /** Absent: nothing is audited. */
  auditor?: Auditor | undefined
  clock: Clock
  log: Log
}

/** A request to upgrade, with the connection it came on. */
export interface Upgrade {
  request: IncomingMessage
  socket: Duplex
  head: Buffer
}

/** The result ends every connection that left HTTP: the server itself no longer knows them. */
export const serveUpgrades = (server: Server, options: UpgradeOptions): (() => void) => {
  const open = new Set<Duplex>()
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    socket.on('error', () => socket.destroy())
    serve(options, { request, socket, head }).catch((error: unknown) => {
      if (!(error instanceof StatusError) && !(error instanceof KubeletRefusal))
        options.log.error({ err: error, path: request.url }, 'an upgrade failed')
      refuse(socket, error)
    })
  })
  return () => {
    for (const socket of open) socket.destroy()
  }
}

/** Throws StatusError for everything that is refused. */
const serve = async (options: UpgradeOptions, upgrade: Upgrade): Promise<void> => {
  const { request } = upgrade
  const [path, query] = splitUrl(request.url ?? '/')
  const user = await options.authenticate(request)
  const target = parsePath(path, options.services.storage.cache.kinds)
  const verb = target && isWatchPath(target, request, query) ? 'watch' : verbOf(request)
  await inBooks(options, upgrade, { ...target, user, verb, path }, () =>
    serveTarget(options, upgrade, target, user),
  )
}

/** As Kubernetes names what a method asks of a subresource. */
const verbOf = ({ method }: IncomingMessage): string => (method === 'POST' ? 'create' : 'get')

/** Serves the request, and has it audited if the policy wants it: until its connection ends, or is refused. */
const inBooks = async (
  { auditor, clock }: UpgradeOptions,
  { request, socket }: Upgrade,
  asked: AuditedHttpRequest,
  serveIt: () => Promise<void>,
): Promise<void> => {
  const now = { id: newRequestId(), receivedMs: clock.now() }
  const audit = auditor && auditHttp(auditor, request, asked, now)
  if (!audit) return serveIt()
  try {
    await serveIt()
  } catch (error) {
    const status = error instanceof StatusError ? error.status : undefined
    audit.answered(status?.code ?? 500, status)
    audit.complete()
    throw error
  }
  audit.started(101)
  if (socket.destroyed) audit.complete()
  else socket.once('close', () => audit.complete())
}

const serveTarget = async (
  options: UpgradeOptions,
  upgrade: Upgrade,
  target: ResourcePath | undefined,
  user: User,
): Promise<void> => {
  const { request } = upgrade
  const [path, query] = splitUrl(request.url ?? '/')
  if (target && isProxyPath(target)) return serveProxy(options, upgrade, target, user)
  if (target && isWatchPath(target, request, query))
    return serveWatch(options, upgrade, target, user, query)
  const server = target ? undefined : options.aggregator.serverOf(path)
  if (server) return serveRemote(options, upgrade, server, user)
  if (target?.kind.plural !== 'pods' || target.kind.group !== '' || !target.name)
    throw badRequest('this path cannot be upgraded')
  const { subresource } = target
  if (subresource !== 'exec' && subresource !== 'attach' && subresource !== 'portforward')
    throw badRequest('this path cannot be upgraded')
  await allow(options.services, user, target, request.method === 'POST' ? 'create' : 'get')
  // Whoever runs something in a pod must be allowed to create, whichever method the protocol needs.
  await allow(options.services, user, target, 'create')
  await admitConnection(options.services, target, user, query)
  const pod = (await live(options.services, target.kind, target.namespace, target.name)) as Pod
  // Rarely needed: loaded with the first stream.
  const { servePorts, serveProcess } = await import('./pod-streams.ts')
  if (subresource === 'portforward') await servePorts(options, upgrade, pod, query)
  else await serveProcess(options, upgrade, pod, query, subresource)
}

/** A connection to a server behind this one. */
const serveRemote = async (
  { services, aggregator }: UpgradeOptions,
  { request, socket, head }: Upgrade,
  server: ExtensionServer,
  user: User,
): Promise<void> => {
  const [path, query] = splitUrl(request.url ?? '/')
  await authorizeRemote(services.authorizer, user, request.method ?? 'GET', path, query)
  if (!aggregator.isAvailable(server)) throw serviceUnavailable('service unavailable')
  const { upgradeRemote } = await import('./aggregation/remote-request.ts')
  await upgradeRemote(server, user, request, socket, head)
}

const isWatchPath = (
  { name, subresource, watch }: ResourcePath,
  { method }: IncomingMessage,
  query: URLSearchParams,
): boolean =>
  method === 'GET' &&
  (watch === true || (name === undefined && subresource === undefined && flag(query, 'watch')))

const serveWatch = async (
  options: UpgradeOptions,
  upgrade: Upgrade,
  { kind, namespace, name }: ResourcePath,
  user: User,
  query: URLSearchParams,
): Promise<void> => {
  const selected = name ?? selectedName(query)
  const request: ApiRequest = { verb: 'watch', kind, namespace, name: selected, user, query }
  // Rarely needed: loaded with the first watch of its kind.
  const { watchOverWebSocket } = await import('./websocket-watch.ts')
  await watchOverWebSocket(options, upgrade, request)
}

const serveProxy = async (
  { services, bus }: UpgradeOptions,
  { request, socket, head }: Upgrade,
  target: ResourcePath,
  user: User,
): Promise<void> => {
  const { method = 'GET', url = '/' } = request
  const call = await proxyCall(services.authorizer, target, method, url, user)
  if (!call) throw badRequest('this path cannot be upgraded')
  await admitConnection(services, target, user, NO_QUERY, call.rest)
  const { proxyUpgrade } = await import('./proxy/proxy-upgrade.ts')
  await proxyUpgrade(services, bus, call, request, socket, head)
}

const allow = async (
  { authorizer }: Services,
  user: User,
  { kind, ...target }: ResourcePath,
  verb: string,
): Promise<void> => {
  const { group, version, plural: resource } = kind
  await permit(authorizer, { user, verb, group, version, resource, ...target })
}

const refuse = (socket: Duplex, error: unknown): void => {
  const isBare = error instanceof KubeletRefusal
  const { status } =
    error instanceof StatusError || isBare
      ? error
      : internalError(error instanceof Error ? error.message : String(error))
  const type = isBare ? 'text/plain; charset=utf-8' : 'application/json'
  const body = isBare ? (status.message ?? '') : JSON.stringify(status)
  socket.end(
    `HTTP/1.1 ${status.code ?? 500} ${status.reason || 'Error'}\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}
