/**
 * Tokens of service accounts: signed JSON Web Tokens (RS256), and whose they are when they come back.
 *
 * Claims, checks and wording follow Kubernetes 1.36 (`pkg/serviceaccount`). Invariant: a token is good only
 * while its account, and what it is bound to, exist with the uids it names. Signatures are checked once a
 * token, for a bounded number of tokens; everything else at every request. Tokens that are kept in Secrets are
 * judged by `legacy-tokens.ts`.
 */

import { USUAL_TOKEN_SECONDS } from '../../api/core/lasting-tokens.ts'
import { Node } from '../../api/core/node.ts'
import { Pod } from '../../api/core/pod.ts'
import { Secret } from '../../api/core/secret.ts'
import { ServiceAccount } from '../../api/core/service-account.ts'
import { LEGACY_ISSUER, type LegacyClaims } from '../../api/core/token-secret.ts'
import type { AnyKind, Kind } from '../../api/kind.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import type { Storage } from '../../client/storage.ts'
import type { Clock } from '../../std/clock.ts'
import { newUid } from '../../std/ids.ts'
import { decodeToken, signToken } from '../../std/json-web-token.ts'
import { type TokenJudge, TokenRefused, type TokenVerdict } from './authentication/bearer-token.ts'
import type { User } from './request.ts'
import { type ServiceAccountKeys, TokenKeys } from './token-keys.ts'

/** As kubeadm names the issuer of its clusters; it is also the audience of this API. */
export const ISSUER = 'https://kubernetes.default.svc.cluster.local'

interface Reference {
  name: string
  /** Absent for the node of a pod that is gone. */
  uid?: string
}

interface PrivateClaims {
  namespace: string
  serviceaccount: Reference
  pod?: Reference
  secret?: Reference
  node?: Reference
  /** Seconds since the epoch from when on use is remarkable. */
  warnafter?: number
}

interface Claims {
  aud: string[] | string
  exp: number
  iat: number
  iss: string
  jti: string
  nbf: number
  sub: string
  'kubernetes.io': PrivateClaims
}

export interface TokenOptions {
  account: ServiceAccount
  audiences: readonly string[]
  expirationSeconds: number
  warnAfterSeconds?: number
  pod?: KubernetesObject
  secret?: KubernetesObject
  node?: { metadata: { name: string; uid?: string } }
}

/** A token, and by what its uses are told apart from those of others. */
export interface Issued {
  token: string
  credentialId: string
}

/** A token whose signature was found right. */
type Verified = { claims: Claims; user: User } | { legacy: LegacyClaims }

/** What is written down of tokens. */
export interface TokenBooks {
  /** That a Secret's token was used. */
  noteUse(secret: Secret): void
  /** That a token is about to be signed which is good for longer than usual; rejects when that cannot be. */
  noteLasting(keyId: string, endMs: number): Promise<void>
}

const NO_BOOKS: TokenBooks = { noteUse: () => undefined, noteLasting: async () => undefined }

const VERIFIED_MAX = 1000
/** How long clocks may differ, and how long what was deleted still counts. */
const LEEWAY_SECONDS = 60

export class ServiceAccountTokens {
  readonly issuer = ISSUER
  readonly audiences: readonly string[] = [ISSUER]
  private readonly keys: TokenKeys
  /** Hear that other keys are believed. */
  private readonly listeners = new Set<() => void>()
  /** The least recently used first. */
  private readonly verified = new Map<string, Verified>()

  /** Throws when a key is none of RSA. */
  constructor(
    keys: ServiceAccountKeys,
    private readonly storage: Storage,
    private readonly clock: Clock,
    private readonly books: TokenBooks = NO_BOOKS,
  ) {
    this.keys = new TokenKeys(keys)
  }

  /** What is signed and judged from now on is by these keys. Throws, and changes nothing, when one is none of RSA. */
  replaceKeys(keys: ServiceAccountKeys): void {
    if (!this.keys.replace(keys)) return
    this.verified.clear()
    for (const listener of this.listeners) listener()
  }

