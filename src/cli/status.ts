/**
 * `kubus status`: the processes of a cluster with their memory, its nodes and how many pods run.
 */
import { readFileSync } from 'node:fs'
import { createApiClient } from './api-client.ts'
import { type Command, CommandError, DATA_OPTION, textOption } from './command.ts'
import { isOurProcess } from './running.ts'
import { readConfig, readRunning, stateFolder } from './state-folder.ts'
import { fetchTable, tableLines } from './summary.ts'

/** Resident memory in MiB, 0 when the process is gone. */
const memoryMiB = (pid: number): number => {
  try {
    const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return Math.round(Number(match?.[1] ?? 0) / 1024)
  } catch {
    return 0
  }
}

export const status: Command = {
  name: 'status',
  summary: 'Tells what runs. Exit code 0: the API answers; 3: it does not.',
  options: { data: DATA_OPTION },
  run: async (options) => {
    const folder = stateFolder(textOption(options, 'data'))
    const config = readConfig(folder)
    if (!config)
      throw new CommandError(`there is no cluster in ${folder.root}; start one with kubus up`)
    const running = readRunning(folder)
    const alive = running !== undefined && isOurProcess(running.pid, folder)
    const processes = [
      ...(alive ? [{ name: 'supervisor', pid: running.pid, restarts: 0 }] : []),
      ...(running?.processes ?? []),
    ].filter(({ pid }) => isOurProcess(pid, folder))
    const lines = processes.map(
      ({ name, pid, restarts }) =>
        `${name.padEnd(16)} pid ${String(pid).padEnd(8)} ${String(memoryMiB(pid)).padStart(4)} MiB` +
        (restarts > 0 ? `  restarted ${restarts}×` : ''),
    )
    const total = processes.reduce((sum, { pid }) => sum + memoryMiB(pid), 0)
    lines.push(`${'all'.padEnd(16)} ${' '.repeat(12)} ${String(total).padStart(4)} MiB`, '')
    const api = createApiClient(folder, config.apiPort)
    try {
      const nodes = await fetchTable(api, '/api/v1/nodes')
      const pods = await fetchTable(api, '/api/v1/pods')
      if (nodes) lines.push(...tableLines(nodes), '')
      lines.push(`${pods?.rows.length ?? 0} pods; API https://127.0.0.1:${config.apiPort}`)
      process.stdout.write(`${lines.join('\n')}\n`)
      return 0
    } catch {
      lines.push(
        `the API at https://127.0.0.1:${config.apiPort} does not answer; ` +
          (alive ? `the logs in ${folder.logs} tell why` : 'start the cluster with kubus up'),
      )
      process.stdout.write(`${lines.join('\n')}\n`)
      return 3
    } finally {
      api.close()
    }
  },
}
