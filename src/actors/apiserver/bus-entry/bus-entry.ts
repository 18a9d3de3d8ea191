/**
 * Lets connections to the bus in that nats-server's own configuration does not know, and ends them again.
 *
 *   knock ──▶ who (visitor.ts) ──▶ revoked? ──▶ a node: the parts' account, its own subjects
 *                                        └────▶ anybody else: the users' account, what their rights let them hear
 *
 * Invariant: what a connection may hear follows its user's rights: when these change, when the user's account or pod
 * is gone, the credential is revoked, the static token no longer listed or a token's key dropped, the connection ends
 * within a second; a client that may come back does. Any replica does all of it; none keeps what another could not ask
 * nats-server for. Who is refused is in the books.
 */
import { createHash } from 'node:crypto'
import { Pod } from '../../../api/core/pod.ts'
import { ServiceAccount } from '../../../api/core/service-account.ts'
import { StatusError, unauthorized } from '../../../api/status-error.ts'
import { nodeRights, SYSTEM_ACCOUNT, USERS_ACCOUNT } from '../../../bus/accounts.ts'
import type { Doorkeeper, Knock, OpenConnection, Pass } from '../../../bus/doorkeeper.ts'
import { type Subjects, subjectsFor } from '../../../bus/subjects.ts'
import type { Cache, Change } from '../../../client/view.ts'
import type { Clock } from '../../../std/clock.ts'
import { decodeToken } from '../../../std/json-web-token.ts'
import type { Log } from '../../../std/log.ts'
import type { Refusals } from '../audit/refusals.ts'
import { isRevocation, isRevoked } from '../authentication/revocations.ts'
import type { StaticToken } from '../authentication/static-tokens.ts'
import type { Authorizer } from '../authorization/attributes.ts'
import { nodeOf } from '../authorization/node-authorizer.ts'
import { type BusName, parseBusName } from '../bus-identity.ts'
import type { User } from '../request.ts'
import type { ServiceAccountTokens } from '../service-account-tokens.ts'
import { TokenStamps } from './token-stamps.ts'
import { userRights } from './user-rights.ts'
import { type Visitor, type VisitorPorts, visitorOf } from './visitor.ts'

export interface BusEntryPorts extends VisitorPorts {
  doorkeeper: Doorkeeper
  /** Gives the seed of the key that signs passes. */
  issuer(): string
  staticTokens: {
    /** Those that count now; another list when one has changed. */
    list(): readonly StaticToken[]
    /** The result ends it. */
    onChange(listener: () => void): () => void
  }
  /** Which keys their tokens are believed by. */
  serviceAccounts: Pick<ServiceAccountTokens, 'isBelieved' | 'onKeysChanged'>
  /** Absent: nothing is audited. */
  refusals: Refusals | undefined
  cache: Cache
  authorizer: Authorizer
  prefix: string
  clock: Clock
  log: Log
}

/** A user's connection is judged anew after this long. */
const PASS_MS = 3600_000
/** Groups whose objects decide what may be heard: rights, and which resources there are. */
const DECIDES = new Set(['rbac.authorization.k8s.io', 'apiextensions.k8s.io'])
/** On what nats-server asks who a connection is. */
const ENTRY = '$SYS.REQ.USER.AUTH'
/** Changes come in groups. */
const SETTLE_MS = 100
const KEEP_MS = 10 * 60_000

/** The result closes the entry; connections that are open stay. */
export const openBusEntry = (ports: BusEntryPorts): (() => Promise<void>) => {
  const entry = new BusEntry(ports)
  return entry.open()
}

class BusEntry {
  private readonly subjects: Subjects
  private readonly stamps: TokenStamps
  /** Uids on whose existence connections rest, as far as this replica knows. */
  private readonly supports = new Set<string>()
  private cancel = (): void => undefined
  private sweepsAt = Number.POSITIVE_INFINITY
  private sweeping: Promise<void> | undefined

