/**
 * An OpenID Connect issuer: found by discovery, its keys fetched and kept, its tokens verified with them.
 *
 * Invariant: keys are fetched again when a token fits none of them, at most once a second whatever is sent, and
 * from time to time so that withdrawn ones are forgotten. What is checked, and the wording, are those of go-oidc,
 * which Kubernetes 1.36 uses. Cryptography is jose's.
 */
import { compactVerify, createLocalJWKSet, errors, type JSONWebKeySet } from 'jose'
import type { Clock } from '../../../../std/clock.ts'
import { getText, type RemoteConnection } from '../remote-json.ts'

export type Claims = Record<string, unknown>

export interface ProviderOptions {
  issuer: string
  /** Where the configuration is, when not at the issuer's own place. */
  discoveryUrl?: string | undefined
  /** One of them must be among a token's audiences. */
  audiences: readonly string[]
  connection: RemoteConnection
  clock: Clock
}

export const ALGORITHMS = 'ES256 ES384 ES512 PS256 PS384 PS512 RS256 RS384 RS512'.split(' ')
const REFETCH_MS = 1000
const STALE_MS = 10 * 60_000
const NBF_LEEWAY_SECONDS = 60

type KeySet = ReturnType<typeof createLocalJWKSet>

export class Provider {
  private jwksUrl: string | undefined
  private keys: { set: KeySet; fetchedMs: number } | undefined
  private fetching: Promise<KeySet> | undefined

  constructor(private readonly options: ProviderOptions) {}

  get isReady(): boolean {
    return this.jwksUrl !== undefined
  }

  /** Finds out where the keys are. Throws Error when the issuer cannot be reached or is another one. */
  async discover(): Promise<void> {
    const { issuer, discoveryUrl, connection } = this.options
    const url = discoveryUrl || `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
    const document = parseJson(await getText(url, connection), 'provider discovery object')
    if (document['issuer'] !== issuer)
      throw new Error(
        `oidc: issuer did not match the issuer returned by provider, expected ${show(issuer)} got ${show(document['issuer'] ?? '')}`,
      )
    const jwksUrl = document['jwks_uri']
    if (typeof jwksUrl !== 'string' || jwksUrl === '')
      throw new Error('provider did not return JWKS URL')
    this.jwksUrl = jwksUrl
  }

  /** The claims of a token that is right. Throws Error with what is wrong. */
  async verify(token: string): Promise<Claims> {
    const claims = parseJson(await this.verifySignature(token), 'claims')
    const { issuer, audiences, clock } = this.options
    const { iss, aud, exp, nbf } = claims
    if (iss !== issuer && !(iss === GOOGLE && issuer === `https://${GOOGLE}`))
      throw new Error(
        `oidc: id token issued by a different provider, expected ${show(issuer)} got ${show(iss ?? '')}`,
      )
    const given = Array.isArray(aud) ? aud.map(String) : typeof aud === 'string' ? [aud] : []
    if (!given.some((audience) => audiences.includes(audience)))
      throw new Error(
        `oidc: expected audience ${audiences.length === 1 ? show(audiences[0]) : `in ${showList([...audiences].sort())}`} got ${showList(given)}`,
      )
    const now = clock.now() / 1000
    const expiry = typeof exp === 'number' ? exp : 0
    if (expiry < now) throw new Error(`oidc: token is expired (Token Expiry: ${showTime(expiry)})`)
    if (typeof nbf === 'number' && now + NBF_LEEWAY_SECONDS < nbf)
      throw new Error(
        `oidc: current time ${showTime(now)} before the nbf (not before) time: ${showTime(nbf)}`,
      )
    return claims
  }

  private async verifySignature(token: string): Promise<string> {
    const { clock } = this.options
    if (token.split('.').length !== 3) throw new Error('oidc: malformed jwt')
    const { keys } = this
    if (keys) {
      const payload = await payloadOf(token, keys.set)
      if (payload !== undefined) {
        if (clock.monotonic() - keys.fetchedMs > STALE_MS) this.fetch().catch(() => undefined)
        return payload
      }
      if (clock.monotonic() - keys.fetchedMs < REFETCH_MS)
        throw new Error('failed to verify signature: failed to verify id token signature')
    }
    const set = await this.fetch().catch((error: Error) => {
      throw new Error(`failed to verify signature: fetching keys ${error.message}`)
    })
    const payload = await payloadOf(token, set)
    if (payload === undefined)
      throw new Error('failed to verify signature: failed to verify id token signature')
    return payload
  }

  private fetch(): Promise<KeySet> {
    this.fetching ??= this.fetchKeys().finally(() => {
      this.fetching = undefined
    })
    return this.fetching
  }

  private async fetchKeys(): Promise<KeySet> {
    const { connection, clock } = this.options
    const text = await getText(this.jwksUrl ?? '', connection)
    const set = createLocalJWKSet(parseJson(text, 'keys') as unknown as JSONWebKeySet)
    this.keys = { set, fetchedMs: clock.monotonic() }
    return set
  }
}

const GOOGLE = 'accounts.google.com'

/** Undefined when none of the keys made the signature. Throws Error for what is no token of a known algorithm. */
const payloadOf = async (token: string, keys: KeySet): Promise<string | undefined> => {
  const options = { algorithms: ALGORITHMS }
  try {
    return Buffer.from((await compactVerify(token, keys, options)).payload).toString()
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) {
      for await (const key of error)
        try {
          return Buffer.from((await compactVerify(token, key, options)).payload).toString()
        } catch (fault) {
          if (!(fault instanceof errors.JWSSignatureVerificationFailed)) throw fault
        }
      return undefined
    }
    if (error instanceof errors.JWSInvalid) throw new Error(`oidc: malformed jwt: ${error.message}`)
    if (error instanceof errors.JOSEAlgNotAllowed)
      throw new Error(
        `oidc: id token signed with unsupported algorithm, expected ${showList(ALGORITHMS)}`,
      )
    return undefined
  }
}

const parseJson = (text: string, what: string): Claims => {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new Error(`oidc: failed to decode ${what}: ${(error as Error).message}`)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new Error(`oidc: failed to decode ${what}: it is no object`)
  return parsed as Claims
}

const show = (text: unknown): string => JSON.stringify(text)
const showList = (texts: readonly string[]): string => `[${texts.map(show).join(' ')}]`
/** As Go prints a time in UTC. */
const showTime = (seconds: number): string =>
  `${new Date(Math.floor(seconds) * 1000).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`
