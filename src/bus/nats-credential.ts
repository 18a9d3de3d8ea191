/**
 * Who a connection is, and how it proves that to nats-server: a key of its own, a certificate or a token.
 *
 * Invariant: secrets are read anew at every connection, so one that was replaced is used from the next on.
 * A certificate is proved by signing the server's nonce with its key: the server need not ask for it in TLS.
 */
import { createPrivateKey, sign } from 'node:crypto'
import { type ConnectionOptions, nkeyAuthenticator } from 'nats'
import type { Subjects } from './subjects.ts'

export interface BusCredential {
  /** Names its inboxes, and the connection in logs. */
  name: string
  /** Who it is on channels, the first by itself; absent: whoever it is taken for. */
  parties?: readonly string[]
  /** It speaks for itself only, as a node does. */
  isWorker?: boolean
  proof: Proof
  /** File of the authorities that sign the servers' certificates; absent: no TLS, this machine only. */
  serverAuthority?: string
}

export type Proof =
  /** Gives the seed (`SU…`) of a user key that the server's configuration names. */
  | { type: 'nkey'; seed(): string }
  /** Gives a client certificate and its key, PEM. */
  | { type: 'certificate'; pair(): { certificate: string; key: string } }
  /** Gives a bearer token. */
  | { type: 'token'; token(): string }

/** There may be thousands, which come back together after a nats-server was away. */
const MANY = { reconnectTimeWait: 300, reconnectJitter: 1_200, reconnectJitterTLS: 1_200 }

export const connectionOptions = (
  { name, proof, serverAuthority, isWorker }: BusCredential,
  subjects: Subjects,
): ConnectionOptions => ({
  inboxPrefix: subjects.inboxes(name),
  ...(isWorker ? MANY : {}),
  ...(serverAuthority ? { tls: { caFile: serverAuthority } } : {}),
  authenticator: authenticatorOf(proof),
})

type Authenticator = NonNullable<Exclude<ConnectionOptions['authenticator'], readonly unknown[]>>

const authenticatorOf = (proof: Proof): Authenticator => {
  switch (proof.type) {
    case 'nkey':
      return nkeyAuthenticator(() => new TextEncoder().encode(proof.seed()))
    case 'token':
      return () => ({ auth_token: proof.token() })
    case 'certificate':
      return (nonce) => {
        const { certificate, key } = proof.pair()
        const signature = sign('sha256', Buffer.from(nonce ?? ''), createPrivateKey(key))
        return { auth_token: certificate, sig: signature.toString('base64url') }
      }
  }
}
