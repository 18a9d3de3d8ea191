/**
 * A claim that a token only refers to: it is fetched from where `_claim_sources` says, as a token of its own.
 *
 * Invariant: that token is verified like any other, against the keys of the issuer it names. Rules and wording
 * follow Kubernetes 1.36 (`plugin/pkg/authenticator/token/oidc`, after OIDC Core 5.6.2). Only few issuers are kept.
 */
import type { Clock } from '../../../../std/clock.ts'
import { getText, type RemoteConnection } from '../remote-json.ts'
import { type Claims, Provider } from './provider.ts'
import { untrustedIssuer } from './untrusted-issuer.ts'

export interface ClaimResolver {
  /** Puts the claim into `claims` where they refer to it. Throws Error. */
  expand(claims: Claims): Promise<void>
}

const PROVIDERS_MAX = 16

export const createClaimResolver = (
  claim: string,
  options: { audiences: readonly string[]; connection: RemoteConnection; clock: Clock },
): ClaimResolver => {
  const providers = new Map<string, Provider>()

  const providerOf = async (issuer: string): Promise<Provider> => {
    const known = providers.get(issuer)
    if (known) return known
    const provider = new Provider({ issuer, ...options })
    await provider.discover()
    if (providers.size >= PROVIDERS_MAX) providers.delete(providers.keys().next().value!)
    providers.set(issuer, provider)
    return provider
  }

  const resolve = async ({ endpoint, access_token: access }: Source): Promise<unknown> => {
    const headers: Record<string, string> = access ? { authorization: `Bearer ${access}` } : {}
    const token = await getText(endpoint!, { ...options.connection, headers }).catch(
      (error: Error) => {
        throw new Error(`while getting distributed claim "${claim}": ${error.message}`)
      },
    )
    const issuer = untrustedIssuer(token)
    if (issuer === undefined)
      throw new Error(
        `getting untrusted issuer from endpoint ${endpoint} failed for claim "${claim}": malformed token`,
      )
    const provider = await providerOf(issuer).catch((error: Error) => {
      throw new Error(`verifying untrusted issuer ${issuer} failed: ${error.message}`)
    })
    const claims = await provider.verify(token).catch((error: Error) => {
      throw new Error(`verify distributed claim token: ${error.message}`)
    })
    if (!Object.hasOwn(claims, claim))
      throw new Error(
        `jwt returned by distributed claim endpoint "${endpoint}" did not contain claim: ${claim}`,
      )
    return claims[claim]
  }

  return {
    expand: async (claims) => {
      if (Object.hasOwn(claims, claim) || !Object.hasOwn(claims, NAMES)) return
      const source = sourceOf(claims, claim)
      if (source?.endpoint) claims[claim] = await resolve(source)
    },
  }
}

interface Source {
  endpoint?: string
  access_token?: string
}

const NAMES = '_claim_names'
const SOURCES = '_claim_sources'

const sourceOf = (claims: Claims, claim: string): Source | undefined => {
  const names = objectOf(claims[NAMES])
  if (!names) throw new Error('oidc: error parsing distributed claim names')
  if (!Object.hasOwn(claims, SOURCES)) throw new Error('oidc: no claim sources')
  const sources = objectOf(claims[SOURCES])
  if (!sources) throw new Error('oidc: could not parse claim sources')
  if (!Object.hasOwn(names, claim)) return undefined
  const name = String(names[claim])
  const source = Object.hasOwn(sources, name) ? objectOf(sources[name]) : undefined
  if (!source)
    throw new Error(`id token _claim_names contained a source ${name} missing in _claims_sources`)
  return source as Source
}

const objectOf = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
