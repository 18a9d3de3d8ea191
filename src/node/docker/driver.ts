/**
 * What the parts of the Docker driver share. It does nothing; the parts are put together in `docker-runtime.ts`.
 */
import type Docker from 'dockerode'
import type { Clock } from '../../std/clock.ts'
import type { Gate } from '../../std/gate.ts'
import type { Log } from '../../std/log.ts'
import type { PodNetwork } from '../pod-network.ts'
import type { Abilities } from './abilities.ts'

export interface Driver {
  docker: Docker
  node: string
  cluster: string
  log: Log
  clock: Clock
  network: PodNetwork
  stateDir: string
  pauseImage: string
  starts: Gate
  abilities: Abilities
}

/** Where a cluster's sandboxes have their files unless told: gone with a reboot, as sandboxes are. */
export const defaultStateDir = (cluster: string, node?: string) =>
  node === undefined ? `/run/kubus/${cluster}` : `/run/kubus/${cluster}/${node}`
