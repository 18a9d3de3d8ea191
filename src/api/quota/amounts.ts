/**
 * Lists of exact amounts by the name of a resource, and the arithmetic of quotas on them.
 *
 * After Kubernetes' `apiserver/pkg/quota/v1/resources.go`. Invariant: an `Amounts` is never changed once made.
 */
import { formatQuantity, parseQuantity, type Quantity } from '../quantity.ts'

export type Amounts = Readonly<Record<string, Quantity>>

type List = Readonly<Record<string, string>>

export const NONE: Amounts = {}

export const amountOf = (units: number): Quantity => ({
  nanos: BigInt(units) * 1_000_000_000n,
  format: 'DecimalSI',
})

const ZERO = amountOf(0)

/** A namespace uses few different texts. */
const MEMORY_MAX = 1024
const memory = new Map<string, Quantity>()

export const parseAmount = (text: string): Quantity => {
  const known = memory.get(text)
  if (known) return known
  const quantity = parseQuantity(text)
  if (memory.size >= MEMORY_MAX) memory.clear()
  memory.set(text, quantity)
  return quantity
}

export const parseAmounts = (list: List | undefined): Amounts => {
  const amounts: Record<string, Quantity> = {}
  for (const name in list) amounts[name] = parseAmount(list[name]!)
  return amounts
}

export const listOfAmounts = (amounts: Amounts): Record<string, string> => {
  const list: Record<string, string> = {}
  for (const name of Object.keys(amounts).sort()) list[name] = formatQuantity(amounts[name]!)
  return list
}

/** The sum has the format of `one`, unless that is nothing. */
export const addAmount = (one: Quantity | undefined, other: Quantity): Quantity =>
  one === undefined || one.nanos === 0n
    ? other
    : { nanos: one.nanos + other.nanos, format: one.format }

export const addAmounts = (one: Amounts, other: Amounts): Amounts => {
  const sum: Record<string, Quantity> = { ...one }
  for (const name in other) sum[name] = addAmount(sum[name], other[name]!)
  return sum
}

/** What `one` has more than `other`; nothing where it has less. */
export const excess = (one: Amounts, other: Amounts): Amounts => {
  const rest: Record<string, Quantity> = {}
  for (const name in one) {
    const { nanos, format } = one[name]!
    const left = nanos - (other[name]?.nanos ?? 0n)
    rest[name] = left > 0n ? { nanos: left, format } : ZERO
  }
  return rest
}

export const withoutZeros = (amounts: Amounts): Amounts => {
  const rest: Record<string, Quantity> = {}
  for (const name in amounts) if (amounts[name]!.nanos !== 0n) rest[name] = amounts[name]!
  return rest
}

/** Those that `names` has, too. */
export const masked = (amounts: Amounts, names: Readonly<Record<string, unknown>>): Amounts => {
  const rest: Record<string, Quantity> = {}
  for (const name in amounts) if (Object.hasOwn(names, name)) rest[name] = amounts[name]!
  return rest
}

export const isNothing = (amounts: Amounts): boolean => {
  for (const _ in amounts) return false
  return true
}

export const sameAmounts = (one: Amounts, other: Amounts): boolean => {
  const names = Object.keys(one)
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => one[name]!.nanos === other[name]?.nanos)
  )
}

/** `cpu=1,pods=2`. */
export const printAmounts = (amounts: Amounts): string =>
  Object.keys(amounts)
    .sort()
    .map((name) => `${name}=${formatQuantity(amounts[name]!)}`)
    .join(',')
