/**
 * Who asks on the bus: what nats-server vouches for, never what a client writes.
 *
 *   kubus.as.<identity>.…   a part of the cluster or a node; nats-server lets nobody else publish there
 *   kubus.as.~users.…       everybody else; nats-server puts who it is into a header, in place of any other
 *   kubus.api.…             an operator of the cluster, who alone may publish there in the parts' own account
 *
 * Invariant: the subject alone says whether the header is looked at. A part's rights are those of its name.
 */
import { unauthorized } from '../../api/status-error.ts'
import type { Headers } from '../../bus/bus.ts'
import { EVERYBODY } from '../../bus/subjects.ts'
import type { User } from './request.ts'

/** In whose name an operator asks. */
export const OPERATOR: User = {
  name: 'system:bus-operator',
  groups: ['system:masters', 'system:authenticated'],
}

/** Written by nats-server where a request enters from the account of everybody. */
export const REQUEST_INFO = 'Nats-Request-Info'
/** The server's text about a connection changes with its round trip time only. */
const KNOWN_MAX = 4096

/** What nats-server says of the connection, where it does: what others write there is not looked at. */
export const vouchedInfo = (as: string | undefined, headers: Headers): string | undefined =>
  as === EVERYBODY ? headers[REQUEST_INFO] : undefined

const parts = new Map<string, User>()
const others = new Map<string, User>()

/** Throws StatusError 401 when nats-server did not say who it is. */
export const busUser = (as: string | undefined, headers: Headers): User => {
  if (as === undefined) return OPERATOR
  return as === EVERYBODY ? vouchedUser(vouchedInfo(as, headers) ?? '') : partUser(as)
}

const partUser = (name: string): User => {
  const known = parts.get(name)
  if (known) return known
  const user: User = { name, groups: [...groupsOf(name), 'system:authenticated'] }
  parts.set(name, user)
  return user
}

const groupsOf = (name: string): string[] => {
  // Only the key of the masters opens its subjects.
  if (name === 'system:apiserver') return ['system:masters']
  return name.startsWith('system:node:') ? ['system:nodes'] : []
}

const vouchedUser = (info: string): User => {
  const known = others.get(info)
  if (known) return known
  const user = parseInfo(info)
  if (others.size >= KNOWN_MAX) others.delete(others.keys().next().value!)
  others.set(info, user)
  return user
}

const parseInfo = (info: string): User => {
  try {
    const { user: name } = JSON.parse(info) as { user?: string }
    const known = parseBusName(name ?? '')
    if (known) return known.user
  } catch {
    // Said below.
  }
  throw unauthorized()
}

/** What the name of a connection's user says, which the authorization service gave it: JSON of this. */
export interface BusName extends User {
  /** Tells rights apart. */
  rights: string
  /** When the credential was made. */
  issuedAtMs: number | undefined
  /** Stamp of the static token that it came by. */
  token?: string | undefined
  /** Id of the key that signed the service account's token that it came by. */
  key?: string | undefined
}

/** Undefined for a name that is not of this service. */
export const parseBusName = (
  text: string,
): (Omit<BusName, keyof User> & { user: User }) | undefined => {
  try {
    const { name, groups, uid, extra, ...more } = JSON.parse(text) as BusName
    if (typeof name !== 'string' || !Array.isArray(groups)) return undefined
    return {
      user: { name, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) },
      ...more,
    }
  } catch {
    return undefined
  }
}
