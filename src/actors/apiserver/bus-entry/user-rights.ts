/**
 * What a user's connection to the bus may publish and hear, from the user's rights at this moment.
 *
 * Every request may be sent: each is authorized when it arrives. Changes that are published (`kubus.events.…`,
 * `kubus.feed.…`) may be heard where the objects behind them may be listed and watched, lines of logs
 * (`kubus.logs.…`) where all pods' logs may be read. Invariant: a subject is allowed only when everything that is
 * published under it is. It decides by asking the authorizer, nothing else.
 */
import type { AnyKind } from '../../../api/kind.ts'
import { RoleBinding } from '../../../api/rbac/role-binding.ts'
import type { Binding } from '../../../api/rbac/role-subject.ts'
import type { BusRights } from '../../../bus/accounts.ts'
import { APISERVER, type Subjects, userInbox } from '../../../bus/subjects.ts'
import type { Cache } from '../../../client/view.ts'
import type { Authorizer } from '../authorization/attributes.ts'
import { MASTERS } from '../authorization/authorizer.ts'
import type { User } from '../request.ts'

/** In so many namespaces a connection hears changes by rights that it has in the namespace alone. */
const NAMESPACES_MAX = 100

export interface UserRightsPorts {
  cache: Cache
  authorizer: Authorizer
  subjects: Subjects
}

export const userRights = async (ports: UserRightsPorts, user: User): Promise<BusRights> => {
  const { subjects } = ports
  const party = subjects.userParty(user.name)
  return {
    publish: [subjects.apiAll(), subjects.channel(APISERVER, party, '*')],
    subscribe: [
      `${userInbox(user.name)}.>`,
      subjects.channelsTo(party),
      ...(user.groups.includes(MASTERS)
        ? ['_INBOX.>', subjects.eventsAll, subjects.logsOf(), subjects.feed]
        : await heardBy(ports, user)),
    ],
    answers: false,
  }
}

/** Subjects of published changes and lines of logs that the user may hear. */
const heardBy = async (ports: UserRightsPorts, user: User): Promise<string[]> => {
  const kinds = [...ports.cache.kinds.stored].filter(({ isVirtual }) => !isVirtual)
  const everywhere = new Set<AnyKind>()
  for (const kind of kinds) if (await mayHear(ports, user, kind)) everywhere.add(kind)
  const heard = subjectsOf(ports.subjects, kinds, everywhere, undefined)
  const allLogs = await mayReadLogs(ports, user)
  if (allLogs) heard.push(ports.subjects.logsOf())
  for (const namespace of boundNamespaces(ports.cache, user)) {
    const here = new Set(everywhere)
    for (const kind of kinds)
      if (kind.namespaced && !here.has(kind) && (await mayHear(ports, user, kind, namespace)))
        here.add(kind)
    if (here.size > everywhere.size)
      heard.push(...subjectsOf(ports.subjects, kinds, here, namespace))
    if (!allLogs && (await mayReadLogs(ports, user, namespace)))
      heard.push(ports.subjects.logsOf(namespace))
  }
  return [...new Set(heard)]
}

const mayHear = async (
  { authorizer }: UserRightsPorts,
  user: User,
  { group, plural }: AnyKind,
  namespace?: string,
): Promise<boolean> => {
  for (const verb of ['list', 'watch']) {
    const asked = authorizer.decide({ user, verb, group, resource: plural, namespace })
    const { allowed } = asked instanceof Promise ? await asked : asked
    if (!allowed) return false
  }
  return true
}

const mayReadLogs = async (
  { authorizer }: UserRightsPorts,
  user: User,
  namespace?: string,
): Promise<boolean> => {
  const log = { group: '', resource: 'pods', subresource: 'log', namespace }
  return (await authorizer.decide({ user, verb: 'get', ...log })).allowed
}

/** Events name a resource without its group, so all groups' must be allowed; the feed names the group too. */
const subjectsOf = (
  subjects: Subjects,
  kinds: readonly AnyKind[],
  allowed: ReadonlySet<AnyKind>,
  namespace: string | undefined,
): string[] => {
  const refused = new Set(kinds.filter((kind) => !allowed.has(kind)).map(({ plural }) => plural))
  return [...allowed].flatMap((kind) => [
    ...(refused.has(kind.plural) ? [] : [subjects.eventsOf(kind.plural, namespace)]),
    ...(kind.storage === 'state' ? [subjects.feedOfKind(kind.group, kind.plural, namespace)] : []),
  ])
}

/** Where a RoleBinding names the user or one of the user's groups. */
const boundNamespaces = (cache: Cache, user: User): string[] => {
  const found = new Set<string>()
  const account = /^system:serviceaccount:([^:]+):(.+)$/.exec(user.name)
  for (const { metadata, subjects = [] } of cache.list(RoleBinding) as Binding[]) {
    const { namespace } = metadata
    if (!namespace || found.has(namespace)) continue
    const isNamed = subjects.some((subject) => {
      if (subject.kind === 'Group') return user.groups.includes(subject.name)
      if (subject.kind === 'User') return subject.name === user.name
      return subject.namespace === account?.[1] && subject.name === account?.[2]
    })
    if (isNamed) found.add(namespace)
    if (found.size >= NAMESPACES_MAX) break
  }
  return [...found]
}
