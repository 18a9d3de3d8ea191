/**
 * Identifiers: the only place that draws random names.
 * It does not draw keys or tokens that must stay secret.
 */
import { randomBytes, randomUUID } from 'node:crypto'

/** Kubernetes' alphabet for generated names: no vowels and no look-alikes. */
const SAFE_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'

export const newUid = (): string => randomUUID()

/** Asking the system for a few bytes costs as much as for many. */
const POOL_BYTES = 1024
let pool = new Uint8Array(0)
let used = 0

/** `length` random characters that are safe in a resource name; 5 as in Kubernetes' generateName. */
export const randomSuffix = (length = 5): string => {
  if (used + length > pool.length) {
    pool = randomBytes(Math.max(POOL_BYTES, length))
    used = 0
  }
  let text = ''
  for (const end = used + length; used < end; used++)
    text += SAFE_ALPHABET[pool[used]! % SAFE_ALPHABET.length]
  return text
}

/** Kubernetes' `rand.SafeEncodeString`: maps digits of a hash onto the safe alphabet. */
export const safeEncode = (text: string): string => {
  let encoded = ''
  for (const character of text)
    encoded += SAFE_ALPHABET[character.charCodeAt(0) % SAFE_ALPHABET.length]
  return encoded
}

/** All but the last eight digits. */
const processId = randomUUID().slice(0, 28)
let drawn = 0

/** Differs from every other one, in this process and elsewhere, but can be guessed; looks like a uid. */
export const newRequestId = (): string => {
  drawn = (drawn + 1) & 0xfff_ffff
  return processId + (0x1000_0000 + drawn).toString(16)
}

/** From 0 up to but not including 1, for spreading things out. */
export const randomFraction = (): number => Math.random()
