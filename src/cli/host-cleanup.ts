/**
 * Removes from this host what a cluster owns: containers, bridges, firewall rules, its nftables table, and
 * the mounts below its kubelets' folders. Loaded only when there is something to clean.
 */
import { existsSync, readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { removeClusterFromEngine } from '../node/docker/removal.ts'
import { engineVersion } from '../node/docker-engine.ts'
import { createVolumes } from '../node/host-volumes.ts'
import { createNftables } from '../node/nftables.ts'
import { bridgesOf } from '../node/pod-network.ts'
import { rootLog } from '../std/log.ts'
import type { ClusterConfig, StateFolder } from './state-folder.ts'

export const removeClusterFromHost = async (
  config: ClusterConfig,
  folder: StateFolder,
  socketPath: string,
) => {
  // It is the terminal that reads: what went as wished is no news.
  const log = rootLog.child({}, { level: 'warn' })
  // An engine that was ours ended after its containers: only what else is left tells that some may be, too.
  if ((await engineVersion(socketPath)) !== undefined)
    await removeClusterFromEngine({ cluster: config.id, socketPath, log })
  else if ((await bridgesOf(config.id)).length > 0)
    process.stderr.write('kubus: the Docker engine does not answer; its containers stay\n')
  const table = createNftables({ table: `kubus-${config.id}`, log })
  if ((await table.available()) === undefined) await table.remove()
  const kubelets = dirname(folder.kubelet('node'))
  if (!existsSync(kubelets)) return
  for (const node of readdirSync(kubelets)) {
    const volumes = createVolumes({ root: folder.kubelet(node), log })
    for (const uid of await volumes.listPods()) await volumes.removePod(uid)
  }
}
