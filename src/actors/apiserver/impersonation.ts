/**
 * Impersonation: a request in the name of somebody else, as `kubectl --as` makes it.
 *
 * Invariant: every name, group and extra that is asked for is authorized for the one who asks. Headers and rules
 * are Kubernetes 1.36's (`apiserver/pkg/endpoints/filters/impersonation`); whoever has no such header pays nothing.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { StatusError } from '../../api/status-error.ts'
import type { Authorizer } from './authorization/attributes.ts'
import { permit } from './authorization/refusal.ts'
import type { User } from './request.ts'

const USER = 'impersonate-user'
const GROUP = 'impersonate-group'
const UID = 'impersonate-uid'
const EXTRA = 'impersonate-extra-'
const ACCOUNT_PREFIX = 'system:serviceaccount:'
const AUTHENTICATION = 'authentication.k8s.io'

export const asksToImpersonate = (headers: IncomingHttpHeaders): boolean =>
  headers[USER] !== undefined || headers[GROUP] !== undefined || headers[UID] !== undefined

/** Who the request is from then on; `rawHeaders` are names and values in turn. Throws 403. */
export const impersonated = async (
  authorizer: Authorizer,
  asker: User,
  rawHeaders: readonly string[],
): Promise<User> => {
  const asked = readHeaders(rawHeaders)
  const { name, groups, extra, uid } = asked
  if (!name) throw new StatusError(500, '', 'requested groups, a UID or extras without a user')
  const check = (group: string, resource: string, object: string, more: object = {}) => {
    const verb = 'impersonate'
    const version = 'v1'
    const attributes = { user: asker, verb, group, version, resource, name: object, ...more }
    return permit(authorizer, attributes)
  }
  const account = accountOf(name)
  if (account) await check('', 'serviceaccounts', account.name, { namespace: account.namespace })
  else await check('', 'users', name)
  for (const group of groups) await check('', 'groups', group)
  for (const [key, values] of Object.entries(extra))
    for (const value of values)
      await check(AUTHENTICATION, 'userextras', value, { subresource: key })
  if (uid) await check(AUTHENTICATION, 'uids', uid)
  const user: User = {
    name,
    groups: completedGroups(name, groups, account?.namespace),
    ...(uid ? { uid } : {}),
    extra,
  }
  askers.set(user, asker)
  return user
}

const askers = new WeakMap<User, User>()

/** Who asked to be `user`; undefined for whoever is himself. */
export const impersonatorOf = (user: User): User | undefined => askers.get(user)

interface Asked {
  name: string
  groups: string[]
  uid: string
  extra: Record<string, string[]>
}

const readHeaders = (rawHeaders: readonly string[]): Asked => {
  const asked: Asked = { name: '', groups: [], uid: '', extra: {} }
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

const accountOf = (user: string): { namespace: string; name: string } | undefined => {
  if (!user.startsWith(ACCOUNT_PREFIX)) return undefined
  const [namespace, name, ...rest] = user.slice(ACCOUNT_PREFIX.length).split(':')
  return namespace && name && rest.length === 0 ? { namespace, name } : undefined
}

const AUTHENTICATED = 'system:authenticated'
const UNAUTHENTICATED = 'system:unauthenticated'

/** Groups that everybody of that name is in; given ones say what they say. */
const completedGroups = (
  name: string,
  given: readonly string[],
  accountNamespace: string | undefined,
): string[] => {
  const groups =
    given.length === 0 && accountNamespace !== undefined
      ? ['system:serviceaccounts', `system:serviceaccounts:${accountNamespace}`]
      : [...given]
  if (name === 'system:anonymous') {
    if (!groups.includes(UNAUTHENTICATED)) groups.push(UNAUTHENTICATED)
  } else if (!groups.includes(AUTHENTICATED) && !groups.includes(UNAUTHENTICATED))
    groups.push(AUTHENTICATED)
  return groups
}
