/**
 * What requests are authenticated by: authorities, tokens and the configuration, which may all be replaced while
 * requests are served.
 *
 * Invariant: what is replaced counts from the next request on; a configuration that is wrong, or whose issuers
 * cannot be reached, replaces nothing. Judges are asked in Kubernetes' order (`pkg/kubeapiserver/authenticator`):
 * those that know by themselves before those that ask others.
 */
import type { AuthenticationConfiguration } from '../../../api/authentication/authentication-configuration.ts'
import type { Storage } from '../../../client/storage.ts'
import type { Clock } from '../../../std/clock.ts'
import type { Log } from '../../../std/log.ts'
import type { ServiceAccountTokens } from '../service-account-tokens.ts'
import type { RequestAuthentication } from './authenticate.ts'
import { createAuthenticateToken, forOwnAudiences, type TokenJudge } from './bearer-token.ts'
import { bootstrapTokenUsers } from './bootstrap-tokens.ts'
import { type ClientAuthorities, ClientCertificates } from './client-certificates.ts'
import { isRevoked } from './revocations.ts'
import { type StaticToken, staticTokenUsers } from './static-tokens.ts'
import type { TokenWebhookSettings } from './token-webhook.ts'

export interface AuthenticationSettings {
  tokens?: readonly StaticToken[]
  /** Without one, requests without credentials are anonymous and no other issuers are trusted. */
  configuration?: AuthenticationConfiguration | undefined
  /** Who is asked about tokens that nobody here knows. */
  webhook?: TokenWebhookSettings | undefined
}

export interface AuthenticationPorts {
  storage: Storage
  serviceAccounts: ServiceAccountTokens
  clock: Clock
  log: Log
}

/** A judge that keeps something open. */
export interface RunningJudge {
  judge: TokenJudge
  /** Resolves when it can judge. */
  ready: Promise<void>
  stop(): void
}

const NO_JUDGE: RunningJudge = {
  judge: () => undefined,
  ready: Promise.resolve(),
  stop: () => undefined,
}

export class Authentication implements RequestAuthentication {
  readonly certificates: ClientCertificates
  readonly authenticateToken
  private readonly bootstrap: TokenJudge
  /** Those that count now. */
  staticTokens: readonly StaticToken[] = []
  private readonly tokenListeners = new Set<() => void>()
  private static: TokenJudge = NO_JUDGE.judge
  private issuers = NO_JUDGE
  private webhook = NO_JUDGE
  private configuration: AuthenticationConfiguration | undefined
  private webhookSettings: TokenWebhookSettings | undefined
  private changes = Promise.resolve()

  constructor(private readonly ports: AuthenticationPorts) {
    const { storage, clock, serviceAccounts } = ports
    const { audiences } = serviceAccounts
    this.certificates = new ClientCertificates(clock, (user, issuedAtMs) =>
      isRevoked(storage.cache, user, issuedAtMs),
    )
    this.bootstrap = forOwnAudiences(bootstrapTokenUsers(storage, clock), audiences)
    this.authenticateToken = createAuthenticateToken(
      () => [
        this.static,
        serviceAccounts.judge,
        this.bootstrap,
        this.issuers.judge,
        this.webhook.judge,
      ],
      audiences,
    )
  }

  readonly allowsAnonymous = (path: string): boolean => {
    const { anonymous } = this.configuration ?? {}
    if (!anonymous) return true
    if (!anonymous.enabled) return false
    const { conditions = [] } = anonymous
    return conditions.length === 0 || conditions.some((condition) => condition.path === path)
  }

  /** For the first time: what needs others is there at once and refuses until it has reached them. */
  async start(authorities: ClientAuthorities, settings: AuthenticationSettings): Promise<void> {
    this.useLocal(authorities, settings)
    await this.useRemote(settings, false)
  }

  /** Rejects when the configuration cannot be used; the former one holds on then. One change at a time. */
  replace(authorities: ClientAuthorities, settings: AuthenticationSettings): Promise<void> {
    this.useLocal(authorities, settings)
    const change = this.changes.then(() => this.useRemote(settings, true))
    this.changes = change.catch(() => undefined)
    return change
  }

  /** Calls `listener` when static tokens are added, changed or removed. The result ends it. */
  onStaticTokens(listener: () => void): () => void {
    this.tokenListeners.add(listener)
    return () => this.tokenListeners.delete(listener)
  }

  stop(): void {
    this.issuers.stop()
    this.webhook.stop()
  }

  private useLocal(authorities: ClientAuthorities, { tokens = [] }: AuthenticationSettings): void {
    this.certificates.trust(authorities)
    if (isSame(tokens, this.staticTokens)) return
    this.staticTokens = tokens
    this.static = forOwnAudiences(staticTokenUsers(tokens), this.ports.serviceAccounts.audiences)
    for (const listener of this.tokenListeners) listener()
  }

  private async useRemote(
    { configuration, webhook }: AuthenticationSettings,
    waits: boolean,
  ): Promise<void> {
    if (!isSame(webhook, this.webhookSettings)) {
      const former = this.webhook
      this.webhook = webhook ? await this.openWebhook(webhook) : NO_JUDGE
      this.webhookSettings = webhook
      former.stop()
    }
    if (isSame(configuration, this.configuration)) return
    const issuers = configuration?.jwt.length ? await this.openIssuers(configuration) : NO_JUDGE
    try {
      if (waits) await issuers.ready
    } catch (error) {
      issuers.stop()
      throw error
    }
    const former = this.issuers
    this.issuers = issuers
    this.configuration = configuration
    former.stop()
  }

  /** Rarely configured: loaded only then. */
  private async openIssuers(configuration: AuthenticationConfiguration): Promise<RunningJudge> {
    const { openIssuers } = await import('./issuers/issuers.ts')
    const { clock, log, serviceAccounts } = this.ports
    return openIssuers(configuration, { clock, log, audiences: serviceAccounts.audiences })
  }

  private async openWebhook(settings: TokenWebhookSettings): Promise<RunningJudge> {
    const { openTokenWebhook } = await import('./token-webhook.ts')
    const { clock, log, serviceAccounts } = this.ports
    return openTokenWebhook(settings, { clock, log, audiences: serviceAccounts.audiences })
  }
}

const isSame = (one: object | undefined, other: object | undefined): boolean =>
  JSON.stringify(one) === JSON.stringify(other)
