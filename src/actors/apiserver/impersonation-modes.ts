/**
 * The ways in which somebody may act as somebody else.
 *
 * Constrained ones need two rights: `impersonate:<mode>` of who is wanted, and `impersonate-on:<mode>:<verb>` of what
 * is done; the last one, `impersonate`, allows whatever that user may do. Order, rights and refusals follow
 * Kubernetes 1.36 (`endpoints/filters/impersonation/mode.go`). Nothing is remembered.
 */
import { dns1123SubdomainErrors, domainPrefixedPathErrors } from '../../api/names.ts'
import type { StatusError } from '../../api/status-error.ts'
import type { Attributes, Authorizer } from './authorization/attributes.ts'
import { MASTERS } from './authorization/authorizer.ts'
import { forbiddenTo, refusal } from './authorization/refusal.ts'
import type { User } from './request.ts'

/** Who is wanted, as the headers say; what they do not say is empty. */
export interface Wanted {
  name: string
  groups: string[]
  uid: string
  extra: Record<string, string[]>
}

export interface Mode {
  /** Undefined for the one without constraints. */
  name: string | undefined
  appliesTo(wanted: Wanted, asker: User): boolean
  /** The groups that the user will be in, besides those that everybody is in. */
  groupsOf(wanted: Wanted): readonly string[]
}

const ACCOUNT_PREFIX = 'system:serviceaccount:'
const NODE_PREFIX = 'system:node:'
const NODE_KEY = 'authentication.kubernetes.io/node-name'
const KEYS_KEY = 'authentication.kubernetes.io/associated-node-keys'
const AUTHENTICATION = 'authentication.k8s.io'
/** So many of a kind are first asked for at once. */
const MANY = 4

const accountOf = (user: string): { namespace: string; name: string } | undefined => {
  if (!user.startsWith(ACCOUNT_PREFIX)) return undefined
  const [namespace, name, ...rest] = user.slice(ACCOUNT_PREFIX.length).split(':')
  return namespace && name && rest.length === 0 ? { namespace, name } : undefined
}

const nodeNameOf = (user: string): string | undefined => {
  const name = user.startsWith(NODE_PREFIX) ? user.slice(NODE_PREFIX.length) : ''
  return name && dns1123SubdomainErrors(name).length === 0 ? name : undefined
}

const isNameOnly = ({ uid, groups, extra }: Wanted): boolean =>
  !uid && groups.length === 0 && Object.keys(extra).length === 0

