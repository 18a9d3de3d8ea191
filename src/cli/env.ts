/**
 * `kubus env`: the exports that point kubectl and the nats CLI at this cluster.
 */
import { type Command, CommandError, DATA_OPTION, textOption } from './command.ts'
import { natsUrls } from './processes.ts'
import { shellWord } from './shell-word.ts'
import { readConfig, stateFolder } from './state-folder.ts'

export const env: Command = {
  name: 'env',
  summary: 'Prints exports for a shell: eval "$(kubus env)".',
  options: { data: DATA_OPTION },
  run: async (options) => {
    const folder = stateFolder(textOption(options, 'data'))
    const config = readConfig(folder)
    if (!config)
      throw new CommandError(`there is no cluster in ${folder.root}; start one with kubus up`)
    const exports = {
      KUBECONFIG: folder.kubeconfig,
      NATS_URL: natsUrls(config).join(','),
      NATS_NKEY: folder.operatorSeed,
      ...(config.tls ? { NATS_CA: folder.pki('ca.crt') } : {}),
    }
    for (const [name, value] of Object.entries(exports))
      process.stdout.write(`export ${name}=${shellWord(value)}\n`)
    return 0
  },
}
