/**
 * The apiserver: the only entrance for operations, over HTTPS and over the bus.
 *
 * This file only wires: the pipeline's services, the two doors, the hub of watches, and what the apiserver
 * keeps about itself in the cluster. Invariant: any number of replicas serve at once; none holds state that
 * another could not rebuild from the store.
 */
import { createActor, fromPromise } from 'xstate'
import { Namespace } from '../../api/core/namespace.ts'
import type { Doorkeeper } from '../../bus/doorkeeper.ts'
import { subjectsFor } from '../../bus/subjects.ts'
import type { Storage } from '../../client/storage.ts'
import type { Log } from '../../std/log.ts'
import type { Component, Ports } from '../component.ts'
import { AdmissionChain } from './admission/chain.ts'
import { DynamicAdmission } from './admission/dynamic-admission.ts'
import { type AdmissionOptions, pluginsOf } from './admission/plugins.ts'
import { Aggregator } from './aggregation/aggregator.ts'
import type { FrontProxy } from './aggregation/extension-server.ts'
import { publishAuthentication } from './aggregation/publish-authentication.ts'
import { writeAvailability } from './aggregation/write-availability.ts'
import { announce } from './announce.ts'
import { keepApiServices } from './api-services.ts'
import { apiserverMachine } from './apiserver.machine.ts'
import { type AuditOptions, openBooks } from './audit/auditor.ts'
import { refusedPublish } from './audit/bus-audit.ts'
import { Refusals } from './audit/refusals.ts'
import { Authentication, type AuthenticationSettings } from './authentication/authentication.ts'
import type { ClientAuthorities } from './authentication/client-certificates.ts'
import { createAuthorizer, type OwnedAuthorizer } from './authorization/authorizer.ts'
import type { AuthorizationOptions } from './authorization/configured-authorizer.ts'
import { bootstrap, SYSTEM } from './bootstrap.ts'
import { openBusDoor } from './bus-door.ts'
import { openBusEntry } from './bus-entry/bus-entry.ts'
import { bookViolations, type ServerLog } from './bus-entry/violations.ts'
import { serveCustomResources } from './custom-resources/definitions.ts'
import { FlowControl } from './flow-control/flow-control.ts'
import { keepSchemaStatus } from './flow-control/schema-status.ts'
import { Health } from './health.ts'
import { secureContextOf, type TlsOptions } from './http-door.ts'
import { closeHttpDoor, keepBookmarks, listen, openHttpDoor, type Parts } from './http-serving.ts'
import { publishJoinInformation } from './join-information.ts'
import { noteLastingToken } from './lasting-tokens.ts'
import { createUseRecorder, startTracking } from './legacy-tokens.ts'
import { Metrics } from './metrics.ts'
import { ServiceAccountTokens } from './service-account-tokens.ts'
import { ServiceAddresses } from './service-addresses.ts'
import type { Services } from './services.ts'
import { SortedObjects } from './sorted-objects.ts'
import type { ServiceAccountKeys } from './token-keys.ts'
import { WatchHub } from './watch-hub.ts'
import { WebhookClient } from './webhook-call.ts'

/** What an apiserver is known by and knows others by; it may be replaced while requests are served. */
export interface Credentials {
  tls: TlsOptions
  /** By what servers behind this one know it; without it they know nobody. */
  frontProxy?: FrontProxy
  authentication: AuthenticationSettings & ServiceAccountKeys
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
  busEntry?: {
    doorkeeper: Doorkeeper
    issuer(): string
    /** What nats-server itself refuses is audited from here; absent: it is not. */
    serverLog?: ServerLog
  }
  /** Figures of the store beneath, by metric name, for `/metrics`. */
  storeMetrics?(): Record<string, number>
}

/** Rejects when the address cannot be bound; `ready` resolves when the cache is complete and both doors serve. */
export const startApiserver = async (options: ApiserverOptions): Promise<Apiserver> => {
  const { storage, clock, log, identity, bus, advertiseAddress: address } = options
  let credentials: Credentials = options
  const { services, authentication, stop: stopServices } = await createServices(options)
  const aggregator = new Aggregator({
    cache: storage.cache,
    bus,
    get frontProxy() {
      return credentials.frontProxy
    },
    clock,
    log,
    writeStatus: (object) => writeAvailability(services, object),
  })
  const parts: Parts = {
    services,
    authentication,
    aggregator,
    hub: new WatchHub(storage.cache),
    metrics: new Metrics(),
    flowControl: new FlowControl(storage.cache, clock),
    auditor: options.audit && openBooks(options.audit, bus, clock),
    health: new Health({ clock, log, askStore: () => storage.barrier(Namespace) }),
    state: { isReady: false, customResources: undefined },
  }
  const door = openHttpDoor(options, parts)
  const port = await listen(door.server, options.bind)
  const publish = async () => {
    const { tls, frontProxy } = credentials
    await publishAuthentication(services, tls.clientCa, frontProxy)
    await publishJoinInformation(services, `https://${address}:${port}`, tls.clientCa)
  }
  /** What ends again, the last one first. */
  const opened: (() => unknown)[] = [
    stopServices,
    () => parts.flowControl.stop(),
    () => closeHttpDoor(door, parts, clock),
    keepBookmarks(parts.hub, clock),
  ]
  const machine = apiserverMachine.provide({
    actors: {
      prepare: fromPromise(() => prepare(options, parts, { port, publish, opened })),
      drain: fromPromise(async () => {
        parts.health.stop()
        for (const end of opened.reverse()) await end()
      }),
    },
    actions: {
      announce: () => {
        const retire = () => {
          parts.state.isReady = false
        }
        opened.push(retire, announce(services, { identity, address, port }, log))
      },
    },
  })
  return {
    port,
    ...run(machine, log),
    present: async (next) => {
      credentials = next
      // First of all: what was withdrawn is refused, whatever becomes of the rest.
      services.serviceAccounts.replaceKeys(next.authentication)
      const replaced = authentication.replace(authoritiesOf(next), next.authentication)
      const shown = async () => {
        door.server.setSecureContext(secureContextOf(next))
        if (parts.state.isReady) await publish()
      }
      await Promise.all([replaced, shown()])
    },
  }
}

