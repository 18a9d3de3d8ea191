/**
 * Reading PEM: a PKCS#10 request with its signature checked, and certificates.
 *
 * Invariant: the parser is loaded by `loadParser` before anything is read, because hardly any process needs
 * it. It issues nothing.
 */
import { createPublicKey, verify, X509Certificate } from 'node:crypto'
import { assert } from '../../std/assert.ts'

let parser: typeof import('./pkcs10.ts') | undefined

export const loadParser = async (): Promise<void> => {
  parser ??= await import('./pkcs10.ts')
}

export interface ParsedRequest {
  /** `CN` of the subject; the last one, as Go reads it. */
  commonName: string
  /** `O` of the subject. */
  organizations: string[]
  dnsNames: string[]
  ipAddresses: string[]
  emailAddresses: string[]
  uris: string[]
  der: Buffer
}

/** Reads base64 of PEM. Throws Error with what is wrong. */
export const parseRequest = (base64: string): ParsedRequest => {
  assert(parser, 'the parser of certificate requests is not loaded')
  const block = firstBlock(Buffer.from(base64, 'base64').toString('latin1'))
  if (block?.type !== 'CERTIFICATE REQUEST')
    throw new Error('PEM block type must be CERTIFICATE REQUEST')
  const request = parser.readPkcs10(block.bytes)
  const { hash, name } = request.signatureAlgorithm as { name: string; hash?: { name: string } }
  const key = createPublicKey({
    key: Buffer.from(request.publicKey.rawData),
    format: 'der',
    type: 'spki',
  })
  const digest = name === 'Ed25519' ? null : (hash?.name.replace('-', '').toLowerCase() ?? null)
  const isRight = verify(digest, signedPart(block.bytes), key, Buffer.from(request.signature))
  if (!isRight) throw new Error('x509: the signature of the request is not valid')
  return {
    commonName: request.subjectName.getField('CN').at(-1) ?? '',
    organizations: request.subjectName.getField('O'),
    dnsNames: parser.alternativeNames(request, 'dns'),
    ipAddresses: parser.alternativeNames(request, 'ip'),
    emailAddresses: parser.alternativeNames(request, 'email'),
    uris: parser.alternativeNames(request, 'url'),
    der: block.bytes,
  }
}

/** What is wrong with base64 of PEM that should hold certificates and nothing else. */
export const certificateFault = (base64: string): string | undefined => {
  if (!base64) return undefined
  let rest = Buffer.from(base64, 'base64').toString('latin1')
  let count = 0
  for (let block = firstBlock(rest); block; block = firstBlock(rest)) {
    const { type } = block
    if (type !== 'CERTIFICATE')
      return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(type)}`
    if (block.hasHeaders) return 'no PEM block headers are permitted'
    try {
      new X509Certificate(block.bytes)
    } catch {
      return 'x509: malformed certificate'
    }
    count++
    rest = rest.slice(block.end)
  }
  return count === 0 ? 'must contain at least one CERTIFICATE PEM block' : undefined
}

interface Block {
  type: string
  hasHeaders: boolean
  bytes: Buffer
  end: number
}

const BLOCK = /(?:^|\n)-----BEGIN ([^\n]*)-----[ \t\r]*\n([\s\S]*?)-----END \1-----/

const firstBlock = (text: string): Block | undefined => {
  const found = BLOCK.exec(text)
  if (!found) return undefined
  const [whole, type = '', content = ''] = found
  const lines = content.split('\n')
  const headers = lines.filter((line) => line.includes(':')).length
  const encoded = lines.slice(headers).join('').replace(/\s/g, '')
  return {
    type,
    hasHeaders: headers > 0,
    bytes: Buffer.from(encoded, 'base64'),
    end: found.index + whole.length,
  }
}

/** The first member of the outer sequence: what the signature is made over. */
const signedPart = (der: Buffer): Buffer => {
  const start = contentStart(der, 0)
  return der.subarray(start, contentStart(der, start) + contentLength(der, start))
}

const contentStart = (der: Buffer, at: number): number => {
  const first = der[at + 1] ?? 0
  return at + 2 + (first < 0x80 ? 0 : first & 0x7f)
}

const contentLength = (der: Buffer, at: number): number => {
  const first = der[at + 1] ?? 0
  return first < 0x80 ? first : der.readUIntBE(at + 2, first & 0x7f)
}
