/**
 * JSON Web Tokens signed with RSA and SHA-256 (RS256).
 *
 * Invariant: key ids are those of Kubernetes, the hash of the public key, so that every process that has a key
 * names it alike. It judges no claims.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { promisify } from 'node:util'

export interface VerifyingKey {
  publicKey: KeyObject
  id: string
}

export interface SigningKey extends VerifyingKey {
  privateKey: KeyObject
}

export interface DecodedToken {
  header: { alg?: string; kid?: string }
  claims: object
  /** What is signed. */
  text: string
  signature: Buffer
}

const ALGORITHM = 'RS256'
const DIGEST = 'sha256'
const signInBackground = promisify(
  (text: Buffer, key: KeyObject, done: (error: Error | null, signature: Buffer) => void) =>
    sign(DIGEST, text, key, done),
)

/** `pem` is the private key. Throws when it is none of RSA. */
export const readSigningKey = (pem: string): SigningKey => ({
  ...readVerifyingKey(pem),
  privateKey: createPrivateKey(pem),
})

/** `pem` is the public key, or the private one that it follows from. Throws when it is none of RSA. */
export const readVerifyingKey = (pem: string): VerifyingKey => {
  const publicKey = createPublicKey(pem)
  const type = publicKey.asymmetricKeyType
  if (type !== 'rsa') throw new Error(`tokens are signed with RSA, and this key is of ${type}`)
  const id = createHash(DIGEST)
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url')
  return { publicKey, id }
}

/** Signing takes about a millisecond: it is done beside the event loop. */
export const signToken = async (claims: object, key: SigningKey): Promise<string> => {
  const text = unsigned(claims, key)
  const signature = await signInBackground(Buffer.from(text), key.privateKey)
  return `${text}.${signature.toString('base64url')}`
}

/** For who signs rarely and must not wait. */
export const signTokenNow = (claims: object, key: SigningKey): string => {
  const text = unsigned(claims, key)
  return `${text}.${sign(DIGEST, Buffer.from(text), key.privateKey).toString('base64url')}`
}

/** Undefined for what is no token; nothing is verified. */
export const decodeToken = (token: string): DecodedToken | undefined => {
  const [header = '', payload = '', signature, ...rest] = token.split('.')
  if (signature === undefined || rest.length > 0) return undefined
  const claims = decoded(payload)
  if (!claims) return undefined
  return {
    header: decoded(header) ?? {},
    claims,
    text: `${header}.${payload}`,
    signature: Buffer.from(signature, 'base64url'),
  }
}

export const isSignedBy = (
  { header, text, signature }: DecodedToken,
  { publicKey }: Pick<VerifyingKey, 'publicKey'>,
): boolean => header.alg === ALGORITHM && verify(DIGEST, Buffer.from(text), publicKey, signature)

const unsigned = (claims: object, { id }: SigningKey): string =>
  `${encoded({ alg: ALGORITHM, kid: id })}.${encoded(claims)}`

const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')

const decoded = (text: string): object | undefined => {
  try {
    const part: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    return typeof part === 'object' && part !== null ? part : undefined
  } catch {
    return undefined
  }
}
