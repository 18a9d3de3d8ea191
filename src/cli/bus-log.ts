/**
 * The log of this master's nats-server, in the state folder, as the apiserver beside it follows it.
 */
import type { ServerLog } from '../actors/apiserver/bus-entry/violations.ts'
import { OPERATOR } from '../actors/apiserver/bus-identity.ts'
import { CONTROLLERS, NODE_SIMULATOR, nodeIdentity } from '../bus/accounts.ts'
import { followLog } from '../node/followed-log.ts'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import type { BusUserName } from './bus-users.ts'
import { nodeNames } from './processes.ts'
import { type ClusterConfig, readSharedConfig, type StateFolder } from './state-folder.ts'

/** `master` counts from 0. */
export const serverLogOf = (
  folder: StateFolder,
  master: number,
  { clock, log }: { clock: Clock; log: Log },
): ServerLog => {
  const server = `nats-${master + 1}`
  const { logFile: path, logPosition: positionFile } = folder.nats(server)
  let config = readSharedConfig(folder)
  return {
    server,
    follow: (onLine) => followLog({ path, positionFile, clock, log, onLine }),
    partOf: (key) => {
      const known = config && ownerOf(config, key)
      if (known) return known
      // Keys may have been replaced.
      config = readSharedConfig(folder)
      return config && ownerOf(config, key)
    },
  }
}

const ownerOf = (config: ClusterConfig, key: string): string | undefined => {
  const [name] = Object.entries(config.busUsers).find(([, keys]) => keys?.includes(key)) ?? []
  return name && identityOf(name as BusUserName, config)
}

/** In whose name the holder of a key speaks. */
const identityOf = (name: BusUserName, config: ClusterConfig): string => {
  switch (name) {
    case 'operator':
      return OPERATOR.name
    case 'master':
      return 'system:apiserver'
    case 'controllers':
      return CONTROLLERS
    case 'nodes': {
      const [first = '', ...others] = nodeNames(config)
      return others.length === 0 ? nodeIdentity(first) : NODE_SIMULATOR
    }
  }
}
