/**
 * Kubernetes' libraries of quantities and semantic versions.
 */
import { formatQuantity, isQuantity, parseQuantity, type Quantity } from '../../quantity.ts'
import { CelError } from '../cel-error.ts'
import { Opaque } from '../value.ts'
import { define, type Overload, traversal } from './overload.ts'

const NANO = 1_000_000_000n
const MAX_INT = 2n ** 63n - 1n

class QuantityValue extends Opaque {
  readonly typeName = 'kubernetes.Quantity'
  readonly quantity: Quantity

  constructor(quantity: Quantity) {
    super()
    this.quantity = quantity
  }

  get nanos(): bigint {
    return this.quantity.nanos
  }

  equals(other: Opaque): boolean {
    return other instanceof QuantityValue && other.nanos === this.nanos
  }
}

const quantity = (text: string): QuantityValue => {
  try {
    return new QuantityValue(parseQuantity(text))
  } catch (error) {
    throw new CelError(error instanceof Error ? error.message : String(error))
  }
}

const isInteger = ({ nanos }: QuantityValue): boolean =>
  nanos % NANO === 0n && nanos / NANO <= MAX_INT && nanos / NANO >= -MAX_INT - 1n

const asInteger = (value: QuantityValue): bigint => {
  if (!isInteger(value)) throw new CelError('cannot convert value to integer')
  return value.nanos / NANO
}

const order = (one: bigint, other: bigint): bigint => (one < other ? -1n : one > other ? 1n : 0n)

const plus = (one: QuantityValue, nanos: bigint): QuantityValue =>
  new QuantityValue({ ...one.quantity, nanos: one.nanos + nanos })

const quantities = [
  ...define(
    {
      'quantity(string): kubernetes.Quantity': quantity,
      'isQuantity(string): bool': isQuantity,
    },
    traversal(),
  ),
  ...define({
    'kubernetes.Quantity.sign(): int': ({ nanos }: QuantityValue) => order(nanos, 0n),
    'kubernetes.Quantity.isInteger(): bool': isInteger,
    'kubernetes.Quantity.asInteger(): int': asInteger,
    'kubernetes.Quantity.asApproximateFloat(): double': ({ nanos }: QuantityValue) =>
      Number(nanos) / 1e9,
    'kubernetes.Quantity.isGreaterThan(kubernetes.Quantity): bool': (
      one: QuantityValue,
      other: QuantityValue,
    ) => one.nanos > other.nanos,
    'kubernetes.Quantity.isLessThan(kubernetes.Quantity): bool': (
      one: QuantityValue,
      other: QuantityValue,
    ) => one.nanos < other.nanos,
    'kubernetes.Quantity.compareTo(kubernetes.Quantity): int': (
      one: QuantityValue,
      other: QuantityValue,
    ) => order(one.nanos, other.nanos),
    'kubernetes.Quantity.add(kubernetes.Quantity): kubernetes.Quantity': (
      one: QuantityValue,
      other: QuantityValue,
    ) => plus(one, other.nanos),
    'kubernetes.Quantity.add(int): kubernetes.Quantity': (one: QuantityValue, other: bigint) =>
      plus(one, other * NANO),
    'kubernetes.Quantity.sub(kubernetes.Quantity): kubernetes.Quantity': (
      one: QuantityValue,
      other: QuantityValue,
    ) => plus(one, -other.nanos),
    'kubernetes.Quantity.sub(int): kubernetes.Quantity': (one: QuantityValue, other: bigint) =>
      plus(one, -other * NANO),
    'string(kubernetes.Quantity): string': (value: QuantityValue) => formatQuantity(value.quantity),
  }),
]

class Semver extends Opaque {
  readonly typeName = 'kubernetes.Semver'
  readonly numbers: readonly [bigint, bigint, bigint]
  readonly prerelease: readonly string[]

  constructor(numbers: readonly [bigint, bigint, bigint], prerelease: readonly string[]) {
    super()
    this.numbers = numbers
    this.prerelease = prerelease
  }

  compare(other: Semver): bigint {
    for (let at = 0; at < 3; at++) {
      const found = order(this.numbers[at]!, other.numbers[at]!)
      if (found !== 0n) return found
    }
    return comparePrereleases(this.prerelease, other.prerelease)
  }

  equals(other: Opaque): boolean {
    return other instanceof Semver && this.compare(other) === 0n
  }
}

/** A release is greater than what leads to it; numbers are less than words. */
const comparePrereleases = (one: readonly string[], other: readonly string[]): bigint => {
  if (one.length === 0 || other.length === 0)
    return order(BigInt(other.length), BigInt(one.length)) && (one.length === 0 ? 1n : -1n)
  for (let at = 0; at < one.length && at < other.length; at++) {
    const [left, right] = [one[at]!, other[at]!]
    if (left === right) continue
    const [leftIsNumber, rightIsNumber] = [/^\d+$/.test(left), /^\d+$/.test(right)]
    if (leftIsNumber && rightIsNumber) return order(BigInt(left), BigInt(right))
    if (leftIsNumber !== rightIsNumber) return leftIsNumber ? -1n : 1n
    return left < right ? -1n : 1n
  }
  return order(BigInt(one.length), BigInt(other.length))
}

const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/

const parseSemver = (text: string): Semver | undefined => {
  const [, major, minor, patch, prerelease] = SEMVER.exec(text) ?? []
  if (major === undefined) return undefined
  return new Semver(
    [BigInt(major), BigInt(minor!), BigInt(patch!)],
    prerelease === undefined ? [] : prerelease.split('.'),
  )
}

/** What `semver(text, true)` forgives: a leading v, missing parts, leading zeros. */
const normalized = (text: string): string => {
  const [, core = '', rest = ''] = /^v?([^-+]*)(.*)$/.exec(text) ?? []
  const parts = core.split('.').map((part) => part.replace(/^0+(?=\d)/, ''))
  while (parts.length < 3) parts.push('0')
  return parts.join('.') + rest
}

const semver = (text: string, isNormalized = false): Semver => {
  const found = parseSemver(isNormalized ? normalized(text) : text)
  if (!found) throw new CelError('No Major.Minor.Patch elements found')
  return found
}

const isSemver = (text: string, isNormalized = false): boolean =>
  parseSemver(isNormalized ? normalized(text) : text) !== undefined

const semvers = [
  ...define(
    {
      'semver(string): kubernetes.Semver': semver,
      'semver(string, bool): kubernetes.Semver': semver,
      'isSemver(string): bool': isSemver,
      'isSemver(string, bool): bool': isSemver,
    },
    traversal(),
  ),
  ...define({
    'kubernetes.Semver.major(): int': ({ numbers }: Semver) => numbers[0],
    'kubernetes.Semver.minor(): int': ({ numbers }: Semver) => numbers[1],
    'kubernetes.Semver.patch(): int': ({ numbers }: Semver) => numbers[2],
    'kubernetes.Semver.isGreaterThan(kubernetes.Semver): bool': (one: Semver, other: Semver) =>
      one.compare(other) > 0n,
    'kubernetes.Semver.isLessThan(kubernetes.Semver): bool': (one: Semver, other: Semver) =>
      one.compare(other) < 0n,
    'kubernetes.Semver.compareTo(kubernetes.Semver): int': (one: Semver, other: Semver) =>
      one.compare(other),
  }),
]

export const amounts: readonly Overload[] = [...quantities, ...semvers]
