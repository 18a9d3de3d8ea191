/**
 * The nodes of this process: their runtime, volumes and capacity, for real hosts and for simulated ones.
 */
import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import type { KubeletNode } from '../actors/kubelet/kubelet.ts'
import { engineSocket } from '../node/docker-engine.ts'
import { hostRoot } from '../node/engine-mounts.ts'
import { componentLog } from '../std/log.ts'
import type { ActorSettings } from './actor-settings.ts'
import { hostAddresses } from './host-addresses.ts'
import type { StateFolder } from './state-folder.ts'

/** Kubernetes' default bound of pods on a node. */
const PODS_MAX = '110'
/** A simulated node is large, so that tests of thousands of pods are about the cluster, not about it. */
const HOLLOW_CAPACITY = {
  cpu: '64',
  memory: '256Gi',
  'ephemeral-storage': '1Ti',
  pods: '500',
}

export interface HostFacts {
  capacity: KubeletNode['capacity']
  address: string
}

/** What the machine with files at `root` offers. */
export const describeHost = (root: string): HostFacts => {
  const disk = statfsSync(`${root}/`)
  return {
    capacity: {
      cpu: String(cpus().length),
      memory: `${Math.floor(memoryBytes() / 1024)}Ki`,
      'ephemeral-storage': `${Math.floor((disk.blocks * disk.bsize) / 1024)}Ki`,
      pods: PODS_MAX,
    },
    address: hostAddresses()[0] ?? '127.0.0.1',
  }
}

/** The machine's memory as the kernel tells it, not the share a container may be limited to. */
const memoryBytes = (): number => {
  const path = '/proc/meminfo'
  const match = existsSync(path) && /^MemTotal:\s+(\d+) kB/m.exec(readFileSync(path, 'utf8'))
  return match ? Number(match[1]) * 1024 : totalmem()
}

const fileText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}

/** What the machine with files at `root` calls itself; empty where the system does not say. */
export const describeMachine = (root: string) => ({
  osImage: /^PRETTY_NAME="?([^"\n]*)/m.exec(fileText(`${root}/etc/os-release`))?.[1] ?? '',
  machineID: fileText(`${root}/etc/machine-id`),
  systemUUID: fileText('/sys/class/dmi/id/product_uuid'),
  bootID: fileText('/proc/sys/kernel/random/boot_id'),
})

/** A node whose pods are containers of this host's Docker engine. */
export const hostNode = async (
  name: string,
  settings: ActorSettings,
  folder: StateFolder,
  host: HostFacts,
): Promise<KubeletNode> => {
  const [{ createDockerRuntime }, { createPodNetwork }, { createVolumes }, { createHostLogs }] =
    await Promise.all([
      import('../node/docker/docker-runtime.ts'),
      import('../node/pod-network.ts'),
      import('../node/host-volumes.ts'),
      import('../node/host-logs.ts'),
    ])
  const { cluster } = settings
  const log = componentLog(`runtime-${name}`)
  const runtime = createDockerRuntime({
    socketPath: engineSocket(),
    node: name,
    cluster,
    log,
    network: createPodNetwork({ node: name, cluster, log }),
  })
  return {
    name,
    runtime,
    volumes: createVolumes({ root: folder.kubelet(name), hostRoot, log }),
    logs: createHostLogs(`${await hostRoot()}/var/log`),
    capacity: host.capacity,
    addresses: { internalIP: settings.nodeAddress ?? host.address, hostname: name },
  }
}

/** A simulated node; its volumes cost nothing. */
export const hollowNode = async (name: string, settings: ActorSettings): Promise<KubeletNode> => {
  const [{ createHollowRuntime }, { createHollowVolumes }] = await Promise.all([
    import('../node/hollow.ts'),
    import('../node/hollow-volumes.ts'),
  ])
  return {
    name,
    runtime: createHollowRuntime({ node: name, cluster: settings.cluster }),
    volumes: createHollowVolumes(),
    capacity: HOLLOW_CAPACITY,
    addresses: { internalIP: '127.0.0.1', hostname: name },
  }
}
