/**
 * Processes of a cluster that are running, or were left behind by a supervisor that was killed.
 *
 * Invariant: a process is ended only when its command line names this cluster's state folder.
 */
import { readFileSync } from 'node:fs'
import { stopGroups } from '../node/supervisor.ts'
import { sleep } from '../std/clock.ts'
import type { RunningState, StateFolder } from './state-folder.ts'

const STOP_TIMEOUT_MS = 15_000

/** Whether `pid` is alive and its command line names this state folder, as that of every process of Kubus does. */
export const isOurProcess = (pid: number, folder: StateFolder): boolean => {
  try {
    const line = `${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')} `
    return line.includes(`${folder.root} `) || line.includes(`${folder.root}/`)
  } catch {
    return false
  }
}

/** Sends SIGTERM and waits; SIGKILL after 15 s. */
export const endProcess = async (pid: number, folder: StateFolder, timeoutMs = STOP_TIMEOUT_MS) => {
  const signal = (name: NodeJS.Signals) => {
    try {
      process.kill(pid, name)
    } catch {}
  }
  signal('SIGTERM')
  const deadline = performance.now() + timeoutMs
  while (isOurProcess(pid, folder)) {
    if (performance.now() > deadline) signal('SIGKILL')
    await sleep(50)
  }
}

/** Ends what a killed supervisor left behind. */
export const stopLeftovers = async (folder: StateFolder, running: RunningState | undefined) => {
  for (const group of stopGroups(running?.processes ?? [], ({ name }) => name))
    await Promise.all(
      group
        .filter(({ pid }) => isOurProcess(pid, folder))
        .map(({ pid }) => endProcess(pid, folder)),
    )
}