/** What the pipeline works with; `stop` ends what it keeps. */
const createServices = async (options: ApiserverOptions) => {
  const { storage, clock, log, identity, bus } = options
  const serviceAccounts = new ServiceAccountTokens(options.authentication, storage, clock, {
    noteUse: (secret) => recordUse(secret),
    noteLasting: (keyId, endMs) => noteLastingToken(services, keyId, endMs),
  })
  const authentication = new Authentication({ storage, serviceAccounts, clock, log })
  await authentication.start(authoritiesOf(options), options.authentication)
  const authorizer = await authorizerOf(options)
  const services: Services = {
    storage,
    clock,
    authorizer,
    admission: new AdmissionChain(pluginsOf(options.admission ?? {})),
    dynamicAdmission: new DynamicAdmission(storage.cache),
    webhooks: new WebhookClient({ cache: storage.cache, bus, clock }),
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
  const stop = () => {
    services.sorted.stop()
    services.dynamicAdmission.stop()
    services.webhooks.stop()
    services.addresses.stop()
    authorizer.stop()
    authentication.stop()
  }
  return { services, authentication, stop }
}

/** Everything that needs a complete cache, in the order in which one part needs another. */
const prepare = async (
  options: ApiserverOptions,
  parts: Parts,
  own: { port: number; publish(): Promise<void>; opened: (() => unknown)[] },
): Promise<void> => {
  const { log, busEntry } = options
  const { services, aggregator, health, hub, metrics, auditor, state } = parts
  const { opened } = own
  await services.storage.cache.ready
  health.finish('cache')
  await bootstrap(services, own.port)
  health.finish('bootstrap')
  const customResources = await serveCustomResources(services, hub, log)
  state.customResources = customResources
  opened.push(() => customResources.stop())
  health.finish('customResources')
  opened.push(await keepApiServices(services, log))
  health.finish('apiServices')
  await own.publish()
  health.finish('authentication')
  await startTracking(services)
  aggregator.start()
  opened.push(() => aggregator.stop())
  health.finish('aggregation')
  opened.push(keepSchemaStatus(services, SYSTEM, log))
  health.finish('flowControl')
  state.isReady = true
  const { caughtUp: definitionsServed } = customResources
  const { clock, storage } = services
  const subjects = subjectsFor(options.bus.prefix)
  const refusals = auditor && new Refusals({ auditor, subjects, kinds: storage.cache.kinds, clock })
  if (refusals) opened.push(() => refusals.flush())
  const door = { ...options, services, hub, metrics, auditor, refusals, definitionsServed }
  opened.push(await openBusDoor(door))
  if (busEntry) opened.push(...guardBus(options, busEntry, parts, refusals))
}

/** Who may connect to the bus, and the books about those who are refused there. */
const guardBus = (
  { bus, log }: ApiserverOptions,
  busEntry: NonNullable<ApiserverOptions['busEntry']>,
  { services, authentication }: Parts,
  refusals: Refusals | undefined,
): (() => Promise<void>)[] => {
  const { authenticateToken, certificates } = authentication
  const { authorizer, serviceAccounts, storage, clock } = services
  const { cache } = storage
  const { prefix } = bus
  const staticTokens = {
    list: () => authentication.staticTokens,
    onChange: (listener: () => void) => authentication.onStaticTokens(listener),
  }
  const known = { authenticateToken, certificates, staticTokens, serviceAccounts, authorizer }
  const endings = [openBusEntry({ ...busEntry, ...known, cache, prefix, clock, refusals, log })]
  const { serverLog, doorkeeper } = busEntry
  if (!refusals) return endings
  doorkeeper.onForeignReply(({ subject, headers, reply }) => {
    const subjects = subjectsFor(prefix)
    if (subjects.parseApi(subject))
      refusals.add(refusedPublish(subjects, { subject, headers }, reply, clock))
  })
  if (serverLog) endings.push(bookViolations({ serverLog, refusals, doorkeeper, log }))
  return endings
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
