/**
 * The cluster's certificates: one authority, one serving certificate, client certificates.
 *
 * Invariant: what exists and still fits is kept; a private key never leaves its 0600 file.
 * It does not rotate certificates that are about to expire.
 */
import 'reflect-metadata'
import { generateKeyPair, webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const YEAR_MS = 365 * 24 * 3600 * 1000

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[1])

export interface KeyPair {
  /** PEM. */
  certificate: string
  key: string
}

export interface Subject {
  commonName: string
  organizations?: readonly string[]
}

const generateKeys = () => webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])

const exportKey = async (key: webcrypto.CryptoKey): Promise<string> => {
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64')
  return `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/(.{64})/g, '$1\n').trimEnd()}\n-----END PRIVATE KEY-----\n`
}

const importKey = (pem: string) =>
  webcrypto.subtle.importKey(
    'pkcs8',
    Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64'),
    ALGORITHM,
    true,
    ['sign'],
  )

const distinguishedName = ({ commonName, organizations = [] }: Subject): x509.JsonName => [
  ...organizations.map((name) => ({ O: [name] })),
  { CN: [commonName] },
]

const serialNumber = () =>
  Buffer.from(webcrypto.getRandomValues(new Uint8Array(16))).toString('hex')

/** A self-signed authority, valid for ten years from `nowMs`. */
export const createAuthority = async (commonName: string, nowMs: number): Promise<KeyPair> => {
  const keys = await generateKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: distinguishedName({ commonName }),
    notBefore: new Date(nowMs - 3600_000),
    notAfter: new Date(nowMs + 10 * YEAR_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate: certificate.toString('pem'), key: await exportKey(keys.privateKey) }
}

/** A private RSA key (PEM) for signing tokens; clients of tokens expect RSA. */
export const createSigningKey = (): Promise<string> =>
  new Promise((resolve, reject) => {
    generateKeyPair('rsa', { modulusLength: 2048 }, (error, _, privateKey) => {
      if (error) reject(error)
      else resolve(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
    })
  })

export interface CertificateRequest {
  subject: Subject
  usage: 'server' | 'client'
  /** Host names and IPv4 addresses the certificate is good for. */
  names?: readonly string[]
  nowMs: number
}

/** A certificate signed by `authority`, valid for one year. */
export const issueCertificate = async (
  authority: KeyPair,
  { subject, usage, names = [], nowMs }: CertificateRequest,
): Promise<KeyPair> => {
  const keys = await generateKeys()
  const issuer = new x509.X509Certificate(authority.certificate)
  const isAddress = (name: string) => /^[\d.]+$/.test(name)
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: distinguishedName(subject),
    issuer: issuer.subjectName,
    notBefore: new Date(nowMs - 3600_000),
    notAfter: new Date(nowMs + YEAR_MS),
    signingAlgorithm: ALGORITHM,
    signingKey: await importKey(authority.key),
    publicKey: keys.publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment,
        true,
      ),
      new x509.ExtendedKeyUsageExtension([
        usage === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth,
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      ...(names.length > 0
        ? [
            new x509.SubjectAlternativeNameExtension(
              names.map((value) => ({ type: isAddress(value) ? 'ip' : 'dns', value })),
            ),
          ]
        : []),
    ],
  })
  return { certificate: certificate.toString('pem'), key: await exportKey(keys.privateKey) }
}

/** Whether `certificate` (PEM) names all of `names` and is valid for another 30 days after `nowMs`. */
export const coversNames = (certificate: string, names: readonly string[], nowMs: number) => {
  const parsed = new x509.X509Certificate(certificate)
  const extension = parsed.getExtension(x509.SubjectAlternativeNameExtension)
  const present = new Set(extension?.names.items.map((item) => item.value) ?? [])
  return (
    names.every((name) => present.has(name)) &&
    parsed.notAfter.getTime() > nowMs + 30 * 24 * 3600 * 1000
  )
}