  constructor(private readonly ports: BusEntryPorts) {
    this.subjects = subjectsFor(ports.prefix)
    this.stamps = new TokenStamps(ports.staticTokens.list, ports.issuer)
  }

  open(): () => Promise<void> {
    const { doorkeeper, issuer, cache, staticTokens, serviceAccounts } = this.ports
    const registration = doorkeeper.serve(issuer, (knock) => this.judge(knock))
    const onTokens = () => this.sweepAfter(SETTLE_MS)
    const endings = [staticTokens.onChange(onTokens), serviceAccounts.onKeysChanged(onTokens)]
    const unsubscribe = cache.subscribe((change) => {
      if (this.concerns(change)) this.sweepAfter(SETTLE_MS)
    })
    this.sweepAfter(SETTLE_MS)
    return async () => {
      this.cancel()
      unsubscribe()
      for (const end of endings) end()
      await registration.stop()
      await this.sweeping
    }
  }

  private async judge(knock: Knock): Promise<Pass> {
    const { cache, log } = this.ports
    let visitor: Visitor | undefined
    try {
      if (isDisguised(knock)) throw unauthorized()
      // Before anything is awaited: a token that is withdrawn meanwhile has its stamp, and is found.
      const stamp = this.stamps.of(knock.token)
      const key = this.keyOf(knock.token)
      visitor = await visitorOf(this.ports, knock)
      const { user, issuedAtMs } = visitor
      if (isRevoked(cache, user.name, issuedAtMs)) throw unauthorized()
      log.debug({ user: user.name, host: knock.host }, 'a connection to the bus is admitted')
      return nodeOf(user) === undefined
        ? await this.userPass(visitor, { token: stamp, key })
        : this.nodePass(visitor, stamp)
    } catch (error) {
      this.book(knock, visitor?.user, error)
      throw error
    }
  }

  private nodePass({ user, expiresAtMs, issuedAtMs }: Visitor, stamp: string | undefined): Pass {
    const rights = nodeRights(this.subjects, user.name, [nodeOf(user) ?? ''])
    const name = stamp
      ? nameText({ ...user, rights: digestOf(rights), issuedAtMs, token: stamp })
      : user.name
    if (name.includes('%')) throw unauthorized()
    return { account: SYSTEM_ACCOUNT, name, rights, expiresAtMs }
  }

  private async userPass(
    { user, issuedAtMs, expiresAtMs }: Visitor,
    proof: Pick<BusName, 'token' | 'key'>,
  ): Promise<Pass> {
    const rights = await userRights({ ...this.ports, subjects: this.subjects }, user)
    for (const uid of uidsOf(user)) this.supports.add(uid)
    return {
      account: USERS_ACCOUNT,
      name: nameText({ ...user, rights: digestOf(rights), issuedAtMs, ...proof }),
      rights,
      expiresAtMs: Math.min(
        expiresAtMs ?? Number.POSITIVE_INFINITY,
        this.ports.clock.now() + PASS_MS,
      ),
    }
  }

  private book({ host, client }: Knock, user: User | undefined, error: unknown): void {
    const { refusals, clock } = this.ports
    refusals?.add({
      user,
      verb: 'connect',
      subject: ENTRY,
      status: (error instanceof StatusError ? error : unauthorized()).status,
      sourceIPs: host ? [host] : [],
      userAgent: client,
      atMs: clock.now(),
    })
  }

  private concerns(change: Change): boolean {
    if (DECIDES.has(change.kind.group)) return true
    if (change.type === 'DELETED' && this.supports.has(change.object.metadata.uid)) return true
    return isRevocation(change)
  }

  /** At that time or before, however many changes come. */
  private sweepAfter(delayMs: number): void {
    const { clock, log } = this.ports
    const at = clock.monotonic() + delayMs
    if (at >= this.sweepsAt) return
    this.cancel()
    this.sweepsAt = at
    this.cancel = clock.after(delayMs, () => {
      this.sweepsAt = Number.POSITIVE_INFINITY
      this.sweepAfter(KEEP_MS)
      this.sweeping = this.sweep().catch((error: unknown) =>
        log.warn({ err: error }, 'open connections to the bus could not be judged'),
      )
    })
  }

