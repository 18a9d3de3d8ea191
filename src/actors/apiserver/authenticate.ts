/**
 * Authentication: who sent an HTTPS request.
 *
 * A client certificate signed by the client authority (CN is the user, O the groups), else a bearer token,
 * else anonymous. Invariant: credentials that are present and wrong are refused, never taken for anonymous.
 * It keeps no sessions; a connection's certificate is read once.
 */
import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { unauthorized } from '../../api/status-error.ts'
import { ANONYMOUS } from './authorize.ts'
import type { User } from './request.ts'

export interface StaticToken {
  token: string
  user: string
  groups?: readonly string[]
}

/** Answers a bearer token's user, or undefined when it is not one of its own. */
export type TokenAuthenticator = (token: string) => Promise<User | undefined> | User | undefined

export interface AuthenticationOptions {
  tokens?: readonly StaticToken[]
  /** Further judges of tokens, asked in order: service accounts, OpenID, a webhook. */
  authenticators?: readonly TokenAuthenticator[]
}

export type Authenticate = (request: IncomingMessage) => Promise<User> | User

/** Throws StatusError 401 on wrong credentials. */
export const createAuthenticate = (options: AuthenticationOptions): Authenticate => {
  const judges: TokenAuthenticator[] = [
    staticTokens(options.tokens ?? []),
    ...(options.authenticators ?? []),
  ]
  const certificates = new WeakMap<object, User | 'none' | 'wrong'>()

  const byToken = async (token: string): Promise<User> => {
    for (const judge of judges) {
      const user = await judge(token)
      if (user) return authenticated(user)
    }
    throw unauthorized()
  }

  return (request) => {
    const socket = request.socket as TLSSocket
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
}

const authenticated = (user: User): User =>
  user.groups.includes('system:authenticated')
    ? user
    : { ...user, groups: [...user.groups, 'system:authenticated'] }

const staticTokens = (tokens: readonly StaticToken[]): TokenAuthenticator => {
  const known = tokens.map(({ token, user, groups = [] }) => ({
    bytes: Buffer.from(token),
    user: authenticated({ name: user, groups }),
  }))
  return (token) => {
    const bytes = Buffer.from(token)
    return known.find(
      (entry) => entry.bytes.length === bytes.length && timingSafeEqual(entry.bytes, bytes),
    )?.user
  }
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
  return authenticated({ name, groups: O === undefined ? [] : Array.isArray(O) ? O : [O] })
}
