/**
 * The `Runtime` on a Docker engine: one pause container a pod, which holds its network and IPC namespaces.
 *
 * Invariant: whatever it makes carries the labels of `labels.ts`, so a restarted kubelet finds it and
 * `removeClusterFromEngine` can end it. What it remembers is only a cache of what the engine knows. The pod's
 * network is not Docker's: see `pod-network.ts`.
 */
import { cpus } from 'node:os'
import { type Clock, systemClock } from '../../std/clock.ts'
import { createGate } from '../../std/gate.ts'
import type { Log } from '../../std/log.ts'
import { ensurePauseImage, PAUSE_IMAGE } from '../images.ts'
import type { PodNetwork } from '../pod-network.ts'
import type { Container, Runtime, Sandbox } from '../runtime.ts'
import { createAbilities } from './abilities.ts'
import { connectTo } from './connection.ts'
import { type Containers, createContainers } from './containers.ts'
import { type Driver, defaultStateDir } from './driver.ts'
import { ask, connectEngine } from './engine.ts'
import { followEvents } from './events.ts'
import { isSandbox, LABEL, ownedBy, sandboxOf } from './labels.ts'
import { createPuller, imageStatus } from './pull.ts'
import { Sandboxes } from './sandboxes.ts'
import { type CgroupLayout, readContainerStats } from './stats.ts'
import { attachToContainer, execInContainer, readLogs } from './streams.ts'

/** Starts at a time: more only makes each slower, because they wait for one another in the kernel. */
const STARTS_PER_CPU = 2
const REMOVAL_STATES = new Set(['removing', 'dead'])

export interface DockerRuntimeOptions {
  /** `/var/run/docker.sock` unless given. */
  socketPath?: string
  node: string
  cluster: string
  log: Log
  clock?: Clock
  network: PodNetwork
  /** Where the files of sandboxes (hosts, resolv.conf) live; may be lost with a reboot, as sandboxes are. */
  stateDir?: string
  pauseImage?: string
}

export const createDockerRuntime = (options: DockerRuntimeOptions): Runtime => {
  const { node, cluster, log, network, pauseImage = PAUSE_IMAGE } = options
  const docker = connectEngine(options.socketPath)
  const driver: Driver = {
    docker,
    node,
    cluster,
    log,
    clock: options.clock ?? systemClock,
    network,
    stateDir: options.stateDir ?? defaultStateDir(cluster, node),
    pauseImage,
    starts: createGate(Math.max(4, cpus().length * STARTS_PER_CPU)),
    abilities: createAbilities({ docker, image: pauseImage, cluster, node, log }),
  }
  const containers = createContainers(driver)
  const sandboxes = new Sandboxes(driver, containers.removeOf)
  return {
    name: 'docker',
    warnings: driver.abilities.warnings,
    version: async () => (await ask('Unavailable', () => docker.version()))?.Version ?? '',
    configureNetwork: async (config) => {
      await ensurePauseImage({ docker, image: pauseImage, log })
      await network.configure(config)
      // Tried now so that no pod waits for it.
      const probe = { negativeOomScore: true, privileged: false }
      driver.abilities.grants(probe).catch((error) => log.debug({ error }, 'nothing learnt yet'))
      for (const sandbox of (await list(driver, containers)).sandboxes) sandboxes.adopt(sandbox)
    },
    list: () => list(driver, containers),
    imageStatus: (image) => imageStatus(docker, image),
    pull: createPuller(docker),
    createSandbox: (spec) => sandboxes.create(spec),
    stopSandbox: (id) => sandboxes.stop(id),
    removeSandbox: (id) => sandboxes.remove(id),
    inspect: containers.inspect,
    create: (spec) => containers.create(spec, sandboxes.facts(spec.sandboxId)),
    start: containers.start,
    stop: containers.stop,
    remove: containers.remove,
    resize: containers.resize,
    exec: (id, command, streams, execOptions) =>
      execInContainer(docker, driver.clock, id, command, streams, execOptions),
    attach: (id, streams, attachOptions) => attachToContainer(docker, id, streams, attachOptions),
    logs: (id, query, signal) => logsOf(driver, id, query, signal),
    connect: async (sandboxId, port, connectOptions) =>
      connectTo(await sandboxes.address(sandboxId), port, connectOptions?.podAddressOnly),
    stats: createStats(driver),
    events: (onEvent, onGap, signal) => followEvents(driver, onEvent, onGap, signal),
  }
}

const list = async (
  { docker, cluster, node }: Driver,
  containers: Containers,
): Promise<{ sandboxes: Sandbox[]; containers: Container[] }> => {
  const items =
    (await ask('Unknown', () =>
      docker.listContainers({ all: true, filters: { label: ownedBy(cluster, node) } }),
    )) ?? []
  const living = items.filter((item) => !REMOVAL_STATES.has(item.State) && item.Labels[LABEL.type])
  containers.keep(new Set(living.map((item) => item.Id)))
  const found = await Promise.all(
    living
      .filter((item) => item.Labels[LABEL.type] === 'container')
      .map((item) => containers.known(item.Id, item.State)),
  )
  return {
    sandboxes: living
      .filter((item) => isSandbox(item.Labels))
      .map((item) =>
        sandboxOf({
          id: item.Id,
          labels: item.Labels,
          running: item.State === 'running',
          createdSeconds: item.Created,
        }),
      ),
    containers: found.filter((container) => container !== undefined),
  }
}

async function* logsOf(
  { docker }: Driver,
  id: string,
  query: Parameters<Runtime['logs']>[1],
  signal: AbortSignal,
) {
  const info = await ask('Unknown', () => docker.getContainer(id).inspect())
  yield* readLogs(docker, id, info?.Config.Tty ?? false, query, signal)
}

const createStats = ({ docker, cluster, node, clock }: Driver) => {
  let layout: Promise<CgroupLayout> | undefined
  const findLayout = async (): Promise<CgroupLayout> => {
    const info = await docker.info()
    return {
      version: info.CgroupVersion === '2' ? 2 : 1,
      driver: info.CgroupDriver === 'systemd' ? 'systemd' : 'cgroupfs',
    }
  }
  return async () => {
    layout ??= findLayout()
    layout.catch(() => {
      layout = undefined
    })
    const [known, items] = await Promise.all([
      ask('Unknown', () => layout as Promise<CgroupLayout>),
      ask('Unknown', () =>
        docker.listContainers({
          filters: { label: [...ownedBy(cluster, node), `${LABEL.type}=container`] },
        }),
      ),
    ])
    if (!known) return []
    const stats = await Promise.all(
      (items ?? []).map(({ Id }) => readContainerStats(Id, known, clock.now())),
    )
    return stats.filter((entry) => entry !== undefined)
  }
}
