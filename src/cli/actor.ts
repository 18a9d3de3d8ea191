/**
 * `kubus actor <name>…`: the named actors in this process. What `up` starts on one machine and compose on
 * many; there is no other way an actor runs.
 *
 * Order: the bus, then the cache (for actors that read the stream), then each actor. SIGTERM stops them in
 * reverse and drains the bus. It restarts nothing: that is the supervisor's.
 */
import { isIPv4 } from 'node:net'
import { hostname } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import type { Component } from '../actors/component.ts'
import { StateLost } from '../client/storage.ts'
import { DEFAULT_RANGES } from '../node/network-ranges.ts'
import { sleep, systemClock } from '../std/clock.ts'
import { randomSuffix } from '../std/ids.ts'
import { rootLog } from '../std/log.ts'
import type { ActorSettings } from './actor-settings.ts'
import { ACTOR_NAMES, type ActorName, startActors } from './actors.ts'
import { credentialOf } from './bus-credential.ts'
import {
  type Command,
  CommandError,
  DATA_OPTION,
  integerOption,
  type Options,
  textOption,
  UsageError,
} from './command.ts'
import { optimiseLateWhileCold } from './late-optimisation.ts'
import { tellParent } from './parent.ts'
import { natsUrls } from './processes.ts'
import { releaseStartMemory } from './start-memory.ts'
import { corrupt, readSharedConfig, type StateFolder, stateFolder } from './state-folder.ts'

const STOP_TIMEOUT_MS = 8_000
/** V8 lets a heap grow to four times what is in use; twice costs no time that shows, and less memory. */
const HEAP_GROWTH = '--heap-growing-percent=100'
export const actor: Command = {
  name: 'actor',
  summary: `Runs actors in this process until it is told to stop: ${ACTOR_NAMES.join(', ')}.`,
  positionals: '<name>…',
  options: {
    data: DATA_OPTION,
    nats: {
      type: 'string',
      value: 'URL,…',
      help: 'the NATS servers (default: as the state folder says)',
    },
    master: {
      type: 'string',
      value: '1|2|3',
      default: '1',
      help: 'which master this is, of those in the state folder (apiserver: its port and address)',
    },
    replicas: {
      type: 'string',
      value: '1|3',
      help: 'copies of the state (store; default: as the state folder says)',
    },
    'api-port': {
      type: 'string',
      value: 'N',
      help: 'port of the API (apiserver; default: as the state folder says)',
    },
    bind: { type: 'string', value: 'ADDRESS', default: '0.0.0.0', help: 'address of the API' },
    advertise: { type: 'string', value: 'ADDRESS', help: 'address pods reach the API at' },
    node: {
      type: 'string',
      value: 'NAME,…',
      help: 'names of the nodes (kubelet, proxy; default: the host name)',
    },
    'node-address': {
      type: 'string',
      value: 'ADDRESS',
      help: "address of the nodes (kubelet; default: this host's first)",
    },
    'local-nodes': {
      type: 'string',
      value: 'NAME,…',
      help: 'nodes of this host that other processes keep (proxy: one serves the whole host)',
    },
    nodes: {
      type: 'string',
      value: 'N',
      help: 'that many nodes, node-1 … node-N (hollow kubelet)',
    },
    runtime: {
      type: 'string',
      value: 'docker|hollow',
      default: 'docker',
      help: 'containers (kubelet)',
    },
    'cluster-cidr': {
      type: 'string',
      value: 'CIDR',
      help: 'addresses of all pods (controllers, kubelet; default: as the state folder says)',
    },
    'service-cidr': {
      type: 'string',
      value: 'CIDR',
      help: 'addresses of Services (apiserver; default: as the state folder says)',
    },
    cluster: {
      type: 'string',
      value: 'ID',
      help: 'names this cluster on the host (default: as the state folder says)',
    },
  },
  run: async (options, positionals) => {
    const names = positionals as ActorName[]
    const unknown = names.filter((name) => !ACTOR_NAMES.includes(name))
    if (names.length === 0 || unknown.length > 0)
      throw new UsageError(
        `${unknown.length > 0 ? `there is no actor ${unknown.join(', ')}` : 'name at least one actor'}; ` +
          `the actors are ${ACTOR_NAMES.join(', ')}`,
      )
    setFlagsFromString(HEAP_GROWTH)
    optimiseLateWhileCold(systemClock)
    const folder = stateFolder(textOption(options, 'data'))
    const stopRequested = new Promise<void>((resolve) => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve())
    })
    process.on('unhandledRejection', (error) => {
      rootLog.fatal({ err: error }, 'unhandled rejection')
      process.exit(70)
    })
    const settings = settingsOf(options, folder)
    const started = startActors(names, settings, folder, {
      credential: await credentialOf(names, settings, folder),
      // In a container every process may have the number 1.
      identity: `${hostname()}-${process.pid}-${randomSuffix()}`,
    })
    const running = await Promise.race([started, stopRequested]).catch((error: unknown) => {
      if (!(error instanceof StateLost)) throw error
      const { message } = corrupt(folder, error.message)
      tellParent({ hopeless: message })
      throw new CommandError(message)
    })
    if (!running) return 0
    tellParent({ ready: true })
    releaseStartMemory(systemClock)
    rootLog.info({ actors: names }, 'ready')
    await stopRequested
    const stopped = stopAll(running.components).then(() => running.drain())
    // Without a bus nothing can be told or handed over; the others notice by themselves.
    await Promise.race([stopped, sleep(STOP_TIMEOUT_MS)])
    return 0
  },
}

