/**
 * The Docker engine of this host: found, started or installed.
 *
 * Invariant: an engine that answers is used as it is; only one that was started here is stopped here, and
 * only when it runs nobody else's containers. One that was started here makes no network of its own: pods
 * have theirs, so that nothing of it is left when it stops. It runs no containers.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { dirname } from 'node:path'
import { sleep } from '../std/clock.ts'
import { findProgram, isRoot, lastLine, runCommand } from './command.ts'
import { installPackages } from './debian.ts'
import { mountsBelow, unmountBelow } from './mounts.ts'

const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 30_000
const ASK_EVERY_MS = 100
const REASON_LENGTH_MAX = 200
const PURPOSE = 'the Docker engine runs the containers'
const SETTINGS = '/etc/docker/daemon.json'
const PID_FILE = '/var/run/docker.pid'
/** Where it mounts, and forgets to unmount. */
const MOUNT_FOLDERS = ['/var/lib/docker', '/run/docker']

export interface Engine {
  socketPath: string
  version: string
  /** Ends the engine if `ensureEngine` started it; otherwise does nothing. */
  stop(): Promise<void>
}

/** The engine's socket: DOCKER_HOST when it names one, else the usual place. */
export const engineSocket = (): string =>
  process.env['DOCKER_HOST']?.startsWith('unix://')
    ? process.env['DOCKER_HOST'].slice('unix://'.length)
    : '/var/run/docker.sock'

/** The engine's JSON answer, or undefined when there is none within two seconds. */
const askEngine = <T>(socketPath: string, path: string): Promise<T | undefined> =>
  new Promise((resolve) => {
    const call = request({ socketPath, path, timeout: 2_000 }, (answer) => {
      let text = ''
      answer.on('data', (data) => {
        text += data
      })
      answer.on('end', () => {
        try {
          resolve(JSON.parse(text) as T)
        } catch {
          resolve(undefined)
        }
      })
    })
    call.on('timeout', () => call.destroy())
    call.on('error', () => resolve(undefined))
    call.end()
  })

/** The engine's version, or undefined when none answers within two seconds. */
export const engineVersion = async (socketPath: string): Promise<string | undefined> =>
  (await askEngine<{ Version?: string }>(socketPath, '/version'))?.Version

export interface EngineOptions {
  logFile: string
  onProgress?(line: string): void
}

/** True where an engine would have to be installed first. */
export const lacksEngine = async (): Promise<boolean> =>
  !findProgram('dockerd') && !(await engineVersion(engineSocket()))

/** An engine that answers. Throws one sentence: what is missing, why, how to get it. */
export const ensureEngine = async (options: EngineOptions): Promise<Engine> => {
  const socketPath = engineSocket()
  const named = process.env['DOCKER_HOST']
  if (named && !named.startsWith('unix://'))
    throw new Error(
      `DOCKER_HOST=${named} is not a socket of this host: ${PURPOSE}, and their network is made here; ` +
        'set it to unix://PATH or unset it',
    )
  const running = await runningEngine(socketPath, options.logFile)
  if (running) return running
  if (named)
    throw new Error(
      `no Docker engine answers at DOCKER_HOST=${named}: ${PURPOSE}; ` +
        'start it, or unset DOCKER_HOST',
    )
  if (!isRoot())
    throw new Error(
      `no Docker engine answers at ${socketPath}: ${PURPOSE}, and starting one needs root; ` +
        'start Docker, run as root, or try `--runtime hollow` for simulated containers',
    )
  if (!findProgram('dockerd')) {
    options.onProgress?.('installing docker.io')
    await installPackages(['docker.io'], PURPOSE)
    // Where there is a service manager the package has started it, and it stays.
    const installed = await runningEngine(socketPath, options.logFile)
    if (installed) return installed
  }
  options.onProgress?.('starting the Docker engine')
  return (await startService(socketPath)) ?? startEngine(socketPath, options.logFile)
}

/** One that answers; it is ours to stop when it is left from a run that was killed. */
const runningEngine = async (socketPath: string, logFile: string): Promise<Engine | undefined> => {
  const version = await engineVersion(socketPath)
  if (!version) return undefined
  const pid = readPid(PID_FILE)
  const [ours, owner] = (readIfPresent(ownPidFile(logFile)) ?? '').split(' ').map(Number)
  const isLeft = pid !== undefined && pid === ours && !isAlive(owner ?? 0)
  const stop = isLeft
    ? () => stopEngine(socketPath, logFile, pid, () => !isAlive(pid))
    : async () => {}
  return { socketPath, version, stop }
}

