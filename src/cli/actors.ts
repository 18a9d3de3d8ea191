/**
 * Which actor needs what: the one place where components meet their ports.
 *
 * Invariant: actors of one process share one bus connection, one client and, where they read the stream,
 * one cache. Components never see each other.
 */
import { existsSync } from 'node:fs'
import type { Component, Ports } from '../actors/component.ts'
import type { Watermark, WatermarkPort } from '../actors/store/watermark.ts'
import { CONTROLLERS, NODE_SIMULATOR, nodeIdentity, PROXY, SCHEDULER } from '../bus/accounts.ts'
import type { Bus } from '../bus/bus.ts'
import type { Doorkeeper } from '../bus/doorkeeper.ts'
import { connectBus } from '../bus/nats-bus.ts'
import type { BusCredential } from '../bus/nats-credential.ts'
import type { Streams } from '../bus/stream.ts'
import { createClient } from '../client/bus-client.ts'
import type { Sealing } from '../client/sealing.ts'
import { openCache, type StreamCache } from '../client/stream-cache.ts'
import { hostRoot } from '../node/engine-mounts.ts'
import { readTextIfPresent, writeFileAtomically } from '../node/files.ts'
import { systemClock } from '../std/clock.ts'
import { componentLog, rootLog } from '../std/log.ts'
import { KUBUS_VERSION } from '../std/version.ts'
import type { ActorSettings } from './actor-settings.ts'
import { OWN_SUBJECTS_MAX, readSharedConfig, type StateFolder } from './state-folder.ts'

export const ACTOR_NAMES = [
  'store',
  'apiserver',
  'events',
  'scheduler',
  'controllers',
  'kubelet',
  'proxy',
] as const
export type ActorName = (typeof ACTOR_NAMES)[number]

/** Actors that follow the stream through the process's own cache; workers watch the apiserver instead. */
const READS_STREAM: ReadonlySet<ActorName> = new Set([
  'store',
  'apiserver',
  'events',
  'scheduler',
  'controllers',
])

/** Actors that serve or continue watches. */
const NEEDS_HISTORY: ReadonlySet<ActorName> = new Set(['apiserver', 'events'])

/** Actors that hand out objects as they are. */
const SHOWS_OBJECTS: ReadonlySet<ActorName> = new Set(['store', 'apiserver', 'events'])

/** In whose name components write, as in Kubernetes. */
const MANAGERS: Readonly<Record<string, string>> = {
  scheduler: 'kube-scheduler',
  controllers: 'kube-controller-manager',
  kubelet: 'kubelet',
  proxy: 'kube-proxy',
}

/** In whose name components ask. A node asks in its own; of many simulated ones none has one. */
const IDENTITIES: Readonly<Record<string, string>> = {
  store: 'system:apiserver',
  apiserver: 'system:apiserver',
  events: 'system:apiserver',
  scheduler: SCHEDULER,
  controllers: CONTROLLERS,
  kubelet: NODE_SIMULATOR,
  proxy: PROXY,
}

interface Process {
  settings: ActorSettings
  folder: StateFolder
  bus: Bus
  streams: Streams
  doorkeeper: Doorkeeper
  cache: StreamCache | undefined
  sealing: Sealing | undefined
  ports(component: string, as?: string): Ports
}

export interface RunningActors {
  components: Component[]
  drain(): Promise<void>
}

