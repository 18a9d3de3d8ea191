/**
 * What a certificate says, read with Node's own parser: cheap enough for every start.
 *
 * Pure but for the parsing; it makes no certificates (`pki.ts`).
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'

/** The share of its life after which a certificate is renewed. */
const RENEWED_AT = 0.8

export interface CertificateFacts {
  notBeforeMs: number
  notAfterMs: number
  isAuthority: boolean
  /** Host names and IPv4 addresses it is good for. */
  names: readonly string[]
  /** Whether `key` (PEM) is its private key. */
  matches(key: string): boolean
  /** Whether the authority (PEM) signed it. */
  isSignedBy(authority: string): boolean
}

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

/** The certificates of a PEM text, each in PEM. */
export const splitBundle = (pem: string): string[] => pem.match(BLOCK) ?? []

/** The inverse of `splitBundle`. */
export const joinBundle = (certificates: readonly string[]): string =>
  certificates.map((one) => `${one.trim()}\n`).join('')

/** Of the first certificate of a PEM text. Throws Error when there is none. */
export const certificateFacts = (pem: string): CertificateFacts => {
  const certificate = new X509Certificate(pem)
  return {
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
    isAuthority: certificate.ca,
    names: namesOf(certificate.subjectAltName ?? ''),
    matches: (key) => certificate.checkPrivateKey(createPrivateKey(key)),
    isSignedBy: (authority) => {
      const issuer = new X509Certificate(authority)
      return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
    },
  }
}

/** When it is to be renewed, in ms since the epoch. */
export const renewalTimeMs = ({ notBeforeMs, notAfterMs }: CertificateFacts): number =>
  notBeforeMs + (notAfterMs - notBeforeMs) * RENEWED_AT

/** Of `DNS:localhost, IP Address:127.0.0.1`. */
const namesOf = (text: string): string[] =>
  text.split(', ').flatMap((entry) => /^(?:DNS|IP Address):(.*)$/.exec(entry)?.[1] ?? [])
