/**
 * Chance with a seed: the same seed gives the same numbers, texts and damaged values.
 */

export interface Chance {
  /** From 0 to below `bound`. */
  below(bound: number): number
  /** True once in `times`. */
  once(times: number): boolean
  pick<T>(from: readonly T[]): T
  bytes(length: number): Buffer
  /** Any characters, also such that are no text. */
  text(lengthMax: number): string
}

/** Mulberry32. */
export const chanceOf = (seed: number): Chance => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (bound: number) => Math.floor(next() * bound)
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!
  return {
    below,
    once: (times) => below(times) === 0,
    pick,
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
    text: (lengthMax) =>
      Array.from({ length: below(lengthMax + 1) }, () =>
        String.fromCharCode(pick([below(128), below(128), below(0x800), below(0x10000)])),
      ).join(''),
  }
}

const JUNK: readonly ((chance: Chance) => unknown)[] = [
  () => null,
  () => true,
  (chance) => chance.below(2 ** 31) - 2 ** 30,
  (chance) => chance.pick([-1, 0, 1e308, 2 ** 53, -0.5, 2 ** 31, -(2 ** 31) - 1]),
  (chance) => chance.text(20),
  (chance) => 'x'.repeat(chance.below(5000)),
  (chance) => chance.pick(['__proto__', 'constructor', 'toString', '', '.', '..', '-', '0', '1Gi']),
  () => [],
  () => ({}),
  (chance) => [chance.below(5), null, chance.text(4)],
  (chance) => ({ [chance.text(8)]: chance.text(4), metadata: null }),
  (chance) => nested(chance.below(200)),
  () => JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'),
]

const nested = (depth: number): unknown => {
  let value: unknown = {}
  for (let at = 0; at < depth; at++) value = at % 2 === 0 ? [value] : { a: value }
  return value
}

export const junk = (chance: Chance): unknown => chance.pick(JUNK)(chance)

/** A copy of plain JSON data with one value somewhere replaced, removed, doubled or added. */
export const damaged = (chance: Chance, value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || chance.once(6)) return junk(chance)
  if (Array.isArray(value)) {
    const copy = [...value]
    const way = chance.below(5)
    const at = chance.below(copy.length)
    if (copy.length === 0 || way === 0) copy.push(junk(chance))
    else if (way === 1) copy.splice(at, 1)
    else copy[at] = damaged(chance, copy[at])
    return copy
  }
  const copy: Record<string, unknown> = { ...value }
  const keys = Object.keys(copy)
  const key = keys.length > 0 ? chance.pick(keys) : chance.text(6)
  const way = chance.below(6)
  if (way === 0) delete copy[key]
  else if (way === 1) copy[chance.text(8)] = junk(chance)
  else copy[key] = damaged(chance, copy[key])
  return copy
}

/** Some bytes changed, cut off, doubled or put in. */
export const damagedBytes = (chance: Chance, bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes)
  const at = chance.below(copy.length + 1)
  switch (chance.below(4)) {
    case 0:
      return copy.subarray(0, at)
    case 1:
      return Buffer.concat([copy.subarray(0, at), chance.bytes(chance.below(9)), copy.subarray(at)])
    case 2:
      return Buffer.concat([copy, copy.subarray(at)])
    default:
      for (let count = 0; count < 3 && copy.length > 0; count++)
        copy[chance.below(copy.length)] = chance.below(256)
      return copy
  }
}