  /** Ends what would not be let in as it is. */
  private async sweep(): Promise<void> {
    const { doorkeeper, log } = this.ports
    const [users, parts] = await Promise.all(
      [USERS_ACCOUNT, SYSTEM_ACCOUNT].map((account) => doorkeeper.connections(account)),
    )
    this.supports.clear()
    const ended: OpenConnection[] = []
    for (const connection of users!)
      if (!(await this.isGoodUser(connection))) ended.push(connection)
    for (const connection of parts!) if (!this.isGoodNode(connection)) ended.push(connection)
    for (const connection of ended) {
      log.info(
        { user: parseBusName(connection.name)?.user.name ?? connection.name },
        'a connection to the bus is ended',
      )
      await doorkeeper.kick(connection)
    }
  }

  private async isGoodUser({ name }: OpenConnection): Promise<boolean> {
    const { cache } = this.ports
    const known = parseBusName(name)
    if (!known) return false
    for (const uid of uidsOf(known.user)) this.supports.add(uid)
    if (isRevoked(cache, known.user.name, known.issuedAtMs)) return false
    if (!this.isListed(known.token)) return false
    const { key } = known
    if (key !== undefined && !this.ports.serviceAccounts.isBelieved(key)) return false
    if (!isThere(cache, known.user)) return false
    const rights = await userRights({ ...this.ports, subjects: this.subjects }, known.user)
    return digestOf(rights) === known.rights
  }

  /** A node's connection does not say when its certificate was made: one that is newer comes back. */
  private isGoodNode({ name: text }: OpenConnection): boolean {
    const known = parseBusName(text)
    const name = known?.user.name ?? text
    if (!name.startsWith('system:node:')) return true
    return !isRevoked(this.ports.cache, name, known?.issuedAtMs) && this.isListed(known?.token)
  }

  /** The id of the key that signed the token, if it is one of service accounts'. */
  private keyOf(token: string): string | undefined {
    const kid = decodeToken(token)?.header.kid
    return kid !== undefined && this.ports.serviceAccounts.isBelieved(kid) ? kid : undefined
  }

  /** Those that did not come by a static token are in no list. */
  private isListed(stamp: string | undefined): boolean {
    return stamp === undefined || this.stamps.isGood(stamp)
  }
}

/**
 * nats-server writes names of clients and users into the formats of its log lines, where a percent sign would be read
 * as an instruction: what follows the log could be told somebody else's name.
 */
const isDisguised = ({ client, program }: Knock): boolean => `${client}${program}`.includes('%')

const nameText = (name: BusName): string => JSON.stringify(name).replaceAll('%', '\\u0025')

const digestOf = (rights: object): string =>
  createHash('sha256').update(JSON.stringify(rights)).digest('base64url').slice(0, 16)

const POD_NAME = 'authentication.kubernetes.io/pod-name'
const POD_UID = 'authentication.kubernetes.io/pod-uid'

const accountOf = ({ name }: User) => /^system:serviceaccount:([^:]+):(.+)$/.exec(name)

const uidsOf = (user: User): string[] =>
  accountOf(user) ? [user.uid ?? '', ...(user.extra?.[POD_UID] ?? [])] : []

/** Whether the service account, and the pod its token is bound to, are still those that they were. */
const isThere = (cache: Cache, user: User): boolean => {
  const account = accountOf(user)
  if (!account) return true
  const [, namespace = '', name = ''] = account
  if (cache.get(ServiceAccount, namespace, name)?.metadata.uid !== user.uid) return false
  const [pod] = user.extra?.[POD_NAME] ?? []
  if (pod === undefined) return true
  return cache.get(Pod, namespace, pod)?.metadata.uid === user.extra?.[POD_UID]?.[0]
}