const startService = async (socketPath: string): Promise<Engine | undefined> => {
  const { stdout } = await runCommand('systemctl', ['is-system-running'])
  if (!/running|degraded/.test(stdout)) return undefined
  const { code } = await runCommand('systemctl', ['start', 'docker'])
  const version = code === 0 ? await waitForEngine(socketPath) : undefined
  if (!version) return undefined
  return {
    socketPath,
    version,
    stop: async () => {
      if (await isIdle(socketPath))
        await runCommand('systemctl', ['stop', 'docker.socket', 'docker'])
    },
  }
}

/** Flags of our own engine; what the machine's settings name may not be given twice. */
export const engineFlags = (socketPath: string, settings: string | undefined): string[] => {
  const flags = { hosts: `--host=unix://${socketPath}`, bridge: '--bridge=none' }
  const named = settings === undefined ? {} : (JSON.parse(settings) as object)
  return Object.entries({ ...flags, iptables: '--iptables=false' })
    .filter(([name]) => !Object.hasOwn(named, name))
    .map(([, flag]) => flag)
}

const readIfPresent = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

const readPid = (path: string): number | undefined => Number(readIfPresent(path)) || undefined

/** Holds the pids of the engine and of the process that will stop it. */
const ownPidFile = (logFile: string) => `${logFile}.pid`

const hasEnded = ({ exitCode, signalCode }: ChildProcess) =>
  exitCode !== null || signalCode !== null

const isAlive = (pid: number): boolean => {
  try {
    return pid > 0 && process.kill(pid, 0)
  } catch {
    return false
  }
}

const startEngine = async (socketPath: string, logFile: string): Promise<Engine> => {
  mkdirSync(dirname(logFile), { recursive: true })
  const ownFolders = await unmounted(MOUNT_FOLDERS)
  const output = openSync(logFile, 'w', 0o600)
  const daemon = spawn(
    findProgram('dockerd') ?? 'dockerd',
    engineFlags(socketPath, readIfPresent(SETTINGS)),
    { detached: true, stdio: ['ignore', output, output] },
  )
  closeSync(output)
  daemon.once('error', () => {})
  const unmount = async () => {
    if (hasEnded(daemon)) for (const folder of ownFolders) await unmountBelow(folder)
  }
  const version = await waitForEngine(socketPath, daemon)
  if (!version || !daemon.pid) {
    daemon.kill('SIGKILL')
    await unmount()
    const said = lastLine(readIfPresent(logFile) ?? '').slice(0, REASON_LENGTH_MAX)
    throw new Error(`the Docker engine did not start (${said}): ${PURPOSE}; see ${logFile}`)
  }
  if (hasEnded(daemon)) return { socketPath, version, stop: async () => {} }
  writeFileSync(ownPidFile(logFile), `${daemon.pid} ${process.pid}`)
  const { pid } = daemon
  return {
    socketPath,
    version,
    stop: async () => {
      await stopEngine(socketPath, logFile, pid, () => hasEnded(daemon))
      await unmount()
    },
  }
}

/** Those of the folders at or below which nothing is mounted. */
const unmounted = async (folders: readonly string[]): Promise<string[]> => {
  const free: string[] = []
  for (const folder of folders) if ((await mountsBelow(folder)).length === 0) free.push(folder)
  return free
}

/** Nobody's container runs on it. */
const isIdle = async (socketPath: string): Promise<boolean> =>
  ((await askEngine<unknown[]>(socketPath, '/containers/json')) ?? []).length === 0

const stopEngine = async (
  socketPath: string,
  logFile: string,
  pid: number,
  isOver: () => boolean,
) => {
  if (!(await isIdle(socketPath))) return
  if (isAlive(pid)) process.kill(pid, 'SIGTERM')
  const deadline = performance.now() + STOP_TIMEOUT_MS
  while (!isOver() && performance.now() < deadline) await sleep(ASK_EVERY_MS)
  rmSync(ownPidFile(logFile), { force: true })
}

/** Its version once it answers; also when it is another that somebody started at the same moment. */
const waitForEngine = async (
  socketPath: string,
  daemon?: ChildProcess,
): Promise<string | undefined> => {
  const deadline = performance.now() + START_TIMEOUT_MS
  const mayCome = () => {
    if (!daemon || (daemon.pid && !hasEnded(daemon))) return true
    const other = readPid(PID_FILE)
    return other !== undefined && other !== daemon.pid && isAlive(other)
  }
  while (performance.now() < deadline && mayCome()) {
    const version = await engineVersion(socketPath)
    if (version) return version
    await sleep(ASK_EVERY_MS)
  }
  return undefined
}