/** Starts the actors in the order that lets each find what it needs; resolves when all are ready. */
export const startActors = async (
  names: readonly ActorName[],
  settings: ActorSettings,
  folder: StateFolder,
  { credential, identity }: { credential: BusCredential | undefined; identity: string },
): Promise<RunningActors> => {
  const clock = systemClock
  const { bus, streams, doorkeeper } = await connectBus({
    servers: settings.natsServers,
    name: `${names.join('+')} ${identity}`,
    credential,
    log: componentLog('bus'),
    clock,
  })
  const client = (component: string, as = IDENTITIES[component]) => {
    const manager = MANAGERS[component]
    return createClient({
      bus,
      clock,
      log: componentLog('client'),
      ...(manager ? { manager } : {}),
      ...(credential && as ? { as } : {}),
    })
  }
  const readsStream = names.some((name) => READS_STREAM.has(name))
  const { sealing, endFollowing } = readsStream ? await openKeys(names, folder) : NO_KEYS
  const cache = readsStream
    ? await openCache({
        streams,
        sealing,
        clock,
        log: componentLog('cache'),
        history: names.some((name) => NEEDS_HISTORY.has(name)),
        digests: !names.some((name) => SHOWS_OBJECTS.has(name)),
      })
    : undefined
  const process: Process = {
    settings,
    folder,
    bus,
    streams,
    doorkeeper,
    cache,
    sealing,
    ports: (component, as) => ({
      bus,
      client: client(component, as),
      clock,
      log: componentLog(component),
      identity,
      version: KUBUS_VERSION,
    }),
  }
  const components = await startInOrder(names, process)
  await Promise.all(components.map(({ ready }) => ready))
  return {
    components,
    drain: async () => {
      endFollowing()
      await cache?.stop()
      await bus.drain()
    },
  }
}

const NO_KEYS = { sealing: undefined, endFollowing: () => undefined }

/** Whoever writes takes a new key up at once; readers do when they meet it. */
const openKeys = async (names: readonly ActorName[], folder: StateFolder) => {
  const { followEncryption, openSealing } = await import('./sealing.ts')
  const sealing = openSealing(folder, componentLog('sealing'))
  const isWriter = names.includes('store')
  return { sealing, endFollowing: isWriter ? followEncryption(folder, sealing) : () => undefined }
}

const startInOrder = async (
  names: readonly ActorName[],
  process: Process,
): Promise<Component[]> => {
  const wanted = new Set(names)
  const components: Component[] = []
  if (wanted.has('store') || wanted.has('apiserver'))
    components.push(...(await startMaster(process, wanted)))
  const starts: Promise<Component>[] = []
  const { cache } = process
  if (cache && wanted.has('events')) {
    const { startEvents } = await import('../actors/events/events.ts')
    starts.push(startEvents({ ...process.ports('events'), cache }))
  }
  if (cache && wanted.has('scheduler')) {
    const { startScheduler } = await import('../actors/scheduler/scheduler.ts')
    starts.push(startScheduler({ ...process.ports('scheduler'), cache }))
  }
  if (cache && wanted.has('controllers')) {
    const { startControllers } = await import('../actors/controllers/controllers.ts')
    const { clusterCidr } = process.settings
    const { rootCa, authority, parts } = await openAuthority(process, cache)
    components.push(...parts)
    const keyPath = process.folder.pki('sa.key')
    const serviceAccountKey = existsSync(keyPath)
      ? () => readTextIfPresent(keyPath) ?? ''
      : undefined
    starts.push(
      startControllers(
        { ...process.ports('controllers'), cache },
        { clusterCidr, rootCa, authority, serviceAccountKey },
      ),
    )
  }
  if (wanted.has('kubelet')) starts.push(startKubeletActor(process))
  if (wanted.has('proxy')) starts.push(startProxyActor(process))
  for (const component of await Promise.all(starts)) components.push(component)
  return components
}

/** What controllers know of the cluster's authority, and the parts that keep its certificates good. */
const openAuthority = async ({ folder, ports }: Process, cache: StreamCache) => {
  const [{ followRootCertificate, startRenewals }, { signingAuthority }] = await Promise.all([
    import('./renewals.ts'),
    import('./signing-authority.ts'),
  ])
  const { clock, log } = ports('certificates')
  const root = followRootCertificate(folder, clock)
  const authority = signingAuthority(folder)
  const parts: Component[] = []
  if (root) parts.push({ ready: Promise.resolve(), stop: async () => root.stop() })
  if (authority) parts.push(startRenewals(folder, { clock, log, cache }))
  return { rootCa: root?.certificate, authority, parts }
}

