/**
 * The supervisor of one host's processes: starts them, restarts those that die, stops them in order.
 *
 * Invariant: a process it started is running, waiting out its back-off, or stopped on purpose; stopping
 * leaves none behind. It does not know what the processes do, and it never ends one it did not start.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { backoffMs } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'

const RESTART = { baseMs: 100, maxMs: 10_000 }
/** A process that lived this long starts over with the shortest back-off. */
const STABLE_AFTER_MS = 10_000
const STOP_GRACE_MS = 10_000
const FAILURES_TOLERATED = 5
const LAST_WORDS_MAX = 300

export interface ProcessSpec {
  name: string
  command: string
  args: readonly string[]
  /** Its output, appended. */
  logFile: string
  env?: Record<string, string>
  /** The process tells `{ready: true}` over its IPC channel; otherwise it counts as ready when started. */
  reportsReady: boolean
}

export interface SupervisedProcess {
  readonly spec: ProcessSpec
  readonly pid: number | undefined
  readonly restarts: number
  /** Resolves the first time the process reports ready. */
  readonly ready: Promise<void>
  stop(): Promise<void>
}

export interface Supervisor {
  start(spec: ProcessSpec): SupervisedProcess
  readonly processes: readonly SupervisedProcess[]
  /**
   * Resolves with a sentence when a process says that it cannot run (`{hopeless: sentence}` over its IPC
   * channel), or ended several times in a row as soon as it started. It is started again all the same.
   */
  readonly troubled: Promise<string>
  /** Stops the processes in the reverse order of their start, replicas (`nats-1`, `nats-2`) together. */
  stopAll(): Promise<void>
}

export interface SupervisorHooks {
  onExit?(name: string, code: number | null, signal: string | null): void
  onStart?(name: string, pid: number): void
}

export const createSupervisor = (
  { clock, log }: { clock: Clock; log: Log },
  hooks: SupervisorHooks = {},
): Supervisor => {
  const processes: SupervisedProcess[] = []
  let onTrouble = (_: string) => {}
  const troubled = new Promise<string>((resolve) => {
    onTrouble = resolve
  })
  return {
    processes,
    troubled,
    start: (spec) => {
      const supervised = supervise(spec, clock, log, { ...hooks, onTrouble })
      processes.push(supervised)
      return supervised
    },
    stopAll: async () => {
      for (const group of stopGroups(processes, ({ spec }) => spec.name))
        await Promise.all(group.map((supervised) => supervised.stop()))
    },
  }
}

/**
 * What is stopped together, and in which order: replicas (`nats-1`, `nats-2`) are one group, and the group
 * that was started first is stopped last.
 */
export const stopGroups = <T>(processes: readonly T[], nameOf: (process: T) => string): T[][] => {
  const groups = new Map<string, T[]>()
  for (const process of processes) {
    const role = nameOf(process).replace(/-\d+$/, '')
    groups.set(role, [...(groups.get(role) ?? []), process])
  }
  return [...groups.values()].reverse()
}

/** What a process that cannot stay up said last tells why. */
const failureSentence = ({ name, logFile }: ProcessSpec): string => {
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n')
  return `${name} ends as soon as it starts: ${(lines.at(-1) ?? '').slice(0, LAST_WORDS_MAX)} (${logFile})`
}

const launch = (spec: ProcessSpec): ChildProcess => {
  mkdirSync(dirname(spec.logFile), { recursive: true })
  const output = openSync(spec.logFile, 'a', 0o600)
  try {
    return spawn(spec.command, spec.args, {
      stdio: spec.reportsReady ? ['ignore', output, output, 'ipc'] : ['ignore', output, output],
      env: { ...process.env, ...spec.env },
      // A group of its own: Ctrl-C in the terminal reaches the supervisor alone, which stops them in order.
      detached: true,
    })
  } finally {
    closeSync(output)
  }
}

const supervise = (
  spec: ProcessSpec,
  clock: Clock,
  log: Log,
  hooks: SupervisorHooks & { onTrouble(sentence: string): void },
): SupervisedProcess => {
  let child: ChildProcess | undefined
  let exited: Promise<void> = Promise.resolve()
  let restarts = 0
  let failures = 0
  let stopping = false
  let cancelRestart = () => {}
  let markReady = () => {}
  const ready = new Promise<void>((resolve) => {
    markReady = resolve
  })

  const start = () => {
    const startedAt = clock.monotonic()
    const current = launch(spec)
    child = current
    exited = new Promise((resolve) => {
      const onEnd = (code: number | null, signal: string | null) => {
        resolve()
        if (child !== current) return
        child = undefined
        if (stopping) return
        failures = clock.monotonic() - startedAt > STABLE_AFTER_MS ? 1 : failures + 1
        restarts++
        log.warn({ process: spec.name, code, signal, failures }, 'process ended, restarting it')
        hooks.onExit?.(spec.name, code, signal)
        if (failures === FAILURES_TOLERATED) hooks.onTrouble(failureSentence(spec))
        cancelRestart = clock.after(backoffMs(failures, RESTART), start)
      }
      current.once('exit', onEnd)
      current.once('error', (error) => {
        log.error({ process: spec.name, error: error.message }, 'process could not be started')
        onEnd(null, null)
      })
    })
    current.on('message', (message) => {
      const { ready: isReady, hopeless } = message as { ready?: boolean; hopeless?: string }
      if (isReady) markReady()
      if (hopeless) hooks.onTrouble(hopeless)
    })
    if (current.pid) hooks.onStart?.(spec.name, current.pid)
    if (!spec.reportsReady) markReady()
  }

  start()
  return {
    spec,
    ready,
    get pid() {
      return child?.pid
    },
    get restarts() {
      return restarts
    },
    stop: async () => {
      stopping = true
      cancelRestart()
      const running = child
      if (!running) return
      running.kill('SIGTERM')
      const cancelKill = clock.after(STOP_GRACE_MS, () => running.kill('SIGKILL'))
      await exited
      cancelKill()
    },
  }
}
