/**
 * What a cluster is created with, in its state folder: settings, certificates, bus users, kubeconfig and the
 * configuration of each nats-server.
 *
 * Invariant: doing it again changes nothing that is right already, and never the cluster's identity.
 * It starts nothing.
 */
import { existsSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { hostRoot } from '../node/engine-mounts.ts'
import { writeFileAtomically } from '../node/files.ts'
import { natsServerConfig } from '../node/nats-server.ts'
import { claimRanges, DEFAULT_RANGES, keepRanges } from '../node/network-ranges.ts'
import { newUid } from '../std/ids.ts'
import { ensureAnchor, ensureBusUsers, ensureIssuer } from './bus-users.ts'
import { ensureCertificates } from './certificates.ts'
import { integerOption, type Options, UsageError } from './command.ts'
import { newRoutePassword, writeKubeconfig } from './credentials.ts'
import { ensureEncryption } from './encryption.ts'
import { natsConfig } from './processes.ts'
import { type ClusterConfig, createFolders, type StateFolder, writeConfig } from './state-folder.ts'

const NODE_LIMIT = 10_000

/** Settings given now, else those the cluster was created with, else the defaults. */
export const settleConfig = (options: Options, known: ClusterConfig | undefined): ClusterConfig => {
  const integer = (name: string, current: number | undefined, fallback: number, most: number) =>
    options[name] === undefined ? (current ?? fallback) : integerOption(options, name, 1, most)
  const masters = integer('masters', known?.masters, 1, 3)
  if (masters !== 1 && masters !== 3) throw new UsageError('--masters is 1 or 3')
  if (known && known.masters !== masters)
    throw new UsageError(
      `this cluster was created with --masters ${known.masters}; that cannot change`,
    )
  const runtime = options['runtime'] ?? known?.runtime ?? 'docker'
  if (runtime !== 'docker' && runtime !== 'hollow')
    throw new UsageError('--runtime is docker or hollow')
  const hosts = options['hosts'] === undefined ? known?.hosts : parseHosts(options, masters)
  return {
    id: known?.id ?? newUid().slice(0, 8),
    masters,
    nodes: integer('nodes', known?.nodes, 1, NODE_LIMIT),
    runtime,
    apiPort: integer('api-port', known?.apiPort, 6443, 65_535),
    natsPort: integer('nats-port', known?.natsPort, 4222, 63_000),
    ...(hosts ? { hosts } : {}),
    busUsers: {},
    busIssuer: known?.busIssuer ?? '',
    busAnchor: known?.busAnchor ?? '',
    ...((known ? known.tls : options['tls']) ? { tls: true } : {}),
    ...((known ? known.joins : options['joins']) ? { joins: true } : {}),
    routePassword: known?.routePassword ?? newRoutePassword(),
    clusterCidr: known?.clusterCidr ?? DEFAULT_RANGES.clusterCidr,
    serviceCidr: known?.serviceCidr ?? DEFAULT_RANGES.serviceCidr,
  }
}

/** Loopback addresses only mean this machine, which is what no hosts mean. */
const parseHosts = (options: Options, masters: number): string[] | undefined => {
  const hosts = String(options['hosts']).split(',').filter(Boolean)
  const isName = hosts.every((host) => /^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(host))
  if (hosts.length !== masters || !isName)
    throw new UsageError(`--hosts names one host or IPv4 address for each of ${masters} masters`)
  return hosts.every((host) => host === 'localhost' || host.startsWith('127.')) ? undefined : hosts
}

/** Ranges are chosen once. Simulated pods have no network, so they need none of their own on this host. */
const settleRanges = async (folder: StateFolder, config: ClusterConfig) => {
  if (config.runtime === 'hollow') return
  const place = { root: (await hostRoot()) || '/' }
  if (existsSync(folder.config)) keepRanges(folder.root, config, place)
  else Object.assign(config, claimRanges(folder.root, place))
}

/** The streams of clusters from before there were accounts: a lone server finds them where it looks now. */
const adoptStreams = (folder: StateFolder) => {
  const [stream = ''] = folder.natsStreams('nats-1')
  const account = dirname(dirname(stream))
  const former = join(dirname(account), '$G')
  if (existsSync(former) && !existsSync(account)) renameSync(former, account)
}

/** Makes what is missing. A host that got a copy without the authority's key keeps what it got. */
export const createClusterState = async (
  folder: StateFolder,
  config: ClusterConfig,
  nowMs: number,
) => {
  createFolders(folder)
  const isCopy = existsSync(folder.config) && !existsSync(folder.pki('ca.key'))
  if (isCopy) return
  await settleRanges(folder, config)
  await ensureCertificates(folder, nowMs, config)
  writeKubeconfig(folder, config.apiPort, config.hosts?.[0])
  ensureEncryption(folder)
  for (const [name, publicKey] of Object.entries(ensureBusUsers(folder)))
    config.busUsers[name] = [publicKey]
  config.busIssuer = ensureIssuer(folder)
  if (config.masters === 1) adoptStreams(folder)
  config.busAnchor = ensureAnchor(folder)
  for (let master = 0; master < config.masters; master++) {
    const settings = natsConfig(config, folder, master)
    writeFileAtomically(folder.nats(settings.name).config, natsServerConfig(settings))
  }
  writeConfig(folder, config)
}
