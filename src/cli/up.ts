/**
 * `kubus up`: a whole cluster on this machine, in the foreground.
 *
 *   prepare → processes start → API ready → nodes ready → (example) → wait for a signal → stop, clean
 *
 * Invariant: whatever happens after the first process started, the stop path runs once and leaves nothing.
 * It decides nothing about the cluster; the actors do.
 */
import { spawn } from 'node:child_process'
import { existsSync, openSync, readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type BatchStaging, stageBatchesInMemory } from '../node/batch-staging.ts'
import { writeFileAtomically } from '../node/files.ts'
import { createSupervisor, type Supervisor } from '../node/supervisor.ts'
import { ensureTool, NATS_SERVER } from '../node/tools.ts'
import { systemClock } from '../std/clock.ts'
import { componentLog } from '../std/log.ts'
import { createApiClient } from './api-client.ts'
import { createClusterState, settleConfig } from './cluster-state.ts'
import { type Command, CommandError, DATA_OPTION, type Options, textOption } from './command.ts'
import { applyExample, type ServiceAnswer, waitForService } from './example.ts'
import { cleanHost, prepareHost, requireRoot } from './host.ts'
import { tellParent } from './parent.ts'
import { requireFreePorts } from './ports.ts'
import { masterProcesses, natsProcess, nodeNames, wantedPorts, workerProcess } from './processes.ts'
import { isOurProcess, stopLeftovers } from './running.ts'
import { releaseStartMemory } from './start-memory.ts'
import {
  type ClusterConfig,
  createFolders,
  readConfig,
  readRunning,
  type StateFolder,
  stateFolder,
} from './state-folder.ts'
import { printSummary } from './summary.ts'

const READY_TIMEOUT_MS = 120_000

export const up: Command = {
  name: 'up',
  summary: 'Starts a cluster on this machine; Ctrl-C stops it, the next start resumes its state.',
  options: {
    detach: { type: 'boolean', help: 'return when the cluster is ready; stop it with kubus down' },
    nodes: { type: 'string', value: 'N', help: 'nodes on this machine (first start: 1)' },
    masters: { type: 'string', value: '1|3', help: 'replicated masters (first start: 1)' },
    runtime: {
      type: 'string',
      value: 'docker|hollow',
      help: 'real or simulated containers (first start: docker)',
    },
    data: DATA_OPTION,
    'api-port': { type: 'string', value: 'N', help: 'port of the API (first start: 6443)' },
    'nats-port': { type: 'string', value: 'N', help: 'port of NATS (first start: 4222)' },
    tls: {
      type: 'boolean',
      help: 'TLS on the bus, which only this machine reaches (first start: off)',
    },
    example: { type: 'string', value: 'FILE', help: 'manifest to apply on the first start' },
  },
  run: async (options) => {
    const folder = stateFolder(textOption(options, 'data'))
    // `ps` tells whose supervisor this is, also when the state folder was not named.
    process.title = `kubus up --data ${folder.root}`
    return options['detach'] ? detach(options, folder) : runCluster(options, folder)
  },
}

const say = (line: string) => process.stdout.write(`${line}\n`)

const runCluster = async (options: Options, folder: StateFolder): Promise<number> => {
  const known = readConfig(folder)
  if (known?.hosts)
    throw new CommandError(
      `the masters of this cluster are on ${known.hosts.join(', ')}; compose starts them there, see ops/docker-compose.yml`,
    )
  const config = settleConfig(options, known)
  const running = readRunning(folder)
  if (running && isOurProcess(running.pid, folder))
    throw new CommandError(
      `this cluster is running already (process ${running.pid}); see kubus status, or stop it with kubus down`,
    )
  requireRoot(config)
  await stopLeftovers(folder, running)
  await requireFreePorts(wantedPorts(config))
  createFolders(folder)

  let isStopping = false
  const stopRequested = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => resolve())
  })
  const host = prepareHost(config, folder, say, () => !isStopping)
  const supervisor = startSupervisor(folder)
  let staging: BatchStaging | undefined
  const bringUp = async () => {
    const natsServer = await ensureTool(NATS_SERVER, { toolsDir: folder.tools, onProgress: say })
    await createClusterState(folder, config, systemClock.now())
    say(known ? `resuming the cluster in ${folder.root}` : `creating a cluster in ${folder.root}`)
    if (isStopping) return
    await startProcesses(config, folder, natsServer, supervisor, async () => {
      await host
      return !isStopping
    })
    if (isStopping) return
    staging = stageBatches(config, folder)
    await greet(options, config, folder)
    tellParent({ ready: true })
    releaseStartMemory(systemClock)
  }
  try {
    const up = Promise.all([bringUp(), host])
    await Promise.race([up, stopRequested])
    await stopRequested
    say('\nstopping')
    return 0
  } finally {
    isStopping = true
    await supervisor.stopAll()
    staging?.stop()
    const engine = await host.catch(() => undefined)
    if (engine) await cleanHost(config, folder, engine.socketPath)
    await engine?.stop()
    rmSync(folder.running, { force: true })
  }
}

