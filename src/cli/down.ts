/**
 * `kubus down`: stops the cluster of a state folder and, when asked, forgets it.
 */
import { existsSync, rmSync } from 'node:fs'
import { removeStagedBatches } from '../node/batch-staging.ts'
import { engineSocket } from '../node/docker-engine.ts'
import { releaseRanges } from '../node/network-ranges.ts'
import { type Command, CommandError, DATA_OPTION, textOption } from './command.ts'
import { cleanHost } from './host.ts'
import { endProcess, isOurProcess, stopLeftovers } from './running.ts'
import { type ClusterConfig, readRunning, readSharedConfig, stateFolder } from './state-folder.ts'

/** `up` stops its processes and cleans the host before it ends. */
const UP_STOP_TIMEOUT_MS = 120_000

export const down: Command = {
  name: 'down',
  summary: 'Stops the cluster; its state is kept for the next start.',
  options: {
    purge: { type: 'boolean', help: 'also delete the state folder' },
    data: DATA_OPTION,
  },
  run: async (options) => {
    const folder = stateFolder(textOption(options, 'data'))
    if (!existsSync(folder.root)) throw new CommandError(`there is no cluster in ${folder.root}`)
    const running = readRunning(folder)
    if (running && isOurProcess(running.pid, folder))
      await endProcess(running.pid, folder, UP_STOP_TIMEOUT_MS)
    await stopLeftovers(folder, running)
    let config: ClusterConfig | undefined
    try {
      config = readSharedConfig(folder)
    } catch (error) {
      if (!options['purge']) throw error
    }
    if (config) {
      await cleanHost(config, folder, engineSocket())
      removeStagedBatches(config.id)
    }
    rmSync(folder.running, { force: true })
    if (options['purge']) {
      rmSync(folder.root, { recursive: true, force: true })
      releaseRanges(folder.root)
    }
    process.stdout.write(
      options['purge']
        ? `stopped; ${folder.root} is deleted\n`
        : `stopped; ${folder.root} keeps its state\n`,
    )
    return 0
  },
}
