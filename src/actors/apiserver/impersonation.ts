/**
 * Impersonation: a request in the name of somebody else, as `kubectl --as` makes it.
 *
 * Invariant: every name, group and extra that is asked for is authorized for the one who asks, either for what the
 * request does (constrained) or for everything. Headers and rules are Kubernetes 1.36's
 * (`apiserver/pkg/endpoints/filters/impersonation`); whoever has no such header pays nothing.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { badRequest, type StatusError } from '../../api/status-error.ts'
import type { Attributes, Authorizer } from './authorization/attributes.ts'
import { MODES, refusalIn, type Wanted } from './impersonation-modes.ts'
import type { User } from './request.ts'

const USER = 'impersonate-user'
const GROUP = 'impersonate-group'
const UID = 'impersonate-uid'
const EXTRA = 'impersonate-extra-'

export const asksToImpersonate = (headers: IncomingHttpHeaders): boolean =>
  headers[USER] !== undefined || headers[GROUP] !== undefined || headers[UID] !== undefined

/**
 * Who the request is from then on; `rawHeaders` are names and values in turn, `attributes` what its sender asks for.
 * Throws 403 with what the first way of doing it that applies is refused for.
 */
export const impersonated = async (
  authorizer: Authorizer,
  attributes: Attributes,
  rawHeaders: readonly string[],
): Promise<User> => {
  const wanted = readHeaders(rawHeaders)
  if (!wanted.name)
    throw badRequest(`requested ${goUser(wanted)} without impersonating a user name`)
  let first: StatusError | undefined
  for (const mode of MODES) {
    if (!mode.appliesTo(wanted, attributes.user)) continue
    const refused = await refusalIn(mode, authorizer, attributes, wanted)
    if (refused) {
      first ??= refused
      continue
    }
    const { name, uid, extra } = wanted
    const groups = completedGroups(name, mode.groupsOf(wanted))
    const user: User = { name, groups, ...(uid ? { uid } : {}), extra }
    askers.set(user, attributes.user)
    return user
  }
  throw first!
}

const askers = new WeakMap<User, User>()

/** Who asked to be `user`; undefined for whoever is himself. */
export const impersonatorOf = (user: User): User | undefined => askers.get(user)

/** As Go prints it. */
const goUser = ({ name, uid, groups, extra }: Wanted): string => {
  const list = (texts: readonly string[]) =>
    `{${texts.map((text) => JSON.stringify(text)).join(', ')}}`
  const pairs = Object.entries(extra).map(
    ([key, values]) => `${JSON.stringify(key)}:[]string${list(values)}`,
  )
  const shownGroups = groups.length > 0 ? `[]string${list(groups)}` : '[]string(nil)'
  const shownExtra =
    pairs.length > 0 ? `map[string][]string{${pairs.join(', ')}}` : 'map[string][]string(nil)'
  return `&user.DefaultInfo{Name:${JSON.stringify(name)}, UID:${JSON.stringify(uid)}, Groups:${shownGroups}, Extra:${shownExtra}}`
}

const readHeaders = (rawHeaders: readonly string[]): Wanted => {
  const asked: Wanted = { name: '', groups: [], uid: '', extra: {} }
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const header = rawHeaders[at]!.toLowerCase()
    const value = rawHeaders[at + 1]!
    if (header === USER) asked.name ||= value
    else if (header === GROUP) asked.groups.push(value)
    else if (header === UID) asked.uid ||= value
    else if (header.startsWith(EXTRA)) {
      const key = unescaped(header.slice(EXTRA.length))
      asked.extra[key] = [...(asked.extra[key] ?? []), value]
    }
  }
  return asked
}

/** What cannot be decoded is kept as it is. */
const unescaped = (key: string): string => {
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}

const AUTHENTICATED = 'system:authenticated'
const UNAUTHENTICATED = 'system:unauthenticated'

/** The groups that everybody is in, or nobody who is known. */
const completedGroups = (name: string, groups: readonly string[]): string[] => {
  const missing = name === 'system:anonymous' ? UNAUTHENTICATED : AUTHENTICATED
  return groups.includes(missing) || groups.includes(UNAUTHENTICATED)
    ? [...groups]
    : [...groups, missing]
}