  isBelieved(keyId: string): boolean {
    return this.keys.isBelieved(keyId)
  }

  /** The result ends it. */
  onKeysChanged(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  async issue(options: TokenOptions): Promise<Issued> {
    const { account, audiences, expirationSeconds, warnAfterSeconds } = options
    const { name, namespace = '', uid } = account.metadata
    const now = Math.floor(this.clock.now() / 1000)
    const claims: Claims = {
      aud: [...audiences],
      exp: now + expirationSeconds,
      iat: now,
      iss: this.issuer,
      jti: newUid(),
      'kubernetes.io': {
        namespace,
        ...(options.node ? { node: referenceTo(options.node) } : {}),
        ...(options.pod ? { pod: referenceTo(options.pod) } : {}),
        ...(options.secret ? { secret: referenceTo(options.secret) } : {}),
        serviceaccount: { name, uid },
        ...(warnAfterSeconds === undefined ? {} : { warnafter: now + warnAfterSeconds }),
      },
      nbf: now,
      sub: `system:serviceaccount:${namespace}:${name}`,
    }
    const { signing } = this.keys
    if (expirationSeconds > USUAL_TOKEN_SECONDS)
      await this.books.noteLasting(signing.id, claims.exp * 1000)
    return { token: await signToken(claims, signing), credentialId: credentialIdOf(claims) }
  }

  readonly judge: TokenJudge = async (token, audiences) => {
    const verified = this.verified.get(token) ?? this.verify(token)
    if (!verified) return undefined
    this.remember(token, verified)
    return 'legacy' in verified
      ? this.judgeLegacy(token, verified.legacy, audiences)
      : this.judgeBound(verified, audiences)
  }

  /** `/.well-known/openid-configuration`; `server` is `host:port`. */
  configuration(server: string): object {
    return {
      issuer: this.issuer,
      jwks_uri: `https://${server}/openid/v1/jwks`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    }
  }

  /** `/openid/v1/jwks`. */
  keySet(): object {
    return this.keys.keySet()
  }

  private async judgeBound(
    { claims, user }: { claims: Claims; user: User },
    audiences: readonly string[],
  ): Promise<TokenVerdict> {
    const own = Array.isArray(claims.aud) ? claims.aud : [claims.aud]
    const common = commonAudiences(own, audiences)
    const now = this.clock.now() / 1000
    if (now > claims.exp + LEEWAY_SECONDS)
      throw new TokenRefused('service account token has expired')
    if (now < claims.nbf - LEEWAY_SECONDS)
      throw new TokenRefused('service account token is not valid yet')
    if (now < claims.iat - LEEWAY_SECONDS)
      throw new TokenRefused('service account token is issued in the future')
    await this.checkBindings(claims['kubernetes.io'])
    return { user, audiences: common }
  }

  /** Those of Secrets are rare: how they are judged is loaded with the first one. */
  private async judgeLegacy(
    token: string,
    claims: LegacyClaims,
    audiences: readonly string[],
  ): Promise<TokenVerdict> {
    const common = commonAudiences(this.audiences, audiences)
    const { judgeLegacyToken } = await import('./legacy-tokens.ts')
    const find: FindObject = (kind, namespace, name) => this.find(kind, namespace, name)
    const user = await judgeLegacyToken(token, claims, find, this.books.noteUse)
    return { user, audiences: common }
  }

  private verify(token: string): Verified | undefined {
    const decoded = decodeToken(token)
    const { iss } = (decoded?.claims ?? {}) as { iss?: string }
    if (!decoded || (iss !== this.issuer && iss !== LEGACY_ISSUER)) return undefined
    this.keys.checkSignature(decoded)
    if (iss === LEGACY_ISSUER) return { legacy: decoded.claims as LegacyClaims }
    const claims = decoded.claims as Claims
    return { claims, user: userOf(claims) }
  }

  private remember(token: string, verified: Verified): void {
    this.verified.delete(token)
    this.verified.set(token, verified)
    if (this.verified.size > VERIFIED_MAX) this.verified.delete(this.verified.keys().next().value!)
  }

  private async checkBindings(claims: PrivateClaims): Promise<void> {
    const { namespace, serviceaccount, pod, secret, node } = claims
    const account = await this.find(ServiceAccount, namespace, serviceaccount.name)
    if (!account)
      throw new TokenRefused(`serviceaccounts ${JSON.stringify(serviceaccount.name)} not found`)
    const { name, uid } = account.metadata
    if (uid !== serviceaccount.uid)
      throw new TokenRefused(
        `service account UID (${uid}) does not match claim (${serviceaccount.uid})`,
      )
    if (this.isLongDeleted(account))
      throw new TokenRefused(`service account ${namespace}/${name} has been deleted`)
    if (secret) await this.checkBound(Secret, namespace, secret, 'secret')
    if (pod) await this.checkBound(Pod, namespace, pod, 'pod')
    // The node of a pod's token is only told; a token of a node is bound to it.
    else if (node) await this.checkBound(Node, undefined, node, 'node')
  }

  private async checkBound(
    kind: AnyKind,
    namespace: string | undefined,
    { name, uid }: Reference,
    word: string,
  ): Promise<void> {
    const bound = await this.find(kind, namespace, name)
    if (bound && bound.metadata.uid !== uid)
      throw new TokenRefused(
        `${word} UID (${bound.metadata.uid}) does not match service account ${word} ref claim (${uid})`,
      )
    if (!bound || this.isLongDeleted(bound))
      throw new TokenRefused('service account token has been invalidated')
  }

  /** What is not in this replica's cache may have been made at another one. */
  private async find<T extends KubernetesObject>(
    kind: Kind<T>,
    namespace: string | undefined,
    name: string,
  ): Promise<T | undefined> {
    const { cache } = this.storage
    const found = cache.get(kind, namespace, name)
    if (found) return found
    await this.storage.barrier(kind)
    return cache.get(kind, namespace, name)
  }

  private isLongDeleted({ metadata: { deletionTimestamp } }: KubernetesObject): boolean {
    if (!deletionTimestamp) return false
    return Date.parse(deletionTimestamp) < this.clock.now() - LEEWAY_SECONDS * 1000
  }
}

const credentialIdOf = ({ jti }: Pick<Claims, 'jti'>): string => `JTI=${jti}`

const referenceTo = ({ metadata: { name, uid } }: { metadata: { name: string; uid?: string } }) =>
  uid ? { name, uid } : { name }

/** Looks at other replicas' writes, too, before it says that there is none. */
export type FindObject = <T extends KubernetesObject>(
  kind: Kind<T>,
  namespace: string | undefined,
  name: string,
) => Promise<T | undefined>

/** Throws TokenRefused where there is none. */
const commonAudiences = (own: readonly string[], asked: readonly string[]): string[] => {
  const common = asked.filter((audience) => own.includes(audience))
  if (common.length === 0)
    throw new TokenRefused(
      `token audiences ${shownList(own)} is invalid for the target audiences ${shownList(asked)}`,
    )
  return common
}

/** A list of strings as Go prints it with `%q`. */
const shownList = (texts: readonly string[]): string =>
  `[${texts.map((text) => JSON.stringify(text)).join(' ')}]`

const userOf = ({ jti, sub, 'kubernetes.io': own }: Claims): User => {
  const extra: Record<string, string[]> = {}
  const tell = (key: string, value: string | undefined) => {
    if (value) extra[`authentication.kubernetes.io/${key}`] = [value]
  }
  if (jti) tell('credential-id', credentialIdOf({ jti }))
  tell('node-name', own.node?.name)
  tell('node-uid', own.node?.uid)
  tell('pod-name', own.pod?.name)
  tell('pod-uid', own.pod?.uid)
  return {
    name: sub,
    groups: [
      'system:serviceaccounts',
      `system:serviceaccounts:${own.namespace}`,
      'system:authenticated',
    ],
    ...(own.serviceaccount.uid ? { uid: own.serviceaccount.uid } : {}),
    extra,
  }
}
