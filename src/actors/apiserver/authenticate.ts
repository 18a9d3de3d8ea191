/**
 * Authentication: who sent an HTTPS request.
 *
 * A client certificate signed by the client authority (CN is the user, O the groups), else a bearer token,
 * else anonymous; then whoever the user asks to be (`impersonation.ts`). Invariant: credentials that are present and wrong are refused, never taken for anonymous.
 * It keeps no sessions; a connection's certificate is read once.
 */
import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { unauthorized } from '../../api/status-error.ts'
import type { Authorizer } from './authorization/attributes.ts'
import { asksToImpersonate, impersonated } from './impersonation.ts'
import type { User } from './request.ts'

export const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] }

export interface StaticToken {
  token: string
  user: string
  groups?: readonly string[]
}

/** Whose token it is, and for which of the audiences that were asked for it is good. */
export interface TokenVerdict {
  user: User
  audiences: readonly string[]
}

/** Why a token is not accepted, in Kubernetes' words; a client sees it only through a TokenReview. */
export class TokenRefused extends Error {}

/**
 * Judges a token that is meant for one of `audiences`; undefined when it is not one of its own.
 * Throws TokenRefused when it is, and is wrong.
 */
export type TokenJudge = (
  token: string,
  audiences: readonly string[],
) => Promise<TokenVerdict | undefined> | TokenVerdict | undefined

/** Who holds a token; for this API unless other audiences are named. Throws TokenRefused. */
export type AuthenticateToken = (
  token: string,
  audiences?: readonly string[],
) => Promise<TokenVerdict>

export interface AuthenticationOptions {
  tokens?: readonly StaticToken[]
  /** PEM of the RSA key that signs tokens of service accounts. */
  serviceAccountKey: string
}

export type Authenticate = (request: IncomingMessage) => Promise<User> | User

/** Throws StatusError 401 on wrong credentials. */
export const createAuthenticate = (
  authenticateToken: AuthenticateToken,
  authorizer: Authorizer,
): Authenticate => {
  const certificates = new WeakMap<object, User | 'none' | 'wrong'>()

  const byToken = async (token: string): Promise<User> => {
    try {
      return (await authenticateToken(token)).user
    } catch (error) {
      if (error instanceof TokenRefused) throw unauthorized()
      throw error
    }
  }

  const identify: Authenticate = (request) => {
    const socket = socketOf(request)
    let certificate = certificates.get(socket)
    if (certificate === undefined) {
      certificate = certificateUser(socket)
      certificates.set(socket, certificate)
    }
    if (typeof certificate === 'object') return certificate
    const header = request.headers.authorization
    if (header !== undefined) {
      const token = /^Bearer\s+(\S+)\s*$/i.exec(header)?.[1]
      if (token) return byToken(token)
      throw unauthorized()
    }
    if (certificate === 'wrong') throw unauthorized()
    return ANONYMOUS
  }
  return (request) =>
    asksToImpersonate(request.headers)
      ? Promise.resolve(identify(request)).then((user) =>
          impersonated(authorizer, user, request.rawHeaders),
        )
      : identify(request)
}

const INVALID_TOKEN = 'invalid bearer token'

/** Asks static tokens first, then `judges` in order. `ownAudiences` are those of this API. */
export const createAuthenticateToken = (
  tokens: readonly StaticToken[],
  judges: readonly TokenJudge[],
  ownAudiences: readonly string[],
): AuthenticateToken => {
  const all = [staticTokens(tokens, ownAudiences), ...judges]
  return async (token, audiences = ownAudiences) => {
    const refusals: string[] = []
    for (const judge of all) {
      try {
        const verdict = await judge(token, audiences)
        if (verdict) return { ...verdict, user: authenticated(verdict.user) }
      } catch (error) {
        if (!(error instanceof TokenRefused)) throw error
        refusals.push(error.message)
      }
    }
    throw new TokenRefused(
      refusals.length === 0 ? INVALID_TOKEN : `[${[INVALID_TOKEN, ...refusals].join(', ')}]`,
    )
  }
}

const authenticated = (user: User): User =>
  user.groups.includes('system:authenticated')
    ? user
    : { ...user, groups: [...user.groups, 'system:authenticated'] }

/** Static tokens are good for this API and nothing else. */
const staticTokens = (
  tokens: readonly StaticToken[],
  ownAudiences: readonly string[],
): TokenJudge => {
  const known = tokens.map(({ token, user, groups = [] }) => ({
    bytes: Buffer.from(token),
    user: authenticated({ name: user, groups }),
  }))
  return (token, asked) => {
    const bytes = Buffer.from(token)
    const found = known.find(
      (entry) => entry.bytes.length === bytes.length && timingSafeEqual(entry.bytes, bytes),
    )
    const audiences = asked.filter((audience) => ownAudiences.includes(audience))
    return found && audiences.length > 0 ? { user: found.user, audiences } : undefined
  }
}

const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id'

/** One object for a connection; what HTTP/2 shows as a request's socket is made anew for each. */
const socketOf = (request: IncomingMessage): TLSSocket => {
  const { stream } = request as { stream?: { session?: { socket: TLSSocket } } }
  return stream?.session?.socket ?? (request.socket as TLSSocket)
}

const certificateUser = (socket: TLSSocket): User | 'none' | 'wrong' => {
  if (typeof socket.getPeerCertificate !== 'function') return 'none'
  const certificate = socket.getPeerCertificate()
  if (!certificate?.raw) return 'none'
  if (!socket.authorized) return 'wrong'
  const { CN, O } = certificate.subject as unknown as {
    CN?: string | string[]
    O?: string | string[]
  }
  const name = Array.isArray(CN) ? CN[0] : CN
  if (!name) return 'wrong'
  const digest = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
  return authenticated({
    name,
    groups: O === undefined ? [] : Array.isArray(O) ? O : [O],
    extra: { [CREDENTIAL_ID]: [`X509SHA256=${digest}`] },
  })
}
