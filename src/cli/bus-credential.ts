/**
 * With which credential a process opens the bus: the least that its actors can do with.
 *
 * Invariant: a worker never uses more than its nodes' own. On the masters' machine a node's certificate is made
 * when it is missing; another host must have been given it (`kubus credential --node`).
 */
import { existsSync } from 'node:fs'
import { nodeIdentity } from '../bus/accounts.ts'
import type { BusCredential } from '../bus/nats-credential.ts'
import { APISERVER, subjectsFor } from '../bus/subjects.ts'
import { readTextIfPresent } from '../node/files.ts'
import { systemClock } from '../std/clock.ts'
import type { ActorSettings } from './actor-settings.ts'
import type { ActorName } from './actors.ts'
import type { BusUserName } from './bus-users.ts'
import { CommandError } from './command.ts'
import { readSharedConfig, type StateFolder } from './state-folder.ts'

const PREFIX = 'kubus'

/** Undefined where the state folder holds no keys: then nats-server asks for none, as in a test. */
export const credentialOf = async (
  names: readonly ActorName[],
  settings: ActorSettings,
  folder: StateFolder,
): Promise<BusCredential | undefined> => {
  const wanted = new Set(names)
  if (wanted.has('store') || wanted.has('apiserver') || wanted.has('events'))
    return masterCredential(folder)
  if (wanted.has('scheduler') || wanted.has('controllers'))
    return keyCredential(folder, 'controllers', ['part.controllers'])
  const config = readSharedConfig(folder)
  if (config?.joins) return nodeCredential(folder, settings.nodes)
  const { nodeParty } = subjectsFor(PREFIX)
  const credential = keyCredential(folder, 'nodes', settings.nodes.map(nodeParty))
  return credential && { ...credential, isWorker: true }
}

/** Of the processes of a master, which may do everything. */
export const masterCredential = (folder: StateFolder): BusCredential | undefined =>
  keyCredential(folder, 'master', [APISERVER, 'part.controllers'])

/** Of a person who operates the cluster. */
export const operatorCredential = (folder: StateFolder): BusCredential | undefined =>
  keyCredential(folder, 'operator', ['part.operator'])

const keyCredential = (
  folder: StateFolder,
  name: BusUserName,
  parties: readonly string[],
): BusCredential | undefined => {
  const path = folder.busKey(name)
  if (!existsSync(path)) return undefined
  return {
    name,
    parties,
    proof: { type: 'nkey', seed: () => readTextIfPresent(path)?.trim() ?? '' },
    ...authorityOf(folder),
  }
}

const authorityOf = (folder: StateFolder): Pick<BusCredential, 'serverAuthority'> =>
  readSharedConfig(folder)?.tls ? { serverAuthority: folder.pki('ca.crt') } : {}

/** A node's own certificate; the one of another node opens nothing of this one. */
const nodeCredential = async (
  folder: StateFolder,
  nodes: readonly string[],
): Promise<BusCredential> => {
  const [node = '', ...others] = nodes
  if (others.length > 0)
    throw new CommandError('each node has a credential of its own: start a process for each')
  if (!existsSync(folder.nodeFile(node, 'crt'))) await issueNodeCertificate(folder, node)
  return {
    name: nodeIdentity(node),
    parties: [subjectsFor(PREFIX).nodeParty(node)],
    isWorker: true,
    proof: {
      type: 'certificate',
      pair: () => ({
        certificate: readTextIfPresent(folder.nodeFile(node, 'crt')) ?? '',
        key: readTextIfPresent(folder.nodeFile(node, 'key')) ?? '',
      }),
    },
    ...authorityOf(folder),
  }
}

/** Makes the certificate by which `node` is known, replacing what it had. Throws without the authority's key. */
export const issueNodeCertificate = async (folder: StateFolder, node: string) => {
  const authority = {
    certificate: readTextIfPresent(folder.pki('ca.crt')) ?? '',
    key: readTextIfPresent(folder.pki('ca.key')) ?? '',
  }
  if (!authority.key)
    throw new CommandError(
      `node ${node} has no credential here; make it on a master's host with ` +
        `kubus credential --node ${node} and copy ${folder.nodeFile(node, 'crt')} and .key`,
    )
  const [{ issueCertificate }, { writeFileAtomically }] = await Promise.all([
    import('../node/pki.ts'),
    import('../node/files.ts'),
  ])
  const { certificate, key } = await issueCertificate(authority, {
    subject: { commonName: nodeIdentity(node), organizations: ['system:nodes'] },
    usage: 'client',
    nowMs: systemClock.now(),
    backdateMs: 0,
  })
  writeFileAtomically(folder.nodeFile(node, 'key'), key)
  writeFileAtomically(folder.nodeFile(node, 'crt'), certificate)
}
