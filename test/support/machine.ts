/**
 * Makes this machine ready for a run of the tests: engine, network programs, nats-server and the commands
 * that tests drive. Fetched tools are kept for the next run.
 *
 * Invariant: `release` stops the engine if it was started here. What cannot be had is told once and goes
 * on missing; the tests that need it fail for it. Also ends what a killed test left on the engine.
 */
import { installHostPrograms } from '../../src/cli/host.ts'
import { runCommand } from '../../src/node/command.ts'
import { removeClusterFromEngine } from '../../src/node/docker/removal.ts'
import { type Engine, ensureEngine, lacksEngine } from '../../src/node/docker-engine.ts'
import {
  DOCKER_COMPOSE,
  ensureTool,
  KUBECTL,
  NATS_CLI,
  NATS_SERVER,
  type Tool,
} from '../../src/node/tools.ts'

export interface Machine {
  /** Removes the containers, bridges and network namespaces of low-level tests that ran in process `pid`. */
  removeLeftovers(pid: number): Promise<void>
  release(): Promise<void>
}

/** Low-level tests name their clusters `<one of these>-<pid>`. */
const TEST_CLUSTERS = ['test-docker', 'test-events', 'test-images', 'test-kubelet', 'test-network']

const removeNamespaces = async (pid: number) => {
  const { stdout } = await runCommand('ip', ['netns', 'list'])
  for (const name of stdout.split(/\s+/).filter((word) => word.startsWith(`kbe-${pid}-`)))
    await runCommand('ip', ['netns', 'del', name])
}

export const prepareMachine = async (
  toolsDir: string,
  logFile: string,
  say: (line: string) => void,
): Promise<Machine> => {
  const orTell = async <T>(wanted: Promise<T>): Promise<T | undefined> => {
    try {
      return await wanted
    } catch (error) {
      say(`missing: ${(error as Error).message}`)
      return undefined
    }
  }
  const fetch = (tool: Tool) => orTell(ensureTool(tool, { toolsDir, onProgress: say }))
  const prepareEngine = async () => {
    await installHostPrograms(say, (await lacksEngine()) ? ['docker.io'] : [])
    return ensureEngine({ logFile, onProgress: say })
  }
  const engine: Engine | undefined = await orTell(prepareEngine())
  await Promise.all([NATS_SERVER, KUBECTL, DOCKER_COMPOSE, NATS_CLI].map(fetch))
  return {
    removeLeftovers: async (pid) => {
      await removeNamespaces(pid)
      if (!engine) return
      const { socketPath } = engine
      for (const name of TEST_CLUSTERS)
        await removeClusterFromEngine({ cluster: `${name}-${pid}`, socketPath })
    },
    release: async () => engine?.stop(),
  }
}
