/**
 * NATS keys: the identity with which a process of this cluster opens its bus connection, and the one that
 * signs who everybody else is. It stores nothing; the caller keeps the seeds secret (0600).
 */
import { createAccount, createUser, type KeyPair } from '@nats-io/nkeys'

export interface NatsKey {
  seed: string
  publicKey: string
}

/** A new user key: the seed proves the identity, the public key names it in the server's configuration. */
export const newUserKey = (): NatsKey => keyOf(createUser())

/** A new account key; what it signs, nats-servers that name it believe. */
export const newIssuerKey = (): NatsKey => keyOf(createAccount())

const keyOf = (pair: KeyPair): NatsKey => ({
  seed: new TextDecoder().decode(pair.getSeed()),
  publicKey: pair.getPublicKey(),
})