/** Only a lone nats-server stages batches on disk; its streams exist since the masters are ready. */
const stageBatches = (config: ClusterConfig, folder: StateFolder): BatchStaging | undefined =>
  config.masters === 1
    ? stageBatchesInMemory(folder.natsStreams('nats-1'), config.id, systemClock)
    : undefined

const startSupervisor = (folder: StateFolder): Supervisor => {
  const supervisor: Supervisor = createSupervisor(
    { clock: systemClock, log: componentLog('supervisor') },
    { onStart: () => record(), onExit: () => record() },
  )
  const record = () =>
    queueMicrotask(() =>
      writeFileAtomically(
        folder.running,
        JSON.stringify({
          pid: process.pid,
          processes: supervisor.processes.flatMap(({ spec, pid, restarts }) =>
            pid ? [{ name: spec.name, pid, restarts }] : [],
          ),
        }),
      ),
    )
  return supervisor
}

/**
 * Starts the masters while the host is being prepared, then the nodes; resolves when all are ready. Without
 * the nodes where `isHostReady` says that they are no longer wanted.
 */
const startProcesses = async (
  config: ClusterConfig,
  folder: StateFolder,
  natsServer: string,
  supervisor: Supervisor,
  isHostReady: () => Promise<boolean>,
) => {
  const masters = Array.from({ length: config.masters }, (_, index) => index)
  for (const master of masters) supervisor.start(natsProcess(folder, natsServer, master))
  const actors = masters
    .flatMap((master) => masterProcesses(config, folder, master))
    .map((spec) => supervisor.start(spec))
  if (!(await isHostReady())) return
  actors.push(supervisor.start(workerProcess(config, folder)))
  const timeout = new Promise<never>((_, reject) => {
    void supervisor.troubled.then((sentence) => reject(new CommandError(sentence)))
    systemClock.after(READY_TIMEOUT_MS, () => {
      const late = supervisor.processes.map(
        ({ spec, restarts }) => `${spec.name} (${restarts} restarts)`,
      )
      reject(
        new CommandError(
          `the cluster was not ready after ${READY_TIMEOUT_MS / 1000} s; the logs in ${folder.logs} tell why: ${late.join(', ')}`,
        ),
      )
    })
  })
  await Promise.race([Promise.all(actors.map(({ ready }) => ready)), timeout])
  const api = createApiClient(folder, config.apiPort)
  try {
    await Promise.race([waitForNodes(api, nodeNames(config)), timeout])
  } finally {
    api.close()
  }
}

interface NodeObject {
  metadata: { name: string }
  status?: { conditions?: { type: string; status: string }[] }
}

const waitForNodes = async (api: ReturnType<typeof createApiClient>, names: string[]) => {
  const waiting = new Set(names)
  await api.watch<NodeObject>(
    '/api/v1/nodes?watch=1',
    (_type, node) => {
      const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')
      if (ready?.status === 'True') waiting.delete(node.metadata.name)
      return waiting.size === 0
    },
    AbortSignal.timeout(READY_TIMEOUT_MS),
  )
}

/** Applies the example on the first start and tells the person what there is and what to try. */
const greet = async (options: Options, config: ClusterConfig, folder: StateFolder) => {
  const api = createApiClient(folder, config.apiPort)
  const example = textOption(options, 'example')
  let answer: ServiceAnswer | undefined
  try {
    if (example && config.runtime === 'docker') {
      if (!existsSync(folder.exampleApplied)) {
        say('applying the example application')
        await applyExample(api, example)
        writeFileAtomically(folder.exampleApplied, '')
      }
      answer = await waitForService(api, 'hello', 60_000)
    }
    await printSummary(api, folder, answer)
  } finally {
    api.close()
  }
}

/** Runs `up` again in the background and returns when it reports ready. */
const detach = (options: Options, folder: StateFolder): Promise<number> => {
  createFolders(folder)
  const args = Object.entries(options).flatMap(([name, value]) => {
    if (name === 'detach' || value === undefined || value === false) return []
    return value === true ? [`--${name}`] : [`--${name}`, value]
  })
  const log = `${folder.logs}/up.log`
  const output = openSync(log, 'w', 0o600)
  const child = spawn(
    process.execPath,
    [fileURLToPath(import.meta.resolve('./kubus.mjs')), 'up', ...args],
    { detached: true, stdio: ['ignore', output, output, 'ipc'] },
  )
  return new Promise((resolve) => {
    child.once('message', () => {
      child.disconnect()
      child.unref()
      say(`the cluster runs in the background (process ${child.pid}); stop it with kubus down`)
      resolve(0)
    })
    child.once('exit', (code) => {
      const said = readFileSync(log, 'utf8').split('\n')
      const why = said.find((line) => line.startsWith('kubus up: '))
      process.stderr.write(`${why ?? `kubus up: it did not start; ${log} tells why`}\n`)
      resolve(code || 1)
    })
  })
}
