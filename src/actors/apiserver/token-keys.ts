/**
 * The keys of service accounts' tokens: one signs, all of them are believed.
 *
 * After Kubernetes 1.36 (`--service-account-signing-key-file`, `--service-account-key-file`; `pkg/serviceaccount`):
 * a token that names its key is judged by that one alone. Invariant: they are replaced together, in one turn. What is
 * believed besides was a signing key, or will be one; where they lie is for others.
 */
import {
  type DecodedToken,
  isSignedBy,
  readSigningKey,
  readVerifyingKey,
  type SigningKey,
  type VerifyingKey,
} from '../../std/json-web-token.ts'
import { TokenRefused } from './authentication/bearer-token.ts'

/** In PEM, of RSA. */
export interface ServiceAccountKeys {
  /** The private key that signs. */
  serviceAccountKey: string
  /** Private or public keys by which tokens are judged besides. */
  otherServiceAccountKeys?: readonly string[] | undefined
}

export class TokenKeys {
  signing: SigningKey
  /** The signing one first. */
  private believed: ReadonlyMap<string, VerifyingKey>

  /** Throws when one of them is no RSA key. */
  constructor(keys: ServiceAccountKeys) {
    this.signing = readSigningKey(keys.serviceAccountKey)
    this.believed = believedOf(this.signing, keys)
  }

  /** Whether it makes a difference. Throws, and changes nothing, when one of them is no RSA key. */
  replace(keys: ServiceAccountKeys): boolean {
    const signing = readSigningKey(keys.serviceAccountKey)
    const believed = believedOf(signing, keys)
    const isSame = [...believed.keys()].join() === [...this.believed.keys()].join()
    this.signing = signing
    this.believed = believed
    return !isSame
  }

  isBelieved(id: string): boolean {
    return this.believed.has(id)
  }

  /** Throws TokenRefused. */
  checkSignature(token: DecodedToken): void {
    const { kid } = token.header
    const named = kid ? this.believed.get(kid) : undefined
    const keys = kid ? (named ? [named] : []) : [...this.believed.values()]
    if (keys.length === 0) throw new TokenRefused('invalid signature, no keys found')
    if (!keys.some((key) => isSignedBy(token, key)))
      throw new TokenRefused('the signature of the token is not valid')
  }

  /** A JSON Web Key Set. */
  keySet(): object {
    const keys = Array.from(this.believed.values(), ({ id, publicKey }) => {
      const { kty, n, e } = publicKey.export({ format: 'jwk' })
      return { use: 'sig', kty, kid: id, alg: 'RS256', n, e }
    })
    return { keys }
  }
}

const believedOf = (
  signing: SigningKey,
  { otherServiceAccountKeys = [] }: ServiceAccountKeys,
): ReadonlyMap<string, VerifyingKey> =>
  new Map([signing, ...otherServiceAccountKeys.map(readVerifyingKey)].map((key) => [key.id, key]))
