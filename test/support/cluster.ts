/**
 * A whole cluster for a test: `bin/kubus up --detach` in a folder of its own, on free ports.
 *
 * Invariant: `stop` leaves nothing of it on the machine, whatever the test did.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { ensureTool, KUBECTL } from '../../src/node/tools.ts'
import { natsCommand } from './nats-command.ts'

export interface CommandOutput {
  code: number
  stdout: string
  stderr: string
}

export interface TestCluster {
  data: string
  apiPort: number
  natsPort: number
  kubectlPath: string
  /** kubectl with this cluster's kubeconfig; rejects when it fails, unless `code` is looked at with `tryKubectl`. */
  kubectl(args: readonly string[], input?: string): Promise<string>
  tryKubectl(args: readonly string[], input?: string): Promise<CommandOutput>
  /** The real nats CLI with this cluster's credentials. */
  nats(args: readonly string[], input?: string): Promise<string>
  /** Environment that points kubectl and the nats CLI at the cluster. */
  environment: Record<string, string>
  /** Names and pids of the running processes, the supervisor's among them. */
  processes(): { name: string; pid: number; restarts: number }[]
  kubus(args: readonly string[]): Promise<CommandOutput>
  stop(): Promise<void>
}

export const freePorts = (count: number): Promise<number[]> =>
  Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<number>((done, fail) => {
          const probe = createServer()
          probe.once('error', fail)
          probe.listen(0, '127.0.0.1', () => {
            const address = probe.address()
            const port = typeof address === 'object' && address ? address.port : 0
            probe.close(() => done(port))
          })
        }),
    ),
  )

/** The first of `count` consecutive free ports below the ephemeral range. */
export const freePortBlock = async (count: number): Promise<number> => {
  for (let attempt = 0; attempt < 50; attempt++) {
    const first = 20_000 + ((process.pid * 37 + attempt * 211) % 9_000)
    const free = await Promise.all(
      Array.from(
        { length: count },
        (_, index) =>
          new Promise<boolean>((done) => {
            const probe = createServer()
            probe.once('error', () => done(false))
            probe.listen(first + index, '0.0.0.0', () => probe.close(() => done(true)))
          }),
      ),
    )
    if (free.every(Boolean)) return first
  }
  throw new Error('no block of free ports')
}

export const run = (
  command: string,
  args: readonly string[],
  options: { input?: string; env?: Record<string, string>; timeoutMs?: number } = {},
): Promise<CommandOutput> =>
  new Promise((done) => {
    const child = spawn(command, args, {
      env: { ...process.env, ...options.env },
      timeout: options.timeoutMs ?? 120_000,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout?.on('data', (data) => {
      stdout += data
    })
    child.stderr?.on('data', (data) => {
      stderr += data
    })
    child.once('error', (error) => done({ code: 127, stdout, stderr: `${stderr}${error.message}` }))
    child.once('close', (code) => done({ code: code ?? 1, stdout, stderr }))
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.input)
  })

const KUBUS = resolve('bin/kubus')
/** Fetched tools are kept for the next run. */
const TOOLS_DIR = resolve('.kubus/tools')

export const startCluster = async (flags: readonly string[] = []): Promise<TestCluster> => {
  const data = mkdtempSync(join(tmpdir(), 'kubus-test-'))
  const apiPort = await freePortBlock(8)
  const natsPort = apiPort + 4
  const kubectlPath = await ensureTool(KUBECTL, { toolsDir: TOOLS_DIR })
  const environment = {
    KUBECONFIG: join(data, 'kubeconfig'),
    NATS_URL: `nats://127.0.0.1:${natsPort}`,
    NATS_NKEY: join(data, 'nats/operator.nk'),
  }
  const stop = async () => {
    spawnSync(KUBUS, ['down', '--purge', '--data', data])
  }
  const started = await run(KUBUS, [
    'up',
    '--detach',
    '--data',
    data,
    '--api-port',
    String(apiPort),
    '--nats-port',
    String(natsPort),
    ...flags,
  ])
  if (started.code !== 0) {
    const log = readFileSync(join(data, 'logs/up.log'), 'utf8')
    await stop()
    throw new Error(`the cluster did not start: ${started.stderr}${log}`)
  }
  const tryKubectl = (args: readonly string[], input?: string) =>
    run(kubectlPath, args, { env: environment, ...(input === undefined ? {} : { input }) })
  const must = async (name: string, args: readonly string[], output: Promise<CommandOutput>) => {
    const { code, stdout, stderr } = await output
    if (code !== 0) throw new Error(`${name} ${args.join(' ')}: exit ${code}: ${stderr}${stdout}`)
    return stdout
  }
  return {
    data,
    apiPort,
    natsPort,
    kubectlPath,
    environment,
    tryKubectl,
    kubectl: (args, input) => must('kubectl', args, tryKubectl(args, input)),
    nats: async (args, input) => {
      const options = { env: environment, ...(input === undefined ? {} : { input }) }
      return must('nats', args, run(await natsCommand(), args, options))
    },
    processes: () => {
      const state = JSON.parse(readFileSync(join(data, 'running.json'), 'utf8')) as {
        pid: number
        processes: { name: string; pid: number; restarts: number }[]
      }
      return [{ name: 'supervisor', pid: state.pid, restarts: 0 }, ...state.processes]
    },
    kubus: (args) => run(KUBUS, [...args, '--data', data]),
    stop,
  }
}

/** Asks again until `ask` returns something truthy; what a test waits for has no event it could see. */
export const eventually = async <T>(
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  what: string,
  timeoutMs = 60_000,
): Promise<T> => {
  const deadline = performance.now() + timeoutMs
  let last: unknown
  while (performance.now() < deadline) {
    try {
      const answer = await ask()
      if (answer) return answer
    } catch (error) {
      last = error
    }
    await new Promise((done) => setTimeout(done, 100))
  }
  throw new Error(`not within ${timeoutMs} ms: ${what}${last ? ` (${last})` : ''}`)
}
