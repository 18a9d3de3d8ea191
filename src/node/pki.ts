/**
 * Making certificates: authorities, and what they sign.
 *
 * Invariant: every certificate has a key of its own, which is returned and kept nowhere. When they are renewed and
 * where they lie is for others (`cli/certificates.ts`); what one says, `certificate-facts.ts` reads.
 */
import 'reflect-metadata'
import { generateKeyPair, webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { x509UsagesOf } from '../api/certificates/key-usages.ts'
import type { Validity } from '../api/certificates/signers.ts'
import { splitBundle } from './certificate-facts.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const YEAR_MS = 365 * 24 * 3600 * 1000
/** Clocks of others may be late. */
const BACKDATE_MS = 3600_000

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

/** An authority's bundle begins with the certificate of its key. */
const firstOf = (pem: string): string => splitBundle(pem)[0] ?? pem

const distinguishedName = ({ commonName, organizations = [] }: Subject): x509.JsonName => [
  ...organizations.map((name) => ({ O: [name] })),
  { CN: [commonName] },
]

const serialNumber = () =>
  Buffer.from(webcrypto.getRandomValues(new Uint8Array(16))).toString('hex')

/** A self-signed authority, valid for ten years from `nowMs` unless told. */
export const createAuthority = async (
  commonName: string,
  nowMs: number,
  lifetimeMs = 10 * YEAR_MS,
): Promise<KeyPair> => {
  const keys = await generateKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: distinguishedName({ commonName }),
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(nowMs + lifetimeMs),
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
  /** `peer`: both. */
  usage: 'server' | 'client' | 'peer'
  /** Host names and IPv4 addresses the certificate is good for. */
  names?: readonly string[]
  nowMs: number
  /** One year unless told, and never longer than the authority. */
  lifetimeMs?: number
  /** For how long before `nowMs` it is good already: an hour unless told, as clocks differ. */
  backdateMs?: number
}

/** A certificate signed by `authority`, whose first certificate is that of its key. */
export const issueCertificate = async (
  authority: KeyPair,
  { subject, usage, names = [], nowMs, lifetimeMs = YEAR_MS, backdateMs }: CertificateRequest,
): Promise<KeyPair> => {
  const keys = await generateKeys()
  const issuer = new x509.X509Certificate(firstOf(authority.certificate))
  const isAddress = (name: string) => /^[\d.]+$/.test(name)
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: distinguishedName(subject),
    issuer: issuer.subjectName,
    notBefore: new Date(nowMs - (backdateMs ?? BACKDATE_MS)),
    notAfter: new Date(Math.min(nowMs + lifetimeMs, issuer.notAfter.getTime())),
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
        ...(usage === 'client' ? [] : [x509.ExtendedKeyUsage.serverAuth]),
        ...(usage === 'server' ? [] : [x509.ExtendedKeyUsage.clientAuth]),
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

/** What `certificate` (PEM) says, once more: with a new key, from `nowMs` on, for as long as before. */
export const renewCertificate = async (
  authority: KeyPair,
  certificate: string,
  nowMs: number,
): Promise<KeyPair> => {
  const keys = await generateKeys()
  const former = new x509.X509Certificate(firstOf(certificate))
  const issuer = new x509.X509Certificate(firstOf(authority.certificate))
  const lifetimeMs = former.notAfter.getTime() - former.notBefore.getTime() - BACKDATE_MS
  const renewed = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: former.subjectName,
    issuer: issuer.subjectName,
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(Math.min(nowMs + lifetimeMs, issuer.notAfter.getTime())),
    signingAlgorithm: ALGORITHM,
    signingKey: await importKey(authority.key),
    publicKey: keys.publicKey,
    extensions: [
      ...former.extensions.filter(
        (extension) => !(extension instanceof x509.AuthorityKeyIdentifierExtension),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  })
  return { certificate: renewed.toString('pem'), key: await exportKey(keys.privateKey) }
}

/** Country, organization, unit, locality, province, street, postal code: what Go keeps, in its order. */
const KEPT_ATTRIBUTES = ['6', '10', '11', '7', '8', '9', '17'].map((arc) => `2.5.4.${arc}`)
const COMMON_NAME = '2.5.4.3'
const SERIAL_NUMBER = '2.5.4.5'

/** The sorts of alternative names that Go reads of a request. */
const SIGNED_NAMES: ReadonlySet<string> = new Set(['dns', 'ip', 'email', 'url'])

/** As Kubernetes signs it: attributes that Go does not know, such as a user's uid, are not vouched for. */
const signedSubject = ({ subjectName }: x509.Pkcs10CertificateRequest): x509.JsonName => {
  const values = (attribute: string) => subjectName.getField(attribute)
  const parts = [
    ...KEPT_ATTRIBUTES.map((attribute) => ({ [attribute]: values(attribute) })),
    ...[COMMON_NAME, SERIAL_NUMBER].map((attribute) => ({
      [attribute]: values(attribute).slice(-1),
    })),
  ]
  return parts.filter((part) => Object.values(part)[0]!.length > 0)
}

/** A certificate (PEM) for the key and the names of a PKCS#10 request; all else of the request is left out. */
export const signRequest = async (
  authority: KeyPair,
  request: Buffer,
  { usages, validity }: { usages: readonly string[]; validity: Validity },
): Promise<string> => {
  const asked = new x509.Pkcs10CertificateRequest(request)
  const issuer = new x509.X509Certificate(firstOf(authority.certificate))
  const { bits, extended } = x509UsagesOf(usages)
  const names = asked.extensions.flatMap((extension) =>
    extension instanceof x509.SubjectAlternativeNameExtension
      ? extension.names.items.filter(({ type }) => SIGNED_NAMES.has(type))
      : [],
  )
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: signedSubject(asked),
    issuer: issuer.subjectName,
    notBefore: new Date(validity.notBeforeMs),
    notAfter: new Date(validity.notAfterMs),
    signingAlgorithm: ALGORITHM,
    signingKey: await importKey(authority.key),
    publicKey: asked.publicKey,
    extensions: [
      ...(bits > 0 ? [new x509.KeyUsagesExtension(bits, true)] : []),
      ...(extended.length > 0 ? [new x509.ExtendedKeyUsageExtension(extended)] : []),
      new x509.BasicConstraintsExtension(false, undefined, true),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      ...(names.length > 0
        ? [
            new x509.SubjectAlternativeNameExtension(
              names.map(({ type, value }) => ({ type, value })),
            ),
          ]
        : []),
    ],
  })
  return certificate.toString('pem')
}
