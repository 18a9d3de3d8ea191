/**
 * Tokens of other issuers (OpenID Connect), as an AuthenticationConfiguration trusts them.
 *
 * Invariant: a token is judged by the one issuer it names; issuers are looked for in the background until they are
 * found, and their tokens refused meanwhile. A verdict is remembered for ten seconds, as Kubernetes does, and never
 * beyond the token's expiry, for a bounded number of tokens.
 */
import { createHash } from 'node:crypto'
import type {
  AuthenticationConfiguration,
  JwtAuthenticator,
} from '../../../../api/authentication/authentication-configuration.ts'
import {
  compileAuthenticator,
  type JwtExpressions,
} from '../../../../api/authentication/configuration-validation.ts'
import { userOfClaims } from '../../../../api/authentication/jwt-user.ts'
import { assert } from '../../../../std/assert.ts'
import type { Clock } from '../../../../std/clock.ts'
import type { Log } from '../../../../std/log.ts'
import type { User } from '../../request.ts'
import type { RunningJudge } from '../authentication.ts'
import { forOwnAudiences, TokenRefused } from '../bearer-token.ts'
import { type ClaimResolver, createClaimResolver } from './distributed-claim.ts'
import { Provider } from './provider.ts'
import { untrustedIssuer } from './untrusted-issuer.ts'

export interface IssuerPorts {
  clock: Clock
  log: Log
  /** Of this API. */
  audiences: readonly string[]
}

const RETRY_MS = 10_000
const READY_MAX_MS = 60_000
const REMEMBERED_MS = 10_000
const REMEMBERED_MAX = 1000

/** The configuration was found valid before. */
export const openIssuers = (
  configuration: AuthenticationConfiguration,
  ports: IssuerPorts,
): RunningJudge => {
  const issuers = new Map(
    configuration.jwt.map((authenticator) => [
      authenticator.issuer.url,
      new Issuer(authenticator, ports),
    ]),
  )
  const all = [...issuers.values()]
  const userOf = (token: string): Promise<User> | undefined => {
    const named = untrustedIssuer(token)
    return named === undefined ? undefined : issuers.get(named)?.userOf(token)
  }
  return {
    judge: forOwnAudiences((token) => userOf(token), ports.audiences),
    ready: Promise.all(all.map(({ ready }) => ready)).then(() => undefined),
    stop: () => {
      for (const issuer of all) issuer.stop()
    },
  }
}

interface Verdict {
  user: Promise<User>
  untilMs: number
}

class Issuer {
  /** Rejects when it was not found in time; it is looked for further. */
  readonly ready: Promise<void>
  private readonly provider: Provider
  private readonly resolver: ClaimResolver | undefined
  private readonly expressions: JwtExpressions
  private readonly remembered = new Map<string, Verdict>()
  private isStopped = false
  private cancelTimers: (() => void)[] = []

  constructor(
    private readonly authenticator: JwtAuthenticator,
    private readonly ports: IssuerPorts,
  ) {
    const { issuer, claimMappings } = authenticator
    const { audiences, certificateAuthority: ca } = issuer
    const options = { audiences, connection: { ca }, clock: ports.clock }
    this.provider = new Provider({
      issuer: issuer.url,
      discoveryUrl: issuer.discoveryURL,
      ...options,
    })
    const groups = claimMappings.groups?.claim
    this.resolver = groups ? createClaimResolver(groups, options) : undefined
    const faults: Parameters<typeof compileAuthenticator>[0] = []
    this.expressions = compileAuthenticator(faults, 'jwt', authenticator, [])
    assert(faults.length === 0, `the configuration of ${issuer.url} was not validated`)
    this.ready = this.search()
    this.ready.catch(() => undefined)
  }

  stop(): void {
    this.isStopped = true
    for (const cancel of this.cancelTimers) cancel()
  }

  userOf(token: string): Promise<User> {
    const { remembered } = this
    const now = this.ports.clock.monotonic()
    const key = createHash('sha256').update(token).digest('base64')
    const known = remembered.get(key)
    if (known && known.untilMs > now) return known.user
    const judged = this.judge(token)
    const verdict: Verdict = { user: judged.then(({ user }) => user), untilMs: now + REMEMBERED_MS }
    judged.then(
      ({ lifeMs }) => {
        verdict.untilMs = Math.min(verdict.untilMs, now + lifeMs)
      },
      () => undefined,
    )
    remembered.delete(key)
    remembered.set(key, verdict)
    if (remembered.size > REMEMBERED_MAX) remembered.delete(remembered.keys().next().value!)
    verdict.user.catch(() => {
      if (remembered.get(key) === verdict) remembered.delete(key)
    })
    return verdict.user
  }

  /** `lifeMs`: how long the token is good still. */
  private async judge(token: string): Promise<{ user: User; lifeMs: number }> {
    if (!this.provider.isReady) throw new TokenRefused('oidc: authenticator not initialized')
    try {
      const claims = await this.provider.verify(token).catch((error: Error) => {
        throw new Error(`oidc: verify token: ${error.message}`)
      })
      await this.resolver?.expand(claims).catch((error: Error) => {
        throw new Error(`oidc: could not expand distributed claims: ${error.message}`)
      })
      const user = userOfClaims(claims, this.authenticator, this.expressions)
      return { user, lifeMs: Number(claims['exp']) * 1000 - this.ports.clock.now() }
    } catch (error) {
      throw new TokenRefused((error as Error).message)
    }
  }

  private search(): Promise<void> {
    const { clock, log } = this.ports
    const issuer = this.authenticator.issuer.url
    return new Promise((resolve, reject) => {
      let last = new Error('it did not answer')
      const attempt = (): void => {
        this.provider.discover().then(resolve, (error: Error) => {
          last = error
          if (this.isStopped) return
          log.error({ issuer, error: error.message }, 'an issuer of tokens was not found')
          this.cancelTimers = [this.cancelTimers[0]!, clock.after(RETRY_MS, attempt)]
        })
      }
      this.cancelTimers = [
        clock.after(READY_MAX_MS, () =>
          reject(
            new Error(
              `oidc: authenticator for issuer ${JSON.stringify(issuer)} is not healthy: ${last.message}`,
            ),
          ),
        ),
      ]
      attempt()
    })
  }
}