/** The store and, over it in the same process, the apiserver. */
const startMaster = async (
  { settings, folder, streams, doorkeeper, cache, sealing, ports }: Process,
  wanted: ReadonlySet<ActorName>,
): Promise<Component[]> => {
  if (!cache) return []
  const [{ startStore }, { startApiserver }, serve] = await Promise.all([
    import('../actors/store/store.ts'),
    import('../actors/apiserver/apiserver.ts'),
    import('./serving.ts'),
  ])
  const store = await startStore({
    ...ports('store'),
    streams,
    cache,
    sealing,
    replicas: settings.replicas,
    watermark: watermarkIn(folder),
  })
  if (!wanted.has('apiserver')) return [store]
  const serving = await serve.readServing(folder)
  const audit = (await import('./audit.ts')).auditIn(
    folder,
    settings.apiPort,
    componentLog('audit'),
  )
  const apiserver = await startApiserver({
    ...ports('apiserver'),
    storage: store.storage,
    ...serving,
    ...(await serve.readAuthorization(folder)),
    bind: { address: settings.bindAddress, port: settings.apiPort },
    advertiseAddress: settings.advertiseAddress ?? serve.defaultAddress(),
    serviceCidr: settings.serviceCidr,
    ...(existsSync(folder.busKey('issuer'))
      ? {
          busEntry: {
            doorkeeper,
            issuer: () => readTextIfPresent(folder.busKey('issuer'))?.trim() ?? '',
            // Read for the audit log alone.
            ...(audit
              ? {
                  serverLog: (await import('./bus-log.ts')).serverLogOf(
                    folder,
                    settings.master,
                    ports('bus-log'),
                  ),
                }
              : {}),
          },
        }
      : {}),
    storeMetrics: store.metrics,
    admission: (await import('./admission.ts')).admissionIn(folder),
    ...(audit ? { audit } : {}),
  })
  const endings = [serve.followServing(folder, serving, apiserver, ports('credentials'))]
  if (readSharedConfig(folder)?.tls) {
    const { followNatsCertificate } = await import('./nats-certificate.ts')
    endings.push(followNatsCertificate(folder, doorkeeper.reload, ports('credentials')))
  }
  const endFollowing = () => {
    for (const end of endings) end()
  }
  return [store, { ...apiserver, stop: async () => apiserver.stop().finally(endFollowing) }]
}

const watermarkIn = ({ watermark }: StateFolder): WatermarkPort => ({
  read: () => {
    const text = readTextIfPresent(watermark)
    return text === undefined ? undefined : (JSON.parse(text) as Watermark)
  },
  write: (value) => writeFileAtomically(watermark, JSON.stringify(value)),
})

const startKubeletActor = async ({ settings, folder, ports }: Process): Promise<Component> => {
  const [{ startKubelet }, { describeHost, describeMachine, hostNode, hollowNode }] =
    await Promise.all([import('../actors/kubelet/kubelet.ts'), import('./nodes.ts')])
  const root = await hostRoot()
  const host = describeHost(root)
  const [first = ''] = settings.nodes
  const isSimulation = settings.nodes.length > OWN_SUBJECTS_MAX
  const describe = (name: string) =>
    settings.runtime === 'docker'
      ? hostNode(name, settings, folder, host)
      : hollowNode(name, settings)
  return startKubelet({
    ...ports('kubelet', isSimulation ? undefined : nodeIdentity(first)),
    nodes: await Promise.all(
      settings.nodes.map(async (name) => ({
        ...(await describe(name)),
        ...(isSimulation ? {} : { own: ports('kubelet', nodeIdentity(name)).client }),
      })),
    ),
    options: {
      cluster: settings.cluster,
      clusterCidr: settings.clusterCidr,
      machine: describeMachine(root),
    },
  })
}

const startProxyActor = async ({ settings, ports }: Process): Promise<Component> => {
  const [{ startProxy }, { createNftables }, { Service }, { EndpointSlice }, { Node }] =
    await Promise.all([
      import('../actors/proxy/proxy.ts'),
      import('../node/nftables.ts'),
      import('../api/core/service.ts'),
      import('../api/discovery/endpoint-slice.ts'),
      import('../api/core/node.ts'),
    ])
  const own = ports('proxy')
  return startProxy({
    ...own,
    node: settings.nodes[0] ?? '',
    localNodes: [...settings.nodes, ...settings.otherLocalNodes],
    view: own.client.follow([{ kind: Service }, { kind: EndpointSlice }, { kind: Node }]),
    ruleset: createNftables({ table: `kubus-${settings.cluster}`, log: rootLog }),
  })
}
