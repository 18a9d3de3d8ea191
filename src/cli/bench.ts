/**
 * `kubus bench`: measures a cluster made for the purpose, from the outside, and prints a table.
 * The measuring itself is in `bench/`, next to the checkout's other benchmarks.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureTool, KUBECTL } from '../node/tools.ts'
import { type Command, CommandError, textOption } from './command.ts'
import { stateFolder } from './state-folder.ts'

export const bench: Command = {
  name: 'bench',
  summary:
    'Starts clusters of its own, measures them and prints a table; takes about five minutes.',
  options: {
    data: {
      type: 'string',
      value: 'DIR',
      help: 'folder for the measured clusters, deleted afterwards (default: a temporary one)',
    },
    only: {
      type: 'string',
      value: 'LIST',
      default: 'start,api,pods,sustained,real',
      help: 'parts to measure, separated by commas',
    },
    json: { type: 'boolean', help: 'print the figures as JSON instead of a table' },
  },
  run: async (options) => {
    const script = fileURLToPath(import.meta.resolve('../bench/cluster.mjs'))
    if (!existsSync(script))
      throw new CommandError('the benchmarks are in the source checkout; run bin/kubus from there')
    const args = [
      '--only',
      textOption(options, 'only'),
      ...(options['data'] ? ['--data', textOption(options, 'data')] : []),
      ...(options['json'] ? ['--json'] : []),
    ]
    const kubectl = await ensureTool(KUBECTL, { toolsDir: stateFolder('.kubus').tools })
    const env = { ...process.env, PATH: `${dirname(kubectl)}:${process.env['PATH']}` }
    return new Promise((resolve) => {
      spawn(process.execPath, [script, ...args], { stdio: 'inherit', env }).on('exit', (code) =>
        resolve(code ?? 1),
      )
    })
  },
}
