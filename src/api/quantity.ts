/**
 * Quantities: amounts of CPU, memory and the like, as Kubernetes' `resource.Quantity` reads and prints them.
 *
 * Invariant: arithmetic is exact down to 10^-9 (finer amounts round away from zero, as Kubernetes does).
 * The canonical text has no fraction and the largest suffix that allows that.
 */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent'

/** An exact amount: `nanos` billionths, and the family of suffixes it is printed with. */
export interface Quantity {
  nanos: bigint
  format: QuantityFormat
}

const PATTERN = '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'
const SHAPE = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)$/

export const QUANTITY_FORMAT_MESSAGE = `quantities must match the regular expression '${PATTERN}'`
const QUANTITY_SUFFIX_MESSAGE = "unable to parse quantity's suffix"

/** The text is no quantity; the message is Kubernetes'. */
export class QuantityError extends Error {}

const NANO = 1_000_000_000n
const MAX_NANOS = (2n ** 63n - 1n) * NANO

const DECIMAL_EXPONENTS: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
}
const BINARY_SHIFTS: Readonly<Record<string, bigint>> = {
  Ki: 10n,
  Mi: 20n,
  Gi: 30n,
  Ti: 40n,
  Pi: 50n,
  Ei: 60n,
}
const DECIMAL_SUFFIXES = new Map(
  Object.entries(DECIMAL_EXPONENTS).map(([suffix, exponent]) => [exponent, suffix]),
)
const BINARY_SUFFIXES = ['', ...Object.keys(BINARY_SHIFTS)]

/** Throws QuantityError in Kubernetes' words. */
export const parseQuantity = (text: string): Quantity => {
  const found = SHAPE.exec(text)
  const [, sign = '', whole = '', fraction = '', suffix = ''] = found ?? []
  if (!found || (whole === '' && fraction === '')) throw new QuantityError(QUANTITY_FORMAT_MESSAGE)
  const digits = BigInt(whole + fraction)
  const scale = 10n ** BigInt(fraction.length)
  const { factor, divisor, format } = interpretSuffix(suffix)
  const magnitude = divideUp(digits * factor * NANO, scale * divisor)
  const bounded = magnitude > MAX_NANOS ? MAX_NANOS : magnitude
  return { nanos: sign === '-' ? -bounded : bounded, format }
}

export const isQuantity = (text: string): boolean => {
  try {
    parseQuantity(text)
    return true
  } catch {
    return false
  }
}

/** The canonical text, e.g. `1500m`, `2Gi`, `12e6`. */
export const formatQuantity = ({ nanos, format }: Quantity): string => {
  const size = nanos < 0n ? -nanos : nanos
  const sign = nanos < 0n ? '-' : ''
  if (size === 0n) return '0'
  if (format === 'BinarySI' && size >= 1024n * NANO) {
    let amount = divideUp(size, NANO)
    let power = 0
    while (amount % 1024n === 0n && power < BINARY_SUFFIXES.length - 1) {
      amount /= 1024n
      power++
    }
    return `${sign}${amount}${BINARY_SUFFIXES[power]}`
  }
  let amount = size
  let exponent = -9
  while (amount % 1000n === 0n && (exponent < 18 || format === 'DecimalExponent')) {
    amount /= 1000n
    exponent += 3
  }
  if (format !== 'DecimalExponent') return `${sign}${amount}${DECIMAL_SUFFIXES.get(exponent)}`
  return exponent === 0 ? `${sign}${amount}` : `${sign}${amount}e${exponent}`
}

/** The canonical form of `text`; throws QuantityError. */
export const canonicalQuantity = (text: string): string => remember(text).canonical

/** The amount in thousandths, rounded away from zero; 0 for undefined. */
export const milliValue = (text: string | undefined): number =>
  text === undefined ? 0 : remember(text).milli

/** The amount in units, rounded away from zero; 0 for undefined. */
export const value = (text: string | undefined): number =>
  text === undefined ? 0 : remember(text).units

/** Canonical text of `milli` thousandths, e.g. `250m`. */
export const quantityOfMilli = (milli: number): string =>
  formatQuantity({ nanos: BigInt(Math.round(milli)) * 1_000_000n, format: 'DecimalSI' })

const interpretSuffix = (suffix: string) => {
  const shift = BINARY_SHIFTS[suffix]
  if (shift !== undefined)
    return { factor: 1n << shift, divisor: 1n, format: 'BinarySI' as QuantityFormat }
  let exponent = DECIMAL_EXPONENTS[suffix]
  let format: QuantityFormat = 'DecimalSI'
  if (exponent === undefined) {
    const written = /^[eE]([-+]?[0-9]+)$/.exec(suffix)
    if (!written) throw new QuantityError(QUANTITY_SUFFIX_MESSAGE)
    exponent = Number(written[1])
    format = 'DecimalExponent'
    if (Math.abs(exponent) > 100) throw new QuantityError(QUANTITY_SUFFIX_MESSAGE)
  }
  const power = 10n ** BigInt(Math.abs(exponent))
  return exponent < 0
    ? { factor: 1n, divisor: power, format }
    : { factor: power, divisor: 1n, format }
}

const divideUp = (amount: bigint, by: bigint): bigint => {
  if (by === 1n) return amount
  const quotient = amount / by
  return quotient * by === amount ? quotient : quotient + 1n
}

const roundAway = (nanos: bigint, unit: bigint): number =>
  Number(nanos < 0n ? -divideUp(-nanos, unit) : divideUp(nanos, unit))

interface Known {
  canonical: string
  milli: number
  units: number
}

/** A cluster uses few different texts, and the scheduler reads them all the time. */
const MEMORY_MAX = 4096
const memory = new Map<string, Known>()

const remember = (text: string): Known => {
  const known = memory.get(text)
  if (known) return known
  const quantity = parseQuantity(text)
  const fresh = {
    canonical: formatQuantity(quantity),
    milli: roundAway(quantity.nanos, 1_000_000n),
    units: roundAway(quantity.nanos, NANO),
  }
  if (memory.size >= MEMORY_MAX) memory.clear()
  memory.set(text, fresh)
  return fresh
}
