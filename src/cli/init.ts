/**
 * `kubus init`: the state folder that `up` would create, without starting anything. What compose's actors
 * on one host or on several share.
 */
import { shareFolder } from '../node/engine-mounts.ts'
import { systemClock } from '../std/clock.ts'
import { createClusterState, settleConfig } from './cluster-state.ts'
import { type Command, DATA_OPTION, textOption } from './command.ts'
import { readSharedConfig, stateFolder } from './state-folder.ts'

export const init: Command = {
  name: 'init',
  summary:
    'Creates the state folder of a cluster whose actors other programs start; doing it again changes nothing.',
  options: {
    data: DATA_OPTION,
    masters: { type: 'string', value: '1|3', help: 'replicated masters (first time: 1)' },
    hosts: {
      type: 'string',
      value: 'H1,H2,H3',
      help: "names or addresses of the masters' hosts (first time: this machine for all)",
    },
    'api-port': {
      type: 'string',
      value: 'N',
      help: 'port of the first API server, the others follow (first time: 6443)',
    },
    'nats-port': {
      type: 'string',
      value: 'N',
      help: 'port of the first NATS server, the others follow (first time: 4222)',
    },
    'shared-mounts': {
      type: 'boolean',
      help: 'makes the folder a shared mount, for kubelets that run in containers',
    },
  },
  run: async (options) => {
    const folder = stateFolder(textOption(options, 'data'))
    const known = readSharedConfig(folder)
    const config = settleConfig({ ...options, tls: true, joins: true }, known)
    await createClusterState(folder, config, systemClock.now())
    if (options['shared-mounts']) await shareFolder(folder.root)
    process.stdout.write(
      `${known ? 'the state folder is complete' : 'created the state folder'}: ${folder.root}\n`,
    )
    return 0
  },
}
