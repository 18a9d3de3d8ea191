/**
 * NATS user keys: the identity with which a process of this cluster opens its bus connection.
 * It stores nothing; the caller keeps the seed secret (0600).
 */
import { createUser } from '@nats-io/nkeys'

/** A new user key: the seed proves the identity, the public key names it in the server's configuration. */
export const newUserKey = (): { seed: string; publicKey: string } => {
  const pair = createUser()
  return { seed: new TextDecoder().decode(pair.getSeed()), publicKey: pair.getPublicKey() }
}
