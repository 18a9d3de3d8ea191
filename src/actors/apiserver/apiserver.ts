/**
 * The apiserver: the only entrance for operations, over HTTPS and over the bus.
 *
 * This file only wires: the pipeline's services, the two doors, the hub of watches, and what the apiserver
 * keeps about itself in the cluster. Invariant: any number of replicas serve at once; none holds state that
 * another could not rebuild from the store.
 */
import type { Server } from 'node:https'
import { createActor, fromPromise } from 'xstate'
import { Namespace } from '../../api/core/namespace.ts'
import type { Doorkeeper } from '../../bus/doorkeeper.ts'
import type { Storage } from '../../client/storage.ts'
import { type Clock, sleep } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'
import type { Component, Ports } from '../component.ts'
import { AdmissionChain } from './admission/chain.ts'
import { DynamicAdmission } from './admission/dynamic-admission.ts'
import { type AdmissionOptions, pluginsOf } from './admission/plugins.ts'
import { Aggregator } from './aggregation/aggregator.ts'
import { ExtensionDocuments } from './aggregation/extension-documents.ts'
import type { FrontProxy } from './aggregation/extension-server.ts'
import { publishAuthentication } from './aggregation/publish-authentication.ts'
import { writeAvailability } from './aggregation/write-availability.ts'
import { announce } from './announce.ts'
import { keepApiServices } from './api-services.ts'
import { apiserverMachine } from './apiserver.machine.ts'
import { type AuditOptions, type Auditor, openBooks } from './audit/auditor.ts'
import { createAuthenticate } from './authentication/authenticate.ts'
import { Authentication, type AuthenticationSettings } from './authentication/authentication.ts'
import type { ClientAuthorities } from './authentication/client-certificates.ts'
import { createAuthorizer, type OwnedAuthorizer } from './authorization/authorizer.ts'
import type { AuthorizationOptions } from './authorization/configured-authorizer.ts'
import { bootstrap, SYSTEM } from './bootstrap.ts'
import { openBusDoor } from './bus-door.ts'
import { openBusEntry } from './bus-entry/bus-entry.ts'
import { type CustomResources, serveCustomResources } from './custom-resources/definitions.ts'
import { FlowControl } from './flow-control/flow-control.ts'
import { keepSchemaStatus } from './flow-control/schema-status.ts'
import { Health } from './health.ts'
import { createHttpDoor, type HttpDoor, secureContextOf, type TlsOptions } from './http-door.ts'
import { serveUpgrades } from './http-upgrade.ts'
import { createUseRecorder, startTracking } from './legacy-tokens.ts'
import { publishJoinInformation } from './join-information.ts'
import { Metrics } from './metrics.ts'
import { serveLogs } from './node-logs.ts'
import { ServiceAccountTokens } from './service-account-tokens.ts'
import { ServiceAddresses } from './service-addresses.ts'
import type { Services } from './services.ts'
import { createSite } from './site.ts'
import { SortedObjects } from './sorted-objects.ts'
import { WatchHub } from './watch-hub.ts'
import { WebhookClient } from './webhook-call.ts'

/** What an apiserver is known by and knows others by; it may be replaced while requests are served. */
export interface Credentials {
  tls: TlsOptions
  /** By what servers behind this one know it; without it they know nobody. */
  frontProxy?: FrontProxy
  authentication: AuthenticationSettings & {
    /** PEM of the RSA key that signs tokens of service accounts; it stays what it is. */
    serviceAccountKey: string
  }
}

export interface Apiserver extends Component {
  port: number
  /**
   * From now on connections are made, and requests judged, by these credentials; what is under way goes on.
   * Rejects when the authentication's configuration cannot be used, whose former one holds on then.
   */
  present(credentials: Credentials): Promise<void>
}

export interface ApiserverOptions extends Ports, Credentials {
  storage: Storage
  /** Who decides, in which order; without it nodes' own rights, then roles. */
  authorization?: AuthorizationOptions
  /** Which plug-ins run besides, or instead of, those that are on by default. */
  admission?: AdmissionOptions
  bind: { address: string; port: number }
  /** The IPv4 address other machines reach this apiserver under. */
  advertiseAddress: string
  /** Where ClusterIPs come from, `10.96.0.0/16` by default; its first address is the API's own. */
  serviceCidr?: string
  nodePortRange?: { from: number; to: number }
  /** Which requests are audited, and where to besides the bus; absent: none is. */
  audit?: AuditOptions
  /** Who else may connect to the bus is decided here; absent: nobody asks. */
  busEntry?: { doorkeeper: Doorkeeper; issuer(): string }
  /** Figures of the store beneath, by metric name, for `/metrics`. */
  storeMetrics?(): Record<string, number>
}

const BOOKMARK_MS = 60_000
/** How long requests in flight may take when the apiserver stops. */
const DRAIN_MS = 10_000
const DRAIN_STEP_MS = 20

