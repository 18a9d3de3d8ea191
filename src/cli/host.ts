/**
 * What `up` needs of this machine before a cluster can run, and what it leaves clean afterwards.
 *
 * Invariant: everything missing is told in one sentence; nothing of the cluster is left on the host after
 * `cleanHost`.
 */
import { dirname } from 'node:path'
import { findProgram, isRoot } from '../node/command.ts'
import { installPackages } from '../node/debian.ts'
import { type Engine, ensureEngine, lacksEngine } from '../node/docker-engine.ts'
import { unshareFolder } from '../node/engine-mounts.ts'
import { CommandError } from './command.ts'
import type { ClusterConfig, StateFolder } from './state-folder.ts'

const HOST_PROGRAMS: readonly (readonly [program: string, debian: string])[] = [
  ['nft', 'nftables'],
  ['ip', 'iproute2'],
  ['iptables', 'iptables'],
]
const ENGINE_PACKAGE = 'docker.io'

/** Refuses, before anything was made, what only root may do. */
export const requireRoot = ({ runtime }: ClusterConfig) => {
  if (runtime === 'hollow' || isRoot()) return
  throw new CommandError(
    'real containers need root, for their network and the Service rules; ' +
      'run as root (sudo npm start), or simulate them (npm start -- --runtime hollow)',
  )
}

/**
 * Network programs, engine and local images for real containers. Returns the engine to stop; none for
 * simulated containers, or where `isWanted` says meanwhile that it is too late.
 */
export const prepareHost = async (
  config: ClusterConfig,
  folder: StateFolder,
  onProgress: (line: string) => void,
  isWanted: () => boolean = () => true,
): Promise<Engine | undefined> => {
  if (config.runtime === 'hollow') return undefined
  await installHostPrograms(onProgress, (await lacksEngine()) ? [ENGINE_PACKAGE] : [])
  if (!isWanted()) return undefined
  const engine = await ensureEngine({ logFile: `${folder.logs}/dockerd.log`, onProgress })
  try {
    const { ensureLocalImages } = await import('../node/images.ts')
    await ensureLocalImages({ socketPath: engine.socketPath, stateDir: folder.tools })
  } catch (error) {
    await engine.stop()
    throw error
  }
  return engine
}

/** The programs that make the network of pods and Services, and `others`, in one go. */
export const installHostPrograms = async (
  onProgress: (line: string) => void,
  others: readonly string[] = [],
) => {
  const missing = HOST_PROGRAMS.filter(([program]) => !findProgram(program))
  const packages = [...missing.map(([, name]) => name), ...others]
  if (packages.length === 0) return
  onProgress(`installing ${packages.join(', ')}`)
  await installPackages(packages, 'they run containers, and make the network of pods and Services')
}

/** Removes what the cluster owns on this host: containers, bridges, rules, tables, mounts. */
export const cleanHost = async (config: ClusterConfig, folder: StateFolder, socketPath: string) => {
  if (config.runtime === 'hollow' || !isRoot()) return
  const { removeClusterFromHost } = await import('./host-cleanup.ts')
  await removeClusterFromHost(config, folder, socketPath)
  await unshareFolder(folder.root, dirname(folder.kubelet('node')))
}