/** Flags, else what the state folder says, else what a cluster has by default. */
const settingsOf = (options: Options, folder: StateFolder): ActorSettings => {
  const known = readSharedConfig(folder)
  const runtime = textOption(options, 'runtime')
  if (runtime !== 'docker' && runtime !== 'hollow')
    throw new UsageError('--runtime is docker or hollow')
  const nodes = options['nodes']
    ? Array.from(
        { length: integerOption(options, 'nodes', 1, 10_000) },
        (_, index) => `node-${index + 1}`,
      )
    : textOption(options, 'node').split(',').filter(Boolean)
  const integer = (name: string, fallback: number, most: number) =>
    options[name] === undefined ? fallback : integerOption(options, name, 1, most)
  const range = (name: string, fallback: string) =>
    options[name] === undefined ? fallback : textOption(options, name)
  const master = integerOption(options, 'master', 1, known?.masters ?? 1) - 1
  const host = known?.hosts?.[master]
  const address = host && isIPv4(host) ? host : undefined
  return {
    natsServers: options['nats']
      ? textOption(options, 'nats').split(',')
      : known
        ? natsUrls(known)
        : ['nats://127.0.0.1:4222'],
    master,
    replicas: integer('replicas', known?.masters ?? 1, 5),
    apiPort: integer('api-port', (known?.apiPort ?? 6443) + master, 65_535),
    bindAddress: textOption(options, 'bind'),
    advertiseAddress: options['advertise'] ? textOption(options, 'advertise') : address,
    nodes: nodes.length > 0 ? nodes : [hostname()],
    nodeAddress: options['node-address'] ? textOption(options, 'node-address') : undefined,
    otherLocalNodes: textOption(options, 'local-nodes').split(',').filter(Boolean),
    runtime,
    cluster: options['cluster'] ? textOption(options, 'cluster') : (known?.id ?? 'kubus'),
    clusterCidr: range('cluster-cidr', known?.clusterCidr ?? DEFAULT_RANGES.clusterCidr),
    serviceCidr: range('service-cidr', known?.serviceCidr ?? DEFAULT_RANGES.serviceCidr),
  }
}

const stopAll = async (components: readonly Component[]) => {
  await Promise.allSettled(components.map((component) => component.handOver?.()))
  for (const component of [...components].reverse())
    await component.stop().catch((error: unknown) => rootLog.error({ err: error }, 'did not stop'))
}