const accountGroups = ({ name, groups }: Wanted): readonly string[] => {
  const account = groups.length === 0 ? accountOf(name) : undefined
  return account
    ? ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`]
    : groups
}

const nodeGroups = (): readonly string[] => ['system:nodes']

/** In the order in which they are tried. */
export const MODES: readonly Mode[] = [
  {
    name: 'associated-node',
    appliesTo: (wanted, asker) => {
      const node = nodeNameOf(wanted.name)
      const own = asker.extra?.[NODE_KEY] ?? []
      const isOwn = node !== undefined && own.length === 1 && own[0] === node
      return isOwn && isNameOnly(wanted) && accountOf(asker.name) !== undefined
    },
    groupsOf: nodeGroups,
  },
  {
    name: 'arbitrary-node',
    appliesTo: (wanted) => isNameOnly(wanted) && nodeNameOf(wanted.name) !== undefined,
    groupsOf: nodeGroups,
  },
  {
    name: 'serviceaccount',
    appliesTo: (wanted) => isNameOnly(wanted) && accountOf(wanted.name) !== undefined,
    groupsOf: accountGroups,
  },
  {
    name: 'user-info',
    appliesTo: ({ name }) => nodeNameOf(name) === undefined && accountOf(name) === undefined,
    groupsOf: ({ groups }) => groups,
  },
  { name: undefined, appliesTo: () => true, groupsOf: accountGroups },
]

/** Why the asker, whose request `attributes` is, may not act as who is wanted; undefined: he may. */
export const refusalIn = async (
  mode: Mode,
  authorizer: Authorizer,
  attributes: Attributes,
  wanted: Wanted,
): Promise<StatusError | undefined> => {
  const user = mode.name === 'associated-node' ? withoutExtra(attributes.user) : attributes.user
  if (mode.name !== undefined) {
    const verb = `impersonate-on:${mode.name}:${attributes.verb}`
    const refused = await refusal(authorizer, { ...attributes, user, verb })
    if (refused) return refused
  }
  return new Check(mode, authorizer, user).refusal(wanted)
}

/** Of what ties the asker to its node only the names are told: the tie itself has been judged. */
const withoutExtra = ({ name, groups, uid, extra = {} }: User): User => ({
  name,
  groups,
  ...(uid ? { uid } : {}),
  extra: { [KEYS_KEY]: Object.keys(extra).sort() },
})

class Check {
  private readonly mode: Mode
  private readonly authorizer: Authorizer
  private readonly user: User

  constructor(mode: Mode, authorizer: Authorizer, user: User) {
    this.mode = mode
    this.authorizer = authorizer
    this.user = user
  }

  async refusal(wanted: Wanted): Promise<StatusError | undefined> {
    return (
      (await this.name(wanted.name)) ??
      (wanted.uid ? await this.ask(AUTHENTICATION, 'uids', { name: wanted.uid }) : undefined) ??
      (await this.groups(wanted.groups)) ??
      (await this.extra(wanted.extra))
    )
  }

  private attributes(group: string, resource: string, more: Partial<Attributes>): Attributes {
    const { name } = this.mode
    const verb = name === undefined ? 'impersonate' : `impersonate:${name}`
    return { user: this.user, verb, group, version: 'v1', resource, ...more }
  }

  private ask(group: string, resource: string, more: Partial<Attributes>) {
    return refusal(this.authorizer, this.attributes(group, resource, more))
  }

  /** Names and groups are in the core group where there are no constraints. */
  private get namesGroup(): string {
    return this.mode.name === undefined ? '' : AUTHENTICATION
  }

  private name(name: string) {
    const account = accountOf(name)
    if (account) return this.ask(this.namesGroup, 'serviceaccounts', account)
    const node = this.mode.name === undefined ? undefined : nodeNameOf(name)
    if (node === undefined) return this.ask(this.namesGroup, 'users', { name })
    const asked = this.mode.name === 'associated-node' ? '*' : node
    return this.ask(this.namesGroup, 'nodes', { name: asked })
  }

  private async groups(groups: readonly string[]): Promise<StatusError | undefined> {
    const { namesGroup } = this
    if (this.mode.name !== undefined && groups.length > 0) {
      const refuse = (name: string, why: string) =>
        forbiddenTo(this.attributes(namesGroup, 'groups', { name }), why)
      if (groups.includes(''))
        return refuse('', 'impersonating the empty string group is not allowed')
      if (groups.includes(MASTERS))
        return refuse(MASTERS, `impersonating the ${MASTERS} group is not allowed`)
      if (groups.length >= MANY && !(await this.ask(namesGroup, 'groups', { name: '*' })))
        return undefined
    }
    for (const name of groups) {
      const refused = await this.ask(namesGroup, 'groups', { name })
      if (refused) return refused
    }
    return undefined
  }

  private async extra(extra: Wanted['extra']): Promise<StatusError | undefined> {
    const pairs = Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => [key, value] as const),
    )
    const ask = (subresource: string, name: string) =>
      this.ask(AUTHENTICATION, 'userextras', { subresource, name })
    if (this.mode.name !== undefined && pairs.length > 0) {
      const fault = extraFault(extra)
      if (fault) return forbiddenTo(this.attributes(AUTHENTICATION, 'userextras', {}), fault)
      if (pairs.length >= MANY && !(await ask('*', '*'))) return undefined
    }
    for (const [key, value] of pairs) {
      const refused = await ask(key, value)
      if (refused) return refused
    }
    return undefined
  }
}

const extraFault = (extra: Wanted['extra']): string | undefined => {
  for (const [key, values] of Object.entries(extra)) {
    if (!key) return 'impersonating the empty string key in extra is not allowed'
    const faults = domainPrefixedPathErrors(key).map(
      ({ value, fault }) => `extra.key: Invalid value: ${JSON.stringify(value)}: ${fault}`,
    )
    const shown = faults.length > 1 ? `[${faults.join(', ')}]` : faults[0]
    if (shown) return `impersonating an invalid key in extra is not allowed: ${shown}`
    if (key !== key.toLowerCase())
      return `impersonating a non-lowercase key in extra is not allowed: ${JSON.stringify(key)}`
    if (values.includes('')) return 'impersonating the empty string value in extra is not allowed'
  }
  return undefined
}
