/**
 * `kubus encryption`: the keys that objects are encrypted with at rest, in `<data>/encryption.yaml`.
 *
 * The file is Kubernetes' EncryptionConfiguration, made with the cluster (Secrets, AES-GCM) and an operator's to
 * change. Invariant: it is 0600 and written whole; running actors take a change up without a restart; a key is
 * never removed here, since backups and deletions of the last minutes may still be sealed with it.
 */
import { randomBytes } from 'node:crypto'
import { isMap, isSeq, parseDocument, stringify } from 'yaml'
import { connectBus } from '../bus/nats-bus.ts'
import { subjectsFor } from '../bus/subjects.ts'
import { readTextIfPresent, writeFileAtomically } from '../node/files.ts'
import { sleep, systemClock } from '../std/clock.ts'
import { componentLog } from '../std/log.ts'
import { operatorCredential } from './bus-credential.ts'
import { type Command, CommandError, DATA_OPTION, textOption, UsageError } from './command.ts'
import { natsUrls } from './processes.ts'
import { readEncryption } from './sealing.ts'
import { readSharedConfig, type StateFolder, stateFolder } from './state-folder.ts'

const KEY_BYTES = 32

const newKey = (name: string) => ({ name, secret: randomBytes(KEY_BYTES).toString('base64') })

/** Makes the configuration of a new cluster: Secrets are encrypted from the first one on. */
export const ensureEncryption = (folder: StateFolder): void => {
  if (readTextIfPresent(folder.encryption) !== undefined) return
  const providers = [{ aesgcm: { keys: [newKey('key1')] } }, { identity: {} }]
  const document = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    resources: [{ resources: ['secrets'], providers }],
  }
  writeFileAtomically(folder.encryption, stringify(document))
}

export const encryption: Command = {
  name: 'encryption',
  summary:
    'The keys of encryption at rest: `status` shows what is encrypted, `rotate` seals with a new key from now ' +
    'on and writes everything again with it, `rewrite` only writes again (after you changed the file).',
  positionals: 'status|rotate|rewrite',
  options: { data: DATA_OPTION },
  run: async (options, positionals) => {
    const [verb = 'status'] = positionals
    const folder = stateFolder(textOption(options, 'data'))
    if (!readSharedConfig(folder)) throw new CommandError(`there is no cluster in ${folder.root}`)
    if (verb === 'status') return showStatus(folder)
    if (verb !== 'rotate' && verb !== 'rewrite')
      throw new UsageError(`there is no ${verb}; say status, rotate or rewrite`)
    if (verb === 'rotate') addKey(folder)
    const written = await askToReseal(folder)
    for (const [kind, count] of Object.entries(written))
      process.stdout.write(`${kind}: ${count} written again\n`)
    return 0
  },
}

const showStatus = (folder: StateFolder): number => {
  for (const { resources, providers } of readEncryption(folder)) {
    const [first] = providers
    const key = first?.keys[0]?.name
    process.stdout.write(
      `${resources.join(', ')}: ${key === undefined ? 'not encrypted' : `${first?.type} with ${key}`}\n`,
    )
  }
  return 0
}

/** A new key in front of those of every rule's first provider. */
const addKey = (folder: StateFolder): void => {
  const names = readEncryption(folder).flatMap(({ providers }) =>
    providers.flatMap(({ keys }) => keys.map(({ name }) => name)),
  )
  const numbers = names.map((name) => Number(/^key(\d+)$/.exec(name)?.[1] ?? 0))
  const key = newKey(`key${Math.max(0, ...numbers) + 1}`)
  const document = parseDocument(readTextIfPresent(folder.encryption) ?? '')
  const rules = document.get('resources')
  if (!isSeq(rules)) throw new CommandError(`${folder.encryption} names no resources`)
  let added = 0
  rules.items.forEach((_, index) => {
    const provider = document.getIn(['resources', index, 'providers', 0])
    const type = isMap(provider) ? String(provider.items[0]?.key) : ''
    const path = ['resources', index, 'providers', 0, type, 'keys']
    const keys = document.getIn(path)
    if (type === 'identity' || !isSeq(keys)) return
    keys.items.unshift(document.createNode(key))
    added++
  })
  if (added === 0)
    throw new CommandError(`${folder.encryption} encrypts nothing, so there is no key to replace`)
  writeFileAtomically(folder.encryption, document.toString())
  process.stdout.write(`${key.name} seals what is written from now on\n`)
}

const CONNECT_TIMEOUT_MS = 5_000
const REWRITE_TIMEOUT_MS = 10 * 60_000

const askToReseal = async (folder: StateFolder): Promise<Record<string, number>> => {
  const config = readSharedConfig(folder)!
  const connecting = connectBus({
    servers: natsUrls(config),
    name: 'kubus encryption',
    credential: operatorCredential(folder),
    log: componentLog('bus').child({}, { level: 'warn' }),
    clock: systemClock,
  })
  const connected = await Promise.race([connecting, sleep(CONNECT_TIMEOUT_MS, systemClock)])
  if (!connected)
    throw new CommandError(
      'the cluster does not answer; start it, then say `kubus encryption rewrite`',
    )
  const { bus } = connected
  try {
    const subject = subjectsFor(bus.prefix).storeReseal
    const { data } = await bus.request(subject, {}, { timeoutMs: REWRITE_TIMEOUT_MS })
    return (data as { written: Record<string, number> }).written
  } finally {
    await bus.drain()
  }
}
