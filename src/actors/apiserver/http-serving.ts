/**
 * The HTTPS side of an apiserver, wired: its door, the pages beside the API, upgrades, and how it closes.
 *
 * Invariant: it decides nothing; what answers is handed on from `apiserver.ts`.
 */
import type { Server } from 'node:https'
import type { Bus } from '../../bus/bus.ts'
import { type Clock, sleep } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'
import type { Aggregator } from './aggregation/aggregator.ts'
import { ExtensionDocuments } from './aggregation/extension-documents.ts'
import type { FrontProxy } from './aggregation/extension-server.ts'
import type { Auditor } from './audit/auditor.ts'
import { createAuthenticate } from './authentication/authenticate.ts'
import type { Authentication } from './authentication/authentication.ts'
import type { CustomResources } from './custom-resources/definitions.ts'
import type { FlowControl } from './flow-control/flow-control.ts'
import type { Health } from './health.ts'
import { createHttpDoor, type HttpDoor, secureContextOf, type TlsOptions } from './http-door.ts'
import { serveUpgrades } from './http-upgrade.ts'
import type { Metrics } from './metrics.ts'
import { serveLogs } from './node-logs.ts'
import type { Services } from './services.ts'
import { createSite } from './site.ts'
import type { WatchHub } from './watch-hub.ts'

export interface HttpServingOptions {
  bus: Bus
  clock: Clock
  log: Log
  version: string
  tls: TlsOptions
  frontProxy?: FrontProxy
  bind: { address: string; port: number }
  advertiseAddress: string
  storeMetrics?(): Record<string, number>
}

/** What the doors share. */
export interface Parts {
  services: Services
  authentication: Authentication
  aggregator: Aggregator
  hub: WatchHub
  metrics: Metrics
  flowControl: FlowControl
  auditor: Auditor | undefined
  health: Health
  state: { isReady: boolean; customResources: CustomResources | undefined }
}

/** Everything that is served over HTTPS: requests, watches and upgrades. */
export const openHttpDoor = (options: HttpServingOptions, parts: Parts): HttpDoor => {
  const { bus, clock, log, advertiseAddress, bind } = options
  const { services, aggregator, hub, metrics, flowControl, auditor, health, state } = parts
  const authenticate = createAuthenticate(parts.authentication, services.authorizer)
  const serverAddress = `${advertiseAddress}:${bind.port}`
  const door = createHttpDoor({
    tls: secureContextOf(options),
    services,
    aggregator,
    hub,
    metrics,
    flowControl,
    authenticate,
    auditor,
    clock,
    log,
    isReady: () => state.isReady,
    definitionsServed: async () => state.customResources?.caughtUp(),
    site: createSite({
      kinds: services.storage.cache.kinds,
      serverAddress,
      version: options.version,
      clock,
      health,
      metrics: () => {
        const store = options.storeMetrics?.() ?? {}
        const own = metrics.text(hub, services.storage.cache, store)
        const admission = services.dynamicAdmission.metrics.text()
        return `${own}${[...flowControl.text(), ...admission].join('\n')}\n`
      },
      remote: aggregator,
      remoteDocuments: new ExtensionDocuments(aggregator, clock),
      documents: {
        '/.well-known/openid-configuration': {
          type: 'application/json',
          make: () => services.serviceAccounts.configuration(serverAddress),
        },
        '/openid/v1/jwks': {
          type: 'application/jwk-set+json',
          make: () => services.serviceAccounts.keySet(),
        },
      },
    }),
    serveLogs: (request, response) => serveLogs(services, bus, request, response),
    serveProxy: async (call, exchange) => {
      // Rarely needed: loaded with the first request of its kind.
      const { serveProxy } = await import('./proxy/proxy-request.ts')
      await serveProxy(services, bus, call, exchange)
    },
  })
  const endUpgraded = serveUpgrades(door.server, {
    services,
    bus,
    aggregator,
    authenticate,
    hub,
    flowControl,
    auditor,
    clock,
    log,
  })
  return {
    server: door.server,
    endSessions: (now) => {
      door.endSessions(now)
      if (now) endUpgraded()
    },
  }
}

const BOOKMARK_MS = 60_000
/** How long requests in flight may take when the apiserver stops. */
const DRAIN_MS = 10_000
const DRAIN_STEP_MS = 20

/** Ends watches at once and lets the other requests in flight finish, for a bounded time. */
export const closeHttpDoor = async (
  { server, endSessions }: HttpDoor,
  { hub, metrics }: Parts,
  clock: Clock,
): Promise<void> => {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  hub.stop()
  server.closeIdleConnections()
  endSessions(false)
  const until = clock.monotonic() + DRAIN_MS
  while (metrics.inFlight > 0 && clock.monotonic() < until) await sleep(DRAIN_STEP_MS, clock)
  server.closeAllConnections()
  endSessions(true)
  await closed
}

export const keepBookmarks = (hub: WatchHub, clock: Clock): (() => void) => {
  let cancel = (): void => undefined
  const wait = () => {
    cancel = clock.after(BOOKMARK_MS, () => {
      hub.bookmark()
      wait()
    })
  }
  wait()
  return () => cancel()
}

export const listen = (
  door: Server,
  { address, port }: { address: string; port: number },
): Promise<number> =>
  new Promise((resolve, reject) => {
    door.once('error', reject)
    door.listen(port, address, () => {
      door.off('error', reject)
      const bound = door.address()
      resolve(typeof bound === 'object' && bound ? bound.port : port)
    })
  })
