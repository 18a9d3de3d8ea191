/**
 * The Docker engine of this host: found, started or installed.
 *
 * Invariant: an engine that answers is used as it is; only one that was started here is stopped here.
 * It runs no containers.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { request } from 'node:http'
import { dirname } from 'node:path'
import { sleep } from '../std/clock.ts'
import { findProgram, isRoot, runCommand } from './command.ts'
import { installPackages } from './debian.ts'

const START_TIMEOUT_MS = 60_000
const PURPOSE = 'the Docker engine runs the containers'

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

/** The engine's version, or undefined when none answers within two seconds. */
export const engineVersion = (socketPath: string): Promise<string | undefined> =>
  new Promise((resolve) => {
    const call = request({ socketPath, path: '/version', timeout: 2_000 }, (answer) => {
      let text = ''
      answer.on('data', (data) => {
        text += data
      })
      answer.on('end', () => {
        try {
          resolve((JSON.parse(text) as { Version?: string }).Version)
        } catch {
          resolve(undefined)
        }
      })
    })
    call.on('timeout', () => call.destroy())
    call.on('error', () => resolve(undefined))
    call.end()
  })

export interface EngineOptions {
  logFile: string
  onProgress?(line: string): void
}

/** An engine that answers. Throws one sentence: what is missing, why, how to get it. */
export const ensureEngine = async (options: EngineOptions): Promise<Engine> => {
  const socketPath = engineSocket()
  const version = await engineVersion(socketPath)
  if (version) return { socketPath, version, stop: async () => {} }
  if (process.env['DOCKER_HOST'])
    throw new Error(
      `no Docker engine answers at DOCKER_HOST=${process.env['DOCKER_HOST']}: ${PURPOSE}; ` +
        'start it, or unset DOCKER_HOST',
    )
  if (!isRoot())
    throw new Error(
      `no Docker engine answers at ${socketPath}: ${PURPOSE}, and starting one needs root; ` +
        'start Docker, run as root, or try `--runtime hollow` for simulated containers',
    )
  if (!findProgram('dockerd')) {
    options.onProgress?.('installing the Docker engine (package docker.io)')
    await installPackages(['docker.io'], PURPOSE)
  }
  options.onProgress?.('starting the Docker engine')
  return startEngine(socketPath, options.logFile)
}

const startEngine = async (socketPath: string, logFile: string): Promise<Engine> => {
  const bySystem = await runCommand('systemctl', ['is-system-running'])
  if (/running|degraded/.test(bySystem.stdout)) {
    await runCommand('systemctl', ['start', 'docker'])
    const version = await waitForEngine(socketPath)
    if (version) return { socketPath, version, stop: async () => {} }
  }
  mkdirSync(dirname(logFile), { recursive: true })
  const output = openSync(logFile, 'a', 0o600)
  const daemon = spawn('dockerd', ['--host', `unix://${socketPath}`], {
    detached: true,
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  const exited = new Promise<void>((resolve) => daemon.once('exit', () => resolve()))
  const version = await waitForEngine(socketPath, daemon)
  if (!version) throw new Error(`the Docker engine did not start: ${PURPOSE}; ${logFile} tells why`)
  return {
    socketPath,
    version,
    stop: async () => {
      daemon.kill('SIGTERM')
      await exited
    },
  }
}

const waitForEngine = async (
  socketPath: string,
  daemon?: ChildProcess,
): Promise<string | undefined> => {
  const deadline = performance.now() + START_TIMEOUT_MS
  while (performance.now() < deadline && daemon?.exitCode == null) {
    const version = await engineVersion(socketPath)
    if (version) return version
    await sleep(200)
  }
  return undefined
}
