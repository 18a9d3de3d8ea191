/**
 * Who knocks at the bus: by what Kubernetes' clients prove themselves with, in Kubernetes' ways.
 *
 * A client certificate, proved by TLS or by a signature over the server's nonce, or a bearer token of any sort that
 * HTTPS accepts. Invariant: nobody is anonymous here. What was revoked is refused like what never was good.
 */
import { verify, X509Certificate } from 'node:crypto'
import { unauthorized } from '../../../api/status-error.ts'
import type { Knock } from '../../../bus/doorkeeper.ts'
import type { AuthenticateToken } from '../authentication/bearer-token.ts'
import type { ClientCertificates } from '../authentication/client-certificates.ts'
import type { User } from '../request.ts'

export interface Visitor {
  user: User
  /** When the credential was made and how long it is good, in ms since the epoch, if it says so. */
  issuedAtMs: number | undefined
  expiresAtMs: number | undefined
}

export interface VisitorPorts {
  authenticateToken: AuthenticateToken
  certificates: Pick<ClientCertificates, 'ofHolder'>
}

/** Throws for wrong credentials and for none. */
export const visitorOf = async (
  { authenticateToken, certificates }: VisitorPorts,
  { token, signature, nonce, verifiedChains }: Knock,
): Promise<Visitor> => {
  const [leaf] = verifiedChains[0] ?? []
  if (leaf) return certified(certificates, new X509Certificate(leaf))
  if (token.startsWith('-----BEGIN CERTIFICATE-----')) {
    const certificate = new X509Certificate(token)
    const isHolder = verify(
      'sha256',
      Buffer.from(nonce),
      certificate.publicKey,
      Buffer.from(signature, 'base64url'),
    )
    if (!nonce || !isHolder) throw unauthorized()
    return certified(certificates, certificate)
  }
  if (!token) throw unauthorized()
  const { user } = await authenticateToken(token)
  const { iat, exp } = claimsOf(token)
  return { user, issuedAtMs: millis(iat), expiresAtMs: millis(exp) }
}

const certified = (
  certificates: VisitorPorts['certificates'],
  certificate: X509Certificate,
): Visitor => {
  const { user } = certificates.ofHolder(certificate)
  if (!user) throw unauthorized()
  return {
    user,
    issuedAtMs: Date.parse(certificate.validFrom),
    expiresAtMs: Date.parse(certificate.validTo),
  }
}

/** What a token says of itself that has been found good; tokens that are no JWTs say nothing. */
const claimsOf = (token: string): { iat?: unknown; exp?: unknown } => {
  try {
    const claims: unknown = JSON.parse(
      Buffer.from(token.split('.')[1] ?? '', 'base64url').toString(),
    )
    return typeof claims === 'object' && claims !== null ? claims : {}
  } catch {
    return {}
  }
}

const millis = (seconds: unknown): number | undefined =>
  typeof seconds === 'number' ? seconds * 1000 : undefined
