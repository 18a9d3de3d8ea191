/**
 * Which processes make a cluster on one machine: a pure function of its configuration.
 *
 * One nats-server and two actor processes a master, one process for all nodes of this machine. The
 * apiserver has a process of its own because it is the busiest; the rest shares memory.
 */
import { fileURLToPath } from 'node:url'
import type { NatsServerConfig, TlsFiles } from '../node/nats-server.ts'
import type { ProcessSpec } from '../node/supervisor.ts'
import { natsAccounts } from './bus-users.ts'
import { type ClusterConfig, OWN_SUBJECTS_MAX, type StateFolder } from './state-folder.ts'

/** Ports of the clustered nats-servers' routes follow the client ports at this distance. */
const ROUTE_PORT_OFFSET = 2000
/** After the ports of three nats-servers come those for clients with certificates. */
const CERTIFIED_PORT_OFFSET = 3
const LOOPBACK = '127.0.0.1'
const EVERY_ADDRESS = '0.0.0.0'

/** Where master `master` is reached, counted from 0. */
const masterHost = (config: ClusterConfig, master: number) => config.hosts?.[master] ?? LOOPBACK

const masterNumbers = (config: ClusterConfig) =>
  Array.from({ length: config.masters }, (_, index) => index)

export const natsUrls = (config: ClusterConfig): string[] =>
  masterNumbers(config).map(
    (master) => `nats://${masterHost(config, master)}:${config.natsPort + master}`,
  )

/** Where the masters' apiservers are reached. */
export const apiAddresses = (config: ClusterConfig): { host: string; port: number }[] =>
  masterNumbers(config).map((master) => ({
    host: masterHost(config, master),
    port: config.apiPort + master,
  }))

/** Every port the cluster listens on, with what it is for. */
export const wantedPorts = (config: ClusterConfig): { port: number; purpose: string }[] =>
  masterNumbers(config).flatMap((master) => [
    { port: config.apiPort + master, purpose: 'the API server (--api-port)' },
    { port: config.natsPort + master, purpose: 'NATS (--nats-port)' },
    {
      port: config.natsPort + CERTIFIED_PORT_OFFSET + master,
      purpose: 'NATS for client certificates (--nats-port + 3)',
    },
    ...(config.masters > 1
      ? [
          {
            port: config.natsPort + ROUTE_PORT_OFFSET + master,
            purpose: 'the NATS cluster (--nats-port + 2000)',
          },
        ]
      : []),
  ])

export const nodeNames = (config: ClusterConfig): string[] =>
  Array.from({ length: config.nodes }, (_, index) => `node-${index + 1}`)

const natsTls = (folder: StateFolder): TlsFiles => ({
  certificate: folder.pki('nats.crt'),
  key: folder.pki('nats.key'),
  authority: folder.pki('ca.crt'),
})

/** The configuration of master `master`'s nats-server, counted from 0. */
export const natsConfig = (
  config: ClusterConfig,
  folder: StateFolder,
  master: number,
): NatsServerConfig => ({
  name: `nats-${master + 1}`,
  host: config.hosts ? EVERY_ADDRESS : LOOPBACK,
  port: config.natsPort + master,
  storeDir: folder.nats(`nats-${master + 1}`).store,
  logFile: folder.nats(`nats-${master + 1}`).logFile,
  accounts: natsAccounts(config, config.joins ? [] : nodeNames(config)),
  issuer: config.busIssuer,
  anchor: config.busAnchor,
  ...(config.tls ? { tls: natsTls(folder) } : {}),
  certified: {
    port: config.natsPort + CERTIFIED_PORT_OFFSET + master,
    tls: natsTls(folder),
  },
  ...(config.masters > 1
    ? {
        cluster: {
          name: 'kubus',
          host: config.hosts ? EVERY_ADDRESS : LOOPBACK,
          port: config.natsPort + ROUTE_PORT_OFFSET + master,
          routes: masterNumbers(config).map(
            (other) =>
              `${masterHost(config, other)}:${config.natsPort + ROUTE_PORT_OFFSET + other}`,
          ),
          user: 'route',
          password: config.routePassword,
        },
      }
    : {}),
})

/**
 * Go's collector lets the heap grow by half instead of doubling it: 51 MiB instead of 84 after a load of 4,000 objects,
 * for a fiftieth of the server's processor time.
 */
const NATS_ENVIRONMENT = { GOGC: '50' }

export const natsProcess = (
  folder: StateFolder,
  natsServer: string,
  master: number,
): ProcessSpec => {
  const name = `nats-${master + 1}`
  return {
    name,
    command: natsServer,
    args: ['-c', folder.nats(name).config],
    env: NATS_ENVIRONMENT,
    // What it says before it has opened its log, and when it crashes.
    logFile: folder.nats(name).logFile,
    reportsReady: false,
  }
}

/** A range of /16 has room for 256 nodes of /24; simulated clusters may be larger. */
const clusterCidr = ({ nodes, clusterCidr }: ClusterConfig) =>
  nodes <= 256 ? clusterCidr : '10.128.0.0/9'

const actorProcess = (
  folder: StateFolder,
  name: string,
  actors: readonly string[],
  flags: Record<string, string | number>,
): ProcessSpec => ({
  name,
  command: process.execPath,
  args: [
    fileURLToPath(import.meta.resolve('./kubus.mjs')),
    'actor',
    ...actors,
    '--data',
    folder.root,
    ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]),
  ],
  logFile: `${folder.logs}/${name}.log`,
  reportsReady: true,
})

export const masterProcesses = (
  config: ClusterConfig,
  folder: StateFolder,
  master: number,
): ProcessSpec[] => {
  const nats = natsUrls(config).join(',')
  const suffix = config.masters > 1 ? `-${master + 1}` : ''
  return [
    actorProcess(folder, `apiserver${suffix}`, ['store', 'apiserver', 'events'], {
      nats,
      master: master + 1,
      replicas: config.masters,
      'api-port': config.apiPort + master,
      'service-cidr': config.serviceCidr,
    }),
    actorProcess(folder, `controllers${suffix}`, ['scheduler', 'controllers'], {
      nats,
      'cluster-cidr': clusterCidr(config),
    }),
  ]
}

export const workerProcess = (config: ClusterConfig, folder: StateFolder): ProcessSpec =>
  actorProcess(folder, 'nodes', config.runtime === 'docker' ? ['kubelet', 'proxy'] : ['kubelet'], {
    nats: natsUrls(config).join(','),
    runtime: config.runtime,
    cluster: config.id,
    'cluster-cidr': clusterCidr(config),
    ...(config.nodes > OWN_SUBJECTS_MAX
      ? { nodes: config.nodes }
      : { node: nodeNames(config).join(',') }),
  })
