/**
 * The state folder of one cluster: where everything lies, what it was created with.
 *
 * Invariant: `cluster.json` is written last, so a folder with it is complete. Everything is 0600/0700.
 * It starts nothing.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { SYSTEM_ACCOUNT } from '../bus/accounts.ts'
import { readTextIfPresent, writeFileAtomically } from '../node/files.ts'
import { DEFAULT_RANGES } from '../node/network-ranges.ts'
import { CommandError } from './command.ts'

/** Up to so many nodes of one process have bus subjects and an identity each; more are a simulation. */
export const OWN_SUBJECTS_MAX = 8

export interface ClusterConfig {
  /** Names what this cluster owns on the host: containers, bridges, tables. */
  id: string
  masters: 1 | 3
  nodes: number
  runtime: 'docker' | 'hollow'
  apiPort: number
  natsPort: number
  /** Addresses of the masters' hosts; absent when all of them are this machine. */
  hosts?: string[]
  /** Public keys of the bus users, by name; two of one name while its key is replaced. */
  busUsers: Partial<Record<string, string[]>>
  /** Public key of who signs the identities of all others on the bus. */
  busIssuer: string
  /** Public key that nobody holds, see `NatsServerConfig.anchor`. */
  busAnchor: string
  /** TLS on the bus; without it NATS listens on this machine only. */
  tls?: boolean
  /** Nodes join with certificates of their own; absent: all are of the process that `up` starts here. */
  joins?: boolean
  /** Shared secret of the clustered nats-servers. */
  routePassword: string
  /** Addresses of pods and Services, chosen when the cluster is created. */
  clusterCidr: string
  serviceCidr: string
}

export interface StateFolder {
  root: string
  config: string
  kubeconfig: string
  /** Written by the running `up`: its pid and its processes. */
  running: string
  tools: string
  logs: string
  pki(name: string): string
  /** What an operator says about authentication. */
  authentication(name: string): string
  /** Seed of the operators' bus user, as `nats --nkey` reads it. */
  operatorSeed: string
  /** Seed of a bus user or of the issuer; the public key is beside it, in `….pub`. */
  busKey(name: string): string
  /** A node's own certificate and key. */
  nodeFile(node: string, what: 'crt' | 'key'): string
  nats(name: string): {
    config: string
    store: string
    /** Kept by nats-server, which rotates it. */
    logFile: string
    /** How far the audit log has followed it. */
    logPosition: string
  }
  /** Where nats-server keeps the state's streams once they exist. */
  natsStreams(name: string): string[]
  /** Kubelet's files: volumes, hosts files. */
  kubelet(node: string): string
  exampleApplied: string
  /** Which authorizers there are, in which order; absent: nodes' rights, then roles. */
  authorization: string
  /** Which requests are audited; absent: none. */
  auditPolicy: string
  /** Which admission plug-ins run, and their configuration; absent: as in Kubernetes. */
  admission: string
  /** Which kinds are encrypted at rest, and the keys. */
  encryption: string
  /** What the store knows of its state, beside the stream. */
  watermark: string
}

export const stateFolder = (data: string): StateFolder => {
  const root = resolve(data)
  return {
    root,
    config: join(root, 'cluster.json'),
    kubeconfig: join(root, 'kubeconfig'),
    running: join(root, 'running.json'),
    tools: join(root, 'tools'),
    logs: join(root, 'logs'),
    pki: (name) => join(root, 'pki', name),
    authentication: (name) => join(root, 'authentication', name),
    authorization: join(root, 'authorization', 'configuration.yaml'),
    operatorSeed: join(root, 'nats', 'operator.nk'),
    busKey: (name) => join(root, 'nats', `${name}.nk`),
    nodeFile: (node, what) => join(root, 'pki', 'nodes', `${node}.${what}`),
    nats: (name) => ({
      config: join(root, 'nats', `${name}.conf`),
      store: join(root, 'nats', name),
      logFile: join(root, 'logs', `${name}.log`),
      logPosition: join(root, 'nats', `${name}.log-position`),
    }),
    natsStreams: (name) =>
      ['KV_kubus', 'KV_kubus_events'].map((stream) =>
        join(root, 'nats', name, 'jetstream', SYSTEM_ACCOUNT, 'streams', stream),
      ),
    kubelet: (node) => join(root, 'kubelet', node),
    exampleApplied: join(root, 'example-applied'),
    auditPolicy: join(root, 'audit-policy.yaml'),
    admission: join(root, 'admission.yaml'),
    encryption: join(root, 'encryption.yaml'),
    watermark: join(root, 'nats', 'watermark.json'),
  }
}

/** The sentence a person reads; `what` says in what way. */
export const corrupt = (folder: StateFolder, what: string) =>
  new CommandError(
    `the state folder ${folder.root} is not usable: ${what}; ` +
      'restore it from a backup, or start afresh with `kubus down --purge`',
  )

/** The cluster's configuration, undefined for a folder that is empty or absent. */
export const readConfig = (folder: StateFolder): ClusterConfig | undefined => {
  const text = readTextIfPresent(folder.config)
  if (text === undefined) {
    const others = existsSync(folder.root)
      ? readdirSync(folder.root).filter(
          (name) => !['tools', 'logs', 'pki', 'nats', 'authentication'].includes(name),
        )
      : []
    if (others.length > 0)
      throw corrupt(folder, `it holds ${others.slice(0, 3).join(', ')} but no cluster.json`)
    return undefined
  }
  const config = parseConfig(folder, text)
  for (const path of [folder.pki('ca.crt'), folder.pki('ca.key'), folder.operatorSeed])
    if (!existsSync(path)) throw corrupt(folder, `${path.slice(folder.root.length + 1)} is missing`)
  return config
}

/** As `readConfig`, for a host that holds only what its role needs, without the authority's key. */
export const readSharedConfig = (folder: StateFolder): ClusterConfig | undefined => {
  const text = readTextIfPresent(folder.config)
  return text === undefined ? undefined : parseConfig(folder, text)
}

const parseConfig = (folder: StateFolder, text: string): ClusterConfig => {
  let config: Partial<ClusterConfig>
  try {
    config = JSON.parse(text) as Partial<ClusterConfig>
  } catch {
    throw corrupt(folder, 'cluster.json is not JSON')
  }
  const { id, masters, nodes, runtime, apiPort, natsPort, busUsers } = config
  const complete =
    typeof id === 'string' &&
    (masters === 1 || masters === 3) &&
    Number.isInteger(nodes) &&
    (runtime === 'docker' || runtime === 'hollow') &&
    Number.isInteger(apiPort) &&
    Number.isInteger(natsPort) &&
    typeof busUsers === 'object'
  if (!complete) throw corrupt(folder, 'cluster.json lacks settings')
  return { ...DEFAULT_RANGES, ...(config as ClusterConfig) }
}

export const writeConfig = (folder: StateFolder, config: ClusterConfig) =>
  writeFileAtomically(folder.config, `${JSON.stringify(config, null, 2)}\n`)

export interface RunningState {
  pid: number
  processes: { name: string; pid: number; restarts: number }[]
}

export const readRunning = (folder: StateFolder): RunningState | undefined => {
  const text = readTextIfPresent(folder.running)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as RunningState
  } catch {
    return undefined
  }
}

export const createFolders = (folder: StateFolder) => {
  try {
    mkdirSync(folder.root, { recursive: true, mode: 0o700 })
    mkdirSync(folder.logs, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new CommandError(
      `the state folder ${folder.root} cannot be created (${(error as Error).message}); choose another with --data`,
    )
  }
}
