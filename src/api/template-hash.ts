/**
 * The hash that names a revision of a pod template (`pod-template-hash`).
 *
 * Invariant: equal templates hash equally whatever the order of their keys, on every machine and in every
 * version; a change of this function would make all Deployments roll. It need not resist attacks.
 */
import { safeEncode } from '../std/ids.ts'

/**
 * Ten characters that are safe in a name. `collisionCount` is status.collisionCount of the Deployment:
 * raised when the name of a ReplicaSet is taken by another template.
 */
export const podTemplateHash = (template: unknown, collisionCount?: number): string => {
  const hash = new Fnv1a()
  addValue(hash, template)
  if (collisionCount !== undefined) hash.add(`#${collisionCount}`)
  return safeEncode(hash.decimal())
}

/** 64-bit FNV-1a over UTF-16 units, as two 32-bit halves: BigInt would be ten times slower. */
class Fnv1a {
  #low = 0x84222325
  #high = 0xcbf29ce4

  add(text: string): void {
    for (let index = 0; index < text.length; index++) {
      const low = (this.#low ^ text.charCodeAt(index)) >>> 0
      // times the FNV prime 2^40 + 0x1b3, modulo 2^64
      const product = low * 0x1b3
      const carry = Math.floor(product / 0x1_0000_0000)
      this.#high = (Math.imul(this.#high, 0x1b3) + carry + (low << 8)) >>> 0
      this.#low = product >>> 0
    }
  }

  /** The low 10 decimal digits, zero-filled: enough to keep a revision's name short and apart. */
  decimal(): string {
    const value = (BigInt(this.#high) << 32n) | BigInt(this.#low)
    return (value % 10_000_000_000n).toString().padStart(10, '0')
  }
}

const addValue = (hash: Fnv1a, value: unknown): void => {
  if (Array.isArray(value)) {
    hash.add('[')
    for (const item of value) {
      addValue(hash, item)
      hash.add(',')
    }
    hash.add(']')
  } else if (typeof value === 'object' && value !== null) {
    const record = value as Record<string, unknown>
    hash.add('{')
    for (const key of Object.keys(record).sort()) {
      if (record[key] === undefined) continue
      hash.add(`${JSON.stringify(key)}:`)
      addValue(hash, record[key])
      hash.add(',')
    }
    hash.add('}')
  } else hash.add(JSON.stringify(value) ?? 'null')
}
