/**
 * `kubus certificates`: when the cluster's certificates expire, and their renewal before it is due; the keys of
 * service accounts' tokens.
 *
 *   status               every certificate: until when it is good, and when it will be renewed; every key
 *   renew                new ones now; running processes take them without an interruption
 *   replace-authority    one step of a succession: the next authority is trusted; said again, it signs
 *   prepare-signing-key  makes the next key of service accounts' tokens; all verify by it, none signs
 *   replace-signing-key  it signs, a new one if none is prepared; what was signed before stays good
 *   drop-signing-keys    what former keys signed is refused at once
 *
 * Invariant: it only writes the files that running masters follow. Between the two steps everybody who holds a copy
 * of the authority needs the new one: kubeconfigs that were handed out, and other hosts.
 */
import { systemClock, timestamp } from '../std/clock.ts'
import { type CertificateState, certificateStates, renewCertificates } from './certificates.ts'
import { type Command, CommandError, DATA_OPTION, textOption, UsageError } from './command.ts'
import { writeKubeconfig } from './credentials.ts'
import type { Rotation } from './signing-key-rotation.ts'
import { type SigningKeyState, signingKeyStates } from './signing-keys.ts'
import { readSharedConfig, type StateFolder, stateFolder } from './state-folder.ts'

const VERBS = [
  'status',
  'renew',
  'replace-authority',
  'prepare-signing-key',
  'replace-signing-key',
  'drop-signing-keys',
]

export const certificates: Command = {
  name: 'certificates',
  summary:
    "Shows when certificates expire; renews them and their authority before it is due; replaces the key that signs service accounts' tokens.",
  positionals: VERBS.join('|'),
  options: { data: DATA_OPTION },
  run: async (options, positionals) => {
    const [verb = 'status'] = positionals
    if (!VERBS.includes(verb)) throw new UsageError(`say one of ${VERBS.join(', ')}`)
    const folder = stateFolder(textOption(options, 'data'))
    const config = readSharedConfig(folder)
    if (!config)
      throw new CommandError(`there is no cluster in ${folder.root}; start one with kubus up`)
    if (verb.includes('signing-key'))
      await stepSigningKey(verb, { folder, config, clock: systemClock })
    else if (verb !== 'status') {
      await renew(folder, verb === 'renew' ? { all: true } : { succession: true })
      writeKubeconfig(folder, config.apiPort, config.hosts?.[0])
    }
    process.stdout.write(table(CERTIFICATE_COLUMNS, certificateRows(certificateStates(folder))))
    const keys = signingKeyStates(folder)
    if (keys.length > 0) process.stdout.write(`\n${table(KEY_COLUMNS, keyRows(keys))}`)
    return 0
  },
}

const renew = async (folder: StateFolder, options: { all?: boolean; succession?: boolean }) => {
  const written = await renewCertificates(folder, systemClock.now(), options)
  if (written.length === 0)
    throw new CommandError('nothing was renewed: the keys of the authorities are on another host')
  process.stdout.write(`renewed: ${written.join(', ')}\n\n`)
}

/** Says what has come of it. */
const stepSigningKey = async (verb: string, rotation: Rotation): Promise<void> => {
  const { dropFormer, prepareNext, replaceSigningKey } = await import('./signing-key-rotation.ts')
  if (verb === 'prepare-signing-key') {
    const { id, file } = await prepareNext(rotation)
    say(`${id} is the next key: ${rotation.folder.pki(file)}`)
  } else if (verb === 'replace-signing-key') {
    const id = await replaceSigningKey(rotation)
    say(`${id} signs from now on; pods have tokens of it within a day, most within the hour`)
  } else {
    const dropped = await dropFormer(rotation)
    for (const { id } of dropped) say(`${id} is dropped: its tokens are refused`)
    if (dropped.length === 0) say('there is no former key')
  }
  say('')
}

const say = (line: string) => process.stdout.write(`${line}\n`)

const CERTIFICATE_COLUMNS = ['CERTIFICATE', 'SIGNED BY', 'EXPIRES', 'RENEWED FROM']

const certificateRows = (states: readonly CertificateState[]): string[][] =>
  states.map(({ name, authority, expiresMs, renewedMs }) => [
    name,
    authority,
    timestamp(expiresMs),
    timestamp(renewedMs),
  ])

const KEY_COLUMNS = ['KEY OF SERVICE ACCOUNTS', 'FILE', 'MADE', 'USE']

const keyRows = (states: readonly SigningKeyState[]): string[][] =>
  states.map(({ id, file, role, madeMs, untilMs }) => [
    id,
    file,
    timestamp(madeMs),
    useOf(role, untilMs),
  ])

const useOf = (role: SigningKeyState['role'], untilMs: number | undefined): string => {
  if (role === 'signing') return 'signs'
  if (role === 'next') return 'verifies, will sign'
  return untilMs === undefined ? 'verifies' : `verifies, at least until ${timestamp(untilMs)}`
}

const table = (columns: readonly string[], states: readonly string[][]): string => {
  const rows = [columns, ...states]
  const widths = columns.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map((row) =>
      `${row.map((cell, column) => cell.padEnd(widths[column]!)).join('   ')}`.trimEnd(),
    )
    .join('\n')
    .concat('\n')
}
