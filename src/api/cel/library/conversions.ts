/**
 * CEL's conversions between types: int(), uint(), double(), string(), bytes(), bool(), timestamp(), duration().
 */
import { CelError } from '../cel-error.ts'
import { Duration, Timestamp } from '../time.ts'
import { Uint, type Value } from '../value.ts'
import { define, type Overload, traversal } from './overload.ts'

const MAX_INT = 2n ** 63n - 1n
const MIN_INT = -(2n ** 63n)
const MAX_UINT = 2n ** 64n - 1n

const toInt = (value: bigint): bigint => {
  if (value > MAX_INT || value < MIN_INT) throw new CelError('integer overflow')
  return value
}

const toUint = (value: bigint): Uint => {
  if (value > MAX_UINT || value < 0n) throw new CelError('unsigned integer overflow')
  return new Uint(value)
}

const wholePart = (value: number): bigint => {
  if (!Number.isFinite(value)) throw new CelError('integer overflow')
  return BigInt(Math.trunc(value))
}

const parsedInt = (text: string): bigint => {
  if (!/^[+-]?\d+$/.test(text))
    throw new CelError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  return toInt(BigInt(text.replace(/^\+/, '')))
}

const parsedUint = (text: string): Uint => {
  if (!/^\d+$/.test(text))
    throw new CelError(`strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`)
  return toUint(BigInt(text))
}

const parsedDouble = (text: string): number => {
  if (/^[+-]?(?:inf|infinity)$/i.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  if (/^nan$/i.test(text)) return Number.NaN
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text))
    throw new CelError(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`)
  return Number(text)
}

const BOOLS: Readonly<Record<string, boolean>> = {
  '1': true,
  t: true,
  T: true,
  TRUE: true,
  true: true,
  True: true,
  '0': false,
  f: false,
  F: false,
  FALSE: false,
  false: false,
  False: false,
}

const parsedBool = (text: string): boolean => {
  const value = BOOLS[text]
  if (value === undefined)
    throw new CelError(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`)
  return value
}

/** As Go's %g with the shortest digits. */
export const doubleText = (value: number): string => {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  const magnitude = Math.abs(value)
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e21))
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2')
  return String(value)
}

const fromUtf8 = (bytes: Uint8Array): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new CelError('invalid UTF-8 in bytes, cannot convert to string')
  }
}

const same = (value: Value): Value => value

export const conversions: readonly Overload[] = [
  ...define({
    'int(int): int': same,
    'int(uint): int': (value: Uint) => toInt(value.value),
    'int(double): int': (value: number) => toInt(wholePart(value)),
    'int(string): int': parsedInt,
    'int(timestamp): int': (value: Timestamp) => value.nanos / 1_000_000_000n,
    'int(duration): int': (value: Duration) => value.nanos,
    'uint(uint): uint': same,
    'uint(int): uint': toUint,
    'uint(double): uint': (value: number) => toUint(wholePart(value)),
    'uint(string): uint': parsedUint,
    'double(double): double': same,
    'double(int): double': (value: bigint) => Number(value),
    'double(uint): double': (value: Uint) => Number(value.value),
    'double(string): double': parsedDouble,
    'string(string): string': same,
    'string(bool): string': (value: boolean) => String(value),
    'string(int): string': (value: bigint) => String(value),
    'string(uint): string': (value: Uint) => String(value.value),
    'string(double): string': doubleText,
    'string(timestamp): string': (value: Timestamp) => value.toString(),
    'string(duration): string': (value: Duration) => value.toString(),
    'bytes(bytes): bytes': same,
    'bool(bool): bool': same,
    'bool(string): bool': parsedBool,
    'timestamp(timestamp): timestamp': same,
    'timestamp(string): timestamp': (text: string) => Timestamp.parse(text),
    'timestamp(int): timestamp': (seconds: bigint) => new Timestamp(seconds * 1_000_000_000n),
    'duration(duration): duration': same,
    'duration(string): duration': (text: string) => Duration.parse(text),
    'duration(int): duration': (nanos: bigint) => new Duration(nanos),
  }),
  ...define(
    {
      'string(bytes): string': fromUtf8,
      'bytes(string): bytes': (text: string) => Buffer.from(text),
    },
    traversal(),
  ),
]