/** Rejects when the address cannot be bound; `ready` resolves when the cache is complete and both doors serve. */
export const startApiserver = async (options: ApiserverOptions): Promise<Apiserver> => {
  const { storage, clock, log, identity, advertiseAddress: address } = options
  let credentials: Credentials = options
  const { serviceAccountKey } = options.authentication
  const serviceAccounts = new ServiceAccountTokens(serviceAccountKey, storage, clock, (secret) =>
    recordUse(secret),
  )
  const authentication = new Authentication({ storage, serviceAccounts, clock, log })
  await authentication.start(authoritiesOf(options), options.authentication)
  const authorizer = await authorizerOf(options)
  const services: Services = {
    storage,
    clock,
    authorizer,
    admission: new AdmissionChain(pluginsOf(options.admission ?? {})),
    dynamicAdmission: new DynamicAdmission(storage.cache),
    webhooks: new WebhookClient({ cache: storage.cache, bus: options.bus, clock }),
    serviceAccounts,
    authenticateToken: authentication.authenticateToken,
    sorted: new SortedObjects(storage.cache),
    addresses: new ServiceAddresses(storage, {
      serviceCidr: options.serviceCidr ?? '10.96.0.0/16',
      nodePortRange: options.nodePortRange ?? { from: 30_000, to: 32_767 },
      identity,
    }),
  }
  const recordUse = createUseRecorder(services, log)
  const aggregator = new Aggregator({
    cache: storage.cache,
    bus: options.bus,
    get frontProxy() {
      return credentials.frontProxy
    },
    clock,
    log,
    writeStatus: (object) => writeAvailability(services, object),
  })
  const hub = new WatchHub(storage.cache)
  const metrics = new Metrics()
  const flowControl = new FlowControl(storage.cache, clock)
  const state: Parts['state'] = { isReady: false, customResources: undefined }
  const health = new Health({ clock, log, askStore: () => storage.barrier(Namespace) })
  const auditor = options.audit && openBooks(options.audit, options.bus, clock)
  const doors = { hub, metrics, flowControl, auditor }
  const parts = { services, authentication, aggregator, health, state, ...doors }
  const door = openHttpDoor(options, parts)
  const port = await listen(door.server, options.bind)

  let closeBusDoor: (() => Promise<void>) | undefined
  let withdraw: (() => Promise<void>) | undefined
  let releaseApiServices: (() => Promise<void>) | undefined
  let stopSchemaStatus: (() => void) | undefined
  let closeBusEntry: (() => Promise<void>) | undefined
  const stopBookmarks = keepBookmarks(hub, clock)
  const publish = async () => {
    const { tls, frontProxy } = credentials
    await publishAuthentication(services, tls.clientCa, frontProxy)
    await publishJoinInformation(services, `https://${address}:${port}`, tls.clientCa)
  }
  const prepare = async () => {
    await storage.cache.ready
    health.finish('cache')
    await bootstrap(services, port)
    health.finish('bootstrap')
    state.customResources = await serveCustomResources(services, hub, log)
    health.finish('customResources')
    releaseApiServices = await keepApiServices(services, log)
    health.finish('apiServices')
    await publish()
    health.finish('authentication')
    await startTracking(services)
    aggregator.start()
    health.finish('aggregation')
    stopSchemaStatus = keepSchemaStatus(services, SYSTEM, log)
    health.finish('flowControl')
    state.isReady = true
    const { caughtUp: definitionsServed } = state.customResources
    const busDoor = { ...options, services, hub, metrics, auditor, definitionsServed }
    closeBusDoor = await openBusDoor(busDoor)
    if (options.busEntry)
      closeBusEntry = openBusEntry({
        ...options.busEntry,
        authenticateToken: authentication.authenticateToken,
        certificates: authentication.certificates,
        cache: storage.cache,
        authorizer,
        prefix: options.bus.prefix,
        clock,
        log,
      })
  }
  const drain = async () => {
    health.stop()
    await withdraw?.()
    state.isReady = false
    stopBookmarks()
    aggregator.stop()
    stopSchemaStatus?.()
    await releaseApiServices?.()
    await state.customResources?.stop()
    await closeBusEntry?.()
    await closeBusDoor?.()
    await closeHttpDoor(door, hub, metrics, clock)
    services.sorted.stop()
    services.dynamicAdmission.stop()
    services.webhooks.stop()
    authorizer.stop()
    flowControl.stop()
    services.addresses.stop()
    authentication.stop()
  }
  const machine = apiserverMachine.provide({
    actors: { prepare: fromPromise(prepare), drain: fromPromise(drain) },
    actions: {
      announce: () => {
        withdraw = announce(services, { identity, address, port }, log)
      },
    },
  })
  return {
    port,
    ...run(machine, log),
    present: async (next) => {
      credentials = next
      door.server.setSecureContext(secureContextOf(next))
      await Promise.all([
        authentication.replace(authoritiesOf(next), next.authentication),
        state.isReady && publish(),
      ])
    },
  }
}

const authoritiesOf = ({ tls, frontProxy }: Credentials): ClientAuthorities => ({
  clientCa: tls.clientCa,
  frontProxyCa: frontProxy?.authority,
})

const authorizerOf = async (options: ApiserverOptions): Promise<OwnedAuthorizer> => {
  const { storage, authorization } = options
  if (!authorization) return createAuthorizer(storage.cache)
  const { configuredAuthorizer } = await import('./authorization/configured-authorizer.ts')
  return configuredAuthorizer(storage.cache, authorization, options)
}

/** The machine as a component. */
const run = (machine: typeof apiserverMachine, log: Log): Component => {
  const actor = createActor(machine)
  const ready = new Promise<void>((resolve, reject) => {
    actor.subscribe(({ value, context }) => {
      if (value === 'serving') resolve()
      if (value === 'failed') reject(context.error)
    })
  })
  const stopped = new Promise<void>((resolve) => {
    actor.subscribe({ complete: () => resolve() })
  })
  ready.catch((error: unknown) => log.error({ err: error }, 'the apiserver could not start'))
  actor.start()
  return {
    ready,
    stop: async () => {
      actor.send({ type: 'stop' })
      await stopped
    },
  }
}

interface Parts {
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

const openHttpDoor = (options: ApiserverOptions, parts: Parts): HttpDoor => {
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

/** Ends watches at once and lets the other requests in flight finish, for a bounded time. */
const closeHttpDoor = async (
  { server, endSessions }: HttpDoor,
  hub: WatchHub,
  metrics: Metrics,
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

const keepBookmarks = (hub: WatchHub, clock: Clock): (() => void) => {
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

const listen = (
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
