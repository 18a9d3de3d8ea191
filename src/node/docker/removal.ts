/**
 * Ends everything of a cluster, or of one of its nodes, on this machine: containers, files, bridges, rules.
 *
 * Invariant: goes by labels and names only, so it also works for a cluster whose processes were killed, and never
 * touches what another cluster or a person made. Idempotent.
 */

import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import type Docker from 'dockerode'
import { createGate } from '../../std/gate.ts'
import type { Log } from '../../std/log.ts'
import { bridgeName, bridgesOf, removeBridge } from '../pod-network.ts'
import { defaultStateDir } from './driver.ts'
import { ask, connectEngine, isConflict, isNotFound } from './engine.ts'
import { ownedBy } from './labels.ts'

const REMOVALS_AT_A_TIME = 8
/** Containers may still be coming while they are removed. */
const PASSES_MAX = 3

const removeContainers = async (docker: Docker, labels: string[]): Promise<number> => {
  const gate = createGate(REMOVALS_AT_A_TIME)
  const items = await ask('Unknown', () =>
    docker.listContainers({ all: true, filters: { label: labels } }),
  )
  await Promise.all(
    (items ?? []).map(({ Id }) =>
      gate(() =>
        ask(
          'Unknown',
          () => docker.getContainer(Id).remove({ force: true, v: true }),
          (error) => isNotFound(error) || isConflict(error),
        ),
      ),
    ),
  )
  return items?.length ?? 0
}

/** Without `node`, of all its nodes on this machine. Throws Unavailable when the engine does not answer. */
export const removeClusterFromEngine = async ({
  cluster,
  node,
  socketPath,
  stateDir,
  log,
}: {
  cluster: string
  node?: string
  socketPath?: string
  stateDir?: string
  log?: Log
}): Promise<void> => {
  const docker = connectEngine(socketPath)
  const labels = ownedBy(cluster, node)
  let removed = 0
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    const count = await removeContainers(docker, labels)
    removed += count
    if (count === 0) break
  }
  const bridges = node === undefined ? await bridgesOf(cluster) : [bridgeName(cluster, node)]
  for (const bridge of bridges) await removeBridge(bridge)
  const folder = stateDir ?? defaultStateDir(cluster, node)
  if (existsSync(folder)) await rm(folder, { recursive: true, force: true })
  log?.info({ cluster, node, containers: removed, bridges }, 'removed from the engine')
}
