/**
 * Tokens of service accounts: signed JSON Web Tokens (RS256), and whose they are when they come back.
 *
 * Claims, checks and wording follow Kubernetes 1.36 (`pkg/serviceaccount`). Invariant: a token is good only
 * while its account, and what it is bound to, exist with the uids it names. Signatures are checked once a
 * token, for a bounded number of tokens; everything else at every request.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { Node } from '../../api/core/node.ts'
import { Pod } from '../../api/core/pod.ts'
import { Secret } from '../../api/core/secret.ts'
import { ServiceAccount } from '../../api/core/service-account.ts'
import type { AnyKind } from '../../api/kind.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import type { Storage } from '../../client/storage.ts'
import type { Clock } from '../../std/clock.ts'
import { newUid } from '../../std/ids.ts'
import { type TokenJudge, TokenRefused } from './authentication/bearer-token.ts'
import type { User } from './request.ts'

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

interface Verified {
  claims: Claims
  user: User
}

const VERIFIED_MAX = 1000
/** How long clocks may differ, and how long what was deleted still counts. */
const LEEWAY_SECONDS = 60

export class ServiceAccountTokens {
  readonly issuer = ISSUER
  readonly audiences: readonly string[] = [ISSUER]
  private readonly key: KeyObject
  private readonly publicKey: KeyObject
  private readonly keyId: string
  /** Tokens whose signature was found right, the least recently used first. */
  private readonly verified = new Map<string, Verified>()

  constructor(
    pem: string,
    private readonly storage: Storage,
    private readonly clock: Clock,
  ) {
    this.key = createPrivateKey(pem)
    this.publicKey = createPublicKey(this.key)
    this.keyId = createHash('sha256')
      .update(this.publicKey.export({ type: 'spki', format: 'der' }))
      .digest('base64url')
  }

  issue(options: TokenOptions): string {
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
    const text = `${encoded({ alg: 'RS256', kid: this.keyId })}.${encoded(claims)}`
    return `${text}.${sign('sha256', Buffer.from(text), this.key).toString('base64url')}`
  }

  readonly judge: TokenJudge = async (token, audiences) => {
    const verified = this.verified.get(token) ?? this.verify(token)
    if (!verified) return undefined
    this.remember(token, verified)
    const { claims, user } = verified
    const now = this.clock.now() / 1000
    if (now > claims.exp + LEEWAY_SECONDS)
      throw new TokenRefused('service account token has expired')
    if (now < claims.nbf - LEEWAY_SECONDS)
      throw new TokenRefused('service account token is not valid yet')
    if (now < claims.iat - LEEWAY_SECONDS)
      throw new TokenRefused('service account token is issued in the future')
    const own = Array.isArray(claims.aud) ? claims.aud : [claims.aud]
    const common = audiences.filter((audience) => own.includes(audience))
    if (common.length === 0)
      throw new TokenRefused(
        `token audiences ${shownList(own)} is invalid for the target audiences ${shownList(audiences)}`,
      )
    await this.checkBindings(claims['kubernetes.io'])
    return { user, audiences: common }
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
    const { kty, n, e } = this.publicKey.export({ format: 'jwk' })
    return { keys: [{ use: 'sig', kty, kid: this.keyId, alg: 'RS256', n, e }] }
  }

  private verify(token: string): Verified | undefined {
    const [header = '', payload = '', signature, ...rest] = token.split('.')
    if (signature === undefined || rest.length > 0) return undefined
    const { alg } = decoded<{ alg?: string }>(header) ?? {}
    const claims = decoded<Claims>(payload)
    if (claims?.iss !== this.issuer) return undefined
    const text = Buffer.from(`${header}.${payload}`)
    const isRight =
      alg === 'RS256' && verify('sha256', text, this.publicKey, Buffer.from(signature, 'base64url'))
    if (!isRight) throw new TokenRefused('the signature of the token is not valid')
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
  private async find(
    kind: AnyKind,
    namespace: string | undefined,
    name: string,
  ): Promise<KubernetesObject | undefined> {
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

const referenceTo = ({ metadata: { name, uid } }: { metadata: { name: string; uid?: string } }) =>
  uid ? { name, uid } : { name }

const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')

const decoded = <Part>(text: string): Part | undefined => {
  try {
    const part: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    return typeof part === 'object' && part !== null ? (part as Part) : undefined
  } catch {
    return undefined
  }
}

/** A list of strings as Go prints it with `%q`. */
const shownList = (texts: readonly string[]): string =>
  `[${texts.map((text) => JSON.stringify(text)).join(' ')}]`

const userOf = ({ jti, sub, 'kubernetes.io': own }: Claims): User => {
  const extra: Record<string, string[]> = {}
  const tell = (key: string, value: string | undefined) => {
    if (value) extra[`authentication.kubernetes.io/${key}`] = [value]
  }
  tell('credential-id', jti && `JTI=${jti}`)
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
