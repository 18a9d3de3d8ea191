/**
 * Client certificates: CN is the user, O the groups; signed by a front proxy's authority, it is a front proxy's.
 *
 * Invariant: TLS has verified the chain against the authorities of both sorts together; here is found out which
 * sort it ends at. A connection's certificate is read once and again after the authorities changed; that it has
 * expired since counts at every request, as in Kubernetes (`apiserver/pkg/authentication/request/x509`).
 */
import { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../../std/clock.ts'
import type { User } from '../request.ts'
import { authenticated } from './bearer-token.ts'

export interface ClientAuthorities {
  /** PEM of one or more authorities. */
  clientCa: string
  frontProxyCa?: string | undefined
}

export interface Certified {
  user?: User
  isFrontProxy?: boolean
  /** There is a certificate, and it is not accepted. */
  isWrong?: boolean
}

interface Known extends Certified {
  /** The authorities it was judged by. */
  generation: number
  issuedAtMs?: number
  expiresAtMs: number
}

/** The common names of front proxies. */
export const FRONT_PROXY_NAMES: readonly string[] = ['front-proxy-client']
const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id'
/** Where a certificate's subject tells the uid. */
const UID = '1.3.6.1.4.1.57683.2'
const CHAIN_MAX = 8
/** The extended key usage of clients of TLS. */
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
const NONE: Certified = {}
const WRONG: Certified = { isWrong: true }

export class ClientCertificates {
  private readonly known = new WeakMap<object, Known>()
  private generation = 0
  private clients: readonly X509Certificate[] = []
  private frontProxies: readonly X509Certificate[] = []

  /** `isRevoked` is asked at every request. */
  constructor(
    private readonly clock: Clock,
    private readonly isRevoked: (user: string, issuedAtMs: number | undefined) => boolean = () =>
      false,
  ) {}

  /** Connections are judged anew. */
  trust({ clientCa, frontProxyCa }: ClientAuthorities): void {
    this.clients = parseBundle(clientCa)
    this.frontProxies = parseBundle(frontProxyCa ?? '')
    this.generation++
  }

  of(socket: TLSSocket): Certified {
    let known = this.known.get(socket)
    if (known?.generation !== this.generation) {
      known = this.read(socket)
      this.known.set(socket, known)
    }
    if (known.expiresAtMs <= this.clock.now()) return WRONG
    const { user, issuedAtMs } = known
    return user && this.isRevoked(user.name, issuedAtMs) ? WRONG : known
  }

  /** Whose certificate it is, of somebody who has proved to hold its key; TLS has verified nothing. */
  ofHolder(certificate: X509Certificate): Certified {
    const now = this.clock.now()
    const isTime = Date.parse(certificate.validFrom) <= now && now < Date.parse(certificate.validTo)
    const isForClients = certificate.keyUsage?.includes(CLIENT_AUTH) ?? false
    if (!isTime || !isForClients || !endsAt(certificate, this.clients)) return WRONG
    return certifiedUser(certificate, certificate.toLegacyObject().subject)
  }

  private read(socket: TLSSocket): Known {
    const { generation } = this
    const forever = { generation, expiresAtMs: Number.POSITIVE_INFINITY }
    if (typeof socket.getPeerX509Certificate !== 'function') return { ...forever, ...NONE }
    const certificate = socket.getPeerX509Certificate()
    if (!certificate) return { ...forever, ...NONE }
    if (!socket.authorized) return { ...forever, ...WRONG }
    const judged = {
      generation,
      issuedAtMs: Date.parse(certificate.validFrom),
      expiresAtMs: Date.parse(certificate.validTo),
    }
    const { subject } = socket.getPeerCertificate()
    if (endsAt(certificate, this.clients))
      return { ...judged, ...certifiedUser(certificate, subject) }
    const isFrontProxy =
      endsAt(certificate, this.frontProxies) &&
      FRONT_PROXY_NAMES.includes(commonName(subject.CN) ?? '')
    // By itself it is nobody: it only speaks for others.
    return { ...judged, isFrontProxy, isWrong: true }
  }
}

/** The certificates of a PEM text. Throws Error for what is none. */
export const parseBundle = (pem: string): X509Certificate[] =>
  (pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []).map(
    (block) => new X509Certificate(block),
  )

const endsAt = (leaf: X509Certificate, authorities: readonly X509Certificate[]): boolean => {
  let certificate: X509Certificate | undefined = leaf
  for (let length = 0; certificate && length < CHAIN_MAX; length++) {
    const at: X509Certificate = certificate
    const isFrom = (one: X509Certificate) => at.checkIssued(one) && at.verify(one.publicKey)
    if (authorities.some(isFrom)) return true
    const issuer: X509Certificate | undefined = at.issuerCertificate
    certificate = issuer?.ca && isFrom(issuer) ? issuer : undefined
  }
  return false
}

type Names = Readonly<Record<string, string | string[] | undefined>>

const certifiedUser = (certificate: X509Certificate, subject: unknown): Certified => {
  const { CN, O, [UID]: uid } = subject as Names
  const name = commonName(CN)
  if (!name) return NONE
  if (Array.isArray(uid) || uid === '') return WRONG
  const digest = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
  return {
    user: authenticated({
      name,
      groups: O === undefined ? [] : Array.isArray(O) ? O : [O],
      ...(uid ? { uid } : {}),
      extra: { [CREDENTIAL_ID]: [`X509SHA256=${digest}`] },
    }),
  }
}

/** Go takes the last of several common names. */
const commonName = (names: string | string[] | undefined): string | undefined =>
  Array.isArray(names) ? names.at(-1) : names
