/**
 * `kubus certificates`: when the cluster's certificates expire, and their renewal before it is due.
 *
 *   status               every certificate: until when it is good, and when it will be renewed
 *   renew                new ones now; running processes take them without an interruption
 *   replace-authority    one step of a succession: the next authority is trusted; said again, it signs
 *
 * Invariant: it only writes the files that running masters follow. Between the two steps everybody who holds a copy
 * of the authority needs the new one: kubeconfigs that were handed out, and other hosts.
 */
import { systemClock, timestamp } from '../std/clock.ts'
import { type CertificateState, certificateStates, renewCertificates } from './certificates.ts'
import { type Command, CommandError, DATA_OPTION, textOption, UsageError } from './command.ts'
import { writeKubeconfig } from './credentials.ts'
import { readSharedConfig, type StateFolder, stateFolder } from './state-folder.ts'

const VERBS = ['status', 'renew', 'replace-authority']

export const certificates: Command = {
  name: 'certificates',
  summary: 'Shows when certificates expire; renews them and their authority before it is due.',
  positionals: VERBS.join('|'),
  options: { data: DATA_OPTION },
  run: async (options, positionals) => {
    const [verb = 'status'] = positionals
    if (!VERBS.includes(verb)) throw new UsageError(`say one of ${VERBS.join(', ')}`)
    const folder = stateFolder(textOption(options, 'data'))
    const config = readSharedConfig(folder)
    if (!config)
      throw new CommandError(`there is no cluster in ${folder.root}; start one with kubus up`)
    if (verb !== 'status') {
      await renew(folder, verb === 'renew' ? { all: true } : { succession: true })
      writeKubeconfig(folder, config.apiPort, config.hosts?.[0])
    }
    process.stdout.write(table(certificateStates(folder)))
    return 0
  },
}

const renew = async (folder: StateFolder, options: { all?: boolean; succession?: boolean }) => {
  const written = await renewCertificates(folder, systemClock.now(), options)
  if (written.length === 0)
    throw new CommandError('nothing was renewed: the keys of the authorities are on another host')
  process.stdout.write(`renewed: ${written.join(', ')}\n\n`)
}

const table = (states: readonly CertificateState[]): string => {
  const rows = [
    ['CERTIFICATE', 'SIGNED BY', 'EXPIRES', 'RENEWED FROM'],
    ...states.map(({ name, authority, expiresMs, renewedMs }) => [
      name,
      authority,
      timestamp(expiresMs),
      timestamp(renewedMs),
    ]),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map((row) =>
      `${row.map((cell, column) => cell.padEnd(widths[column]!)).join('   ')}`.trimEnd(),
    )
    .join('\n')
    .concat('\n')
}
