/**
 * Authentication: who sent an HTTPS request.
 *
 * The headers of a front proxy, else a client certificate, else a bearer token, else anonymous, where that is
 * allowed; then whoever the user asks to be (`impersonation.ts`). Invariant: credentials that are present and
 * wrong are refused unless others are right, never taken for anonymous. It keeps no sessions.
 */
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { unauthorized } from '../../../api/status-error.ts'
import type { Authorizer } from '../authorization/attributes.ts'
import { requestAttributes } from '../authorization/request-attributes.ts'
import { splitUrl } from '../http-path.ts'
import { asksToImpersonate, impersonated } from '../impersonation.ts'
import type { User } from '../request.ts'
import { type AuthenticateToken, authenticated, TokenRefused } from './bearer-token.ts'
import type { ClientCertificates } from './client-certificates.ts'
import { frontProxyUser } from './front-proxy.ts'
import { takeProtocolToken } from './protocol-token.ts'

export const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] }

export type Authenticate = (request: IncomingMessage) => Promise<User> | User

/** What may change while requests are served. */
export interface RequestAuthentication {
  readonly certificates: ClientCertificates
  readonly authenticateToken: AuthenticateToken
  /** Whether a request without credentials may be made to the path. */
  allowsAnonymous(path: string): boolean
}

/** Throws StatusError 401 on wrong credentials. */
export const createAuthenticate = (
  authentication: RequestAuthentication,
  authorizer: Authorizer,
): Authenticate => {
  const identify = (request: IncomingMessage) => identified(authentication, request)
  return (request) =>
    asksToImpersonate(request.headers)
      ? Promise.resolve(identify(request)).then((user) =>
          impersonated(authorizer, attributesOf(user, request), request.rawHeaders),
        )
      : identify(request)
}

const attributesOf = (user: User, { method = 'GET', url = '/' }: IncomingMessage) => {
  const [path, query] = splitUrl(url)
  return requestAttributes(user, method, path, query)
}

const identified = (
  { certificates, authenticateToken, allowsAnonymous }: RequestAuthentication,
  request: IncomingMessage,
): Promise<User> | User => {
  const certificate = certificates.of(socketOf(request))
  if (certificate.isFrontProxy) {
    const user = frontProxyUser(request)
    if (user) return authenticated(user)
  }
  if (certificate.user) return certificate.user
  const { token, isWrong } = tokenOf(request)
  if (token !== undefined) return byToken(authenticateToken, token)
  if (isWrong || certificate.isWrong || !allowsAnonymous(pathOf(request))) throw unauthorized()
  return ANONYMOUS
}

const byToken = async (authenticateToken: AuthenticateToken, token: string): Promise<User> => {
  try {
    return (await authenticateToken(token)).user
  } catch (error) {
    if (error instanceof TokenRefused) throw unauthorized()
    throw error
  }
}

/** Another scheme than Bearer is no credential at all. */
const tokenOf = (request: IncomingMessage): { token?: string; isWrong?: boolean } => {
  const { authorization, upgrade } = request.headers
  if (authorization !== undefined) {
    const [scheme = '', token = ''] = authorization.trim().split(' ', 3)
    if (scheme.toLowerCase() === 'bearer' && token !== '') return { token }
  }
  return upgrade === undefined ? NO_TOKEN : takeProtocolToken(request)
}

const NO_TOKEN = {}

const pathOf = ({ url = '/' }: IncomingMessage): string => {
  const end = url.indexOf('?')
  return end < 0 ? url : url.slice(0, end)
}

/** One object for a connection; what HTTP/2 shows as a request's socket is made anew for each. */
const socketOf = (request: IncomingMessage): TLSSocket => {
  const { stream } = request as { stream?: { session?: { socket: TLSSocket } } }
  return stream?.session?.socket ?? (request.socket as TLSSocket)
}
