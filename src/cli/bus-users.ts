/**
 * The keys with which the cluster's own parts open the bus, and what each may do there.
 *
 * Invariant: each key is made once, its seed in a file of its own (0600). A process uses the least of them
 * that its actors can do with. Everybody else, nodes of other hosts among them, is let in by the apiservers.
 */
import {
  type BusRights,
  controllerRights,
  nodeRights,
  operatorRights,
  SYSTEM_ACCOUNT,
  simulatorRights,
  USERS_ACCOUNT,
  usersRequests,
} from '../bus/accounts.ts'
import { newIssuerKey, newUserKey } from '../bus/nkey.ts'
import { APISERVER, subjectsFor } from '../bus/subjects.ts'
import { readTextIfPresent, writeFileAtomically } from '../node/files.ts'
import type { NatsServerConfig } from '../node/nats-server.ts'
import { type ClusterConfig, OWN_SUBJECTS_MAX, type StateFolder } from './state-folder.ts'

/** `operator` is a person's; `nodes` is that of the nodes on the machine of the masters. */
export const BUS_USERS = ['operator', 'master', 'controllers', 'nodes'] as const
export type BusUserName = (typeof BUS_USERS)[number]

const PREFIX = 'kubus'

/** Makes the keys that are missing; the public ones, by name. */
export const ensureBusUsers = (folder: StateFolder): Record<BusUserName, string> =>
  Object.fromEntries(
    BUS_USERS.map((name) => [name, ensureKey(folder.busKey(name), newUserKey)]),
  ) as Record<BusUserName, string>

/** The key that signs who everybody else is; only masters hold it. */
export const ensureIssuer = (folder: StateFolder): string =>
  ensureKey(folder.busKey('issuer'), newIssuerKey)

/** The public half of a key whose seed is forgotten. */
export const ensureAnchor = (folder: StateFolder): string => {
  const path = `${folder.busKey('nobody')}.pub`
  const known = readTextIfPresent(path)
  if (known) return known.trim()
  const { publicKey } = newUserKey()
  writeFileAtomically(path, `${publicKey}\n`)
  return publicKey
}

const ensureKey = (path: string, make: () => { seed: string; publicKey: string }): string => {
  const known = readTextIfPresent(`${path}.pub`)
  if (known && readTextIfPresent(path)) return known.trim()
  const { seed, publicKey } = make()
  writeFileAtomically(path, `${seed}\n`)
  writeFileAtomically(`${path}.pub`, `${publicKey}\n`)
  return publicKey
}

/** Which nodes the process on the masters' machine keeps: their names, or more than are listed. */
const rightsOf = (name: BusUserName, nodes: readonly string[]): BusRights | undefined => {
  const subjects = subjectsFor(PREFIX)
  switch (name) {
    case 'operator':
      return operatorRights(subjects)
    case 'controllers':
      return controllerRights(subjects, name)
    case 'nodes':
      return nodes.length > OWN_SUBJECTS_MAX
        ? simulatorRights(subjects, name)
        : nodeRights(subjects, name, nodes)
    case 'master':
      return undefined
  }
}

/** The accounts of the nats-servers: who is in them, and what leads from one to the other. */
export const natsAccounts = (
  { busUsers }: ClusterConfig,
  nodes: readonly string[],
): NatsServerConfig['accounts'] => {
  const subjects = subjectsFor(PREFIX)
  return {
    system: {
      name: SYSTEM_ACCOUNT,
      users: BUS_USERS.filter((name) => name !== 'nodes' || nodes.length > 0).flatMap((name) =>
        (busUsers[name] ?? []).map((nkey) => ({ nkey, rights: rightsOf(name, nodes) })),
      ),
    },
    users: {
      name: USERS_ACCOUNT,
      services: [
        { subject: usersRequests(subjects), as: `${PREFIX}.api.>`, isVouched: true },
        { subject: `${PREFIX}.channel.${APISERVER}.user.>` },
      ],
      streams: [
        `${PREFIX}.channel.user.>`,
        subjects.eventsAll,
        subjects.logsOf(),
        subjects.feedOf('state'),
      ],
    },
  }
}
