/**
 * `kubus credential`: makes, replaces and revokes what opens the bus.
 *
 *   --node NAME     a certificate for a node of another host; one that was revoked before is good for nothing
 *   --revoke USER   ends USER's connections to the bus at once and refuses what was issued until now; a certificate opens
 *                   the API neither
 *   --rotate        new keys for the parts of the cluster: first both are good, then the new ones alone
 *
 * Invariant: at every moment of a rotation the keys that processes hold are among those that nats-server knows.
 */
import { rmSync } from 'node:fs'
import { REVOCATIONS, revocationKey } from '../actors/apiserver/authentication/revocations.ts'
import { connectBus } from '../bus/nats-bus.ts'
import { newUserKey } from '../bus/nkey.ts'
import { writeFileAtomically } from '../node/files.ts'
import { natsServerConfig } from '../node/nats-server.ts'
import { systemClock } from '../std/clock.ts'
import { componentLog } from '../std/log.ts'
import { createApiClient } from './api-client.ts'
import { issueNodeCertificate, masterCredential } from './bus-credential.ts'
import { BUS_USERS } from './bus-users.ts'
import { type Command, CommandError, DATA_OPTION, textOption, UsageError } from './command.ts'
import { natsConfig, natsUrls } from './processes.ts'
import {
  type ClusterConfig,
  readConfig,
  type StateFolder,
  stateFolder,
  writeConfig,
} from './state-folder.ts'

export const credential: Command = {
  name: 'credential',
  summary: 'Makes, replaces and revokes what opens the bus.',
  options: {
    data: DATA_OPTION,
    node: { type: 'string', value: 'NAME', help: 'makes the credential of a node' },
    revoke: {
      type: 'string',
      value: 'USER',
      help: "ends USER's connections and what was issued so far: system:node:NAME, or any user",
    },
    rotate: { type: 'boolean', help: "replaces the keys of the cluster's own parts" },
  },
  run: async (options) => {
    const folder = stateFolder(textOption(options, 'data'))
    const config = readConfig(folder)
    if (!config)
      throw new CommandError(`there is no cluster in ${folder.root}; start one with kubus up`)
    const node = textOption(options, 'node')
    const revoked = textOption(options, 'revoke')
    if (Number(node !== '') + Number(revoked !== '') + Number(options['rotate'] === true) !== 1)
      throw new UsageError('say one of --node, --revoke and --rotate')
    if (node) await makeNode(folder, node)
    else if (revoked) await revoke(folder, config, revoked)
    else await rotate(folder, config)
    return 0
  },
}

const say = (line: string) => process.stdout.write(`${line}\n`)

const makeNode = async (folder: StateFolder, node: string) => {
  if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(node))
    throw new UsageError(`${JSON.stringify(node)} is no name of a node`)
  await issueNodeCertificate(folder, node)
  say(`node ${node} joins with these files, at the same places of its host:`)
  for (const path of [
    folder.config,
    folder.pki('ca.crt'),
    folder.nodeFile(node, 'crt'),
    folder.nodeFile(node, 'key'),
  ])
    say(`  ${path}`)
}

const revoke = async (folder: StateFolder, config: ClusterConfig, user: string) => {
  const { namespace, name } = REVOCATIONS
  const data = { [revocationKey(user)]: new Date(systemClock.now()).toISOString() }
  const collection = `/api/v1/namespaces/${namespace}/configmaps`
  const api = createApiClient(folder, config.apiPort)
  try {
    const known = await api.call<{ data?: object }>('GET', `${collection}/${name}`)
    const { code } =
      known.code === 200
        ? await api.call('PUT', `${collection}/${name}`, {
            ...known.body,
            data: { ...known.body.data, ...data },
          })
        : await api.call('POST', collection, { metadata: { name }, data })
    if (code >= 300) throw new CommandError(`the cluster refuses it (HTTP ${code})`)
  } finally {
    api.close()
  }
  say(`${user} is off the bus; what is issued from now on is good again`)
}

/** With a connection of its own, whose key is still good afterwards. */
const reloadServers = async (folder: StateFolder, config: ClusterConfig) => {
  const { bus, doorkeeper } = await connectBus({
    servers: natsUrls(config),
    name: 'kubus credential',
    credential: masterCredential(folder),
    log: componentLog('bus').child({}, { level: 'error' }),
    clock: systemClock,
  })
  try {
    const count = await doorkeeper.reload()
    if (count < config.masters)
      throw new CommandError(`${config.masters - count} of the NATS servers do not answer`)
  } finally {
    await bus.drain()
  }
}

/** What processes hold is read anew when they connect, so that ending the former keys makes them use the new. */
const rotate = async (folder: StateFolder, config: ClusterConfig) => {
  if (config.hosts)
    throw new CommandError(
      'the masters of this cluster are on several hosts, each with a copy of the state folder: ' +
        'make new keys with a new state folder, or rotate on one host and copy nats/ to the others',
    )
  const serve = async (busUsers: ClusterConfig['busUsers']) => {
    config.busUsers = busUsers
    for (let master = 0; master < config.masters; master++) {
      const settings = natsConfig(config, folder, master)
      writeFileAtomically(folder.nats(settings.name).config, natsServerConfig(settings))
    }
    await reloadServers(folder, config)
  }
  const fresh = BUS_USERS.map((name) => ({ name, ...newUserKey() }))
  const publicKeys = Object.fromEntries(fresh.map(({ name, publicKey }) => [name, [publicKey]]))
  await serve(
    Object.fromEntries(
      BUS_USERS.map((name) => [name, [...(config.busUsers[name] ?? []), ...publicKeys[name]!]]),
    ),
  )
  for (const { name, seed, publicKey } of fresh) {
    const path = folder.busKey(name)
    // In this order a process that is stopped between finds the pair incomplete, and makes it anew.
    rmSync(`${path}.pub`, { force: true })
    writeFileAtomically(path, `${seed}\n`)
    writeFileAtomically(`${path}.pub`, `${publicKey}\n`)
  }
  writeConfig(folder, { ...config, busUsers: publicKeys })
  await serve(publicKeys)
  say('the parts of the cluster have new keys')
}
