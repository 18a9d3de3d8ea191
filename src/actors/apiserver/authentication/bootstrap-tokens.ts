/**
 * Bootstrap tokens as bearer tokens: `<id>.<secret>` is the user `system:bootstrap:<id>`.
 *
 * Invariant: the Secret is looked at for every request, so a token that is deleted or changed is refused at once.
 * Whatever is wrong with one, its bearer learns nothing but that it is not accepted.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import {
  BOOTSTRAP_NAMESPACE,
  bootstrapSecretName,
  bootstrapTokenOf,
  parseBootstrapToken,
} from '../../../api/core/bootstrap-token.ts'
import { Secret } from '../../../api/core/secret.ts'
import type { Storage } from '../../../client/storage.ts'
import type { Clock } from '../../../std/clock.ts'
import type { User } from '../request.ts'

export const bootstrapTokenUsers =
  (storage: Storage, clock: Clock) =>
  (token: string): Promise<User | undefined> | undefined => {
    const asked = parseBootstrapToken(token)
    return asked && userOf(storage, clock, asked)
  }

const userOf = async (
  storage: Storage,
  clock: Clock,
  asked: { id: string; secret: string },
): Promise<User | undefined> => {
  const secret = await find(storage, bootstrapSecretName(asked.id))
  if (!secret || secret.metadata.deletionTimestamp) return undefined
  const known = bootstrapTokenOf(secret, clock.now())
  if (!known?.authenticates || !known.groups) return undefined
  if (!timingSafeEqual(digestOf(known.secret), digestOf(asked.secret))) return undefined
  return { name: `system:bootstrap:${known.id}`, groups: known.groups }
}

/** What is not in this replica's cache may have been made at another one. */
const find = async ({ cache, barrier }: Storage, name: string): Promise<Secret | undefined> => {
  const found = cache.get(Secret, BOOTSTRAP_NAMESPACE, name)
  if (found) return found
  await barrier(Secret)
  return cache.get(Secret, BOOTSTRAP_NAMESPACE, name)
}

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest()
