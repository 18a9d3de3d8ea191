/**
 * `format` of CEL's string extension: %s, %d, %f, %e, %b, %x, %X and %o.
 */
import { CelError } from '../cel-error.ts'
import {
  ListValue,
  MapValue,
  Opaque,
  Optional,
  TypeValue,
  typeNameOf,
  Uint,
  type Value,
} from '../value.ts'
import { doubleText } from './conversions.ts'

const CLAUSE = /%(%|(?:\.(\d+))?([a-zA-Z])|)/g

export const formatText = (text: string, values: ListValue): string => {
  let next = 0
  return text.replace(
    CLAUSE,
    (_all, whole: string, precision: string | undefined, verb: string) => {
      if (whole === '%') return '%'
      const write = verb === undefined ? undefined : WRITERS[verb]
      if (!write)
        throw new CelError(
          `could not parse formatting clause: unrecognized formatting clause "${verb ?? ''}"`,
        )
      if (next >= values.size) throw new CelError(`index ${next} out of range`)
      return write(values.at(next++), precision === undefined ? 6 : Number(precision))
    },
  )
}

const wrong = (verb: string, value: Value): CelError =>
  new CelError(
    `error during formatting: ${verb} clause can only be used on ${ALLOWED[verb] ?? 'numbers'}, was given ${typeNameOf(value)}`,
  )

const ALLOWED: Readonly<Record<string, string>> = {
  decimal: 'integers',
  octal: 'integers',
  binary: 'integers and bools',
  hex: 'integers, byte buffers, and strings',
  'fixed-point': 'doubles',
  scientific: 'doubles',
}

const asText = (value: Value): string => {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return doubleText(value)
  if (value === null) return 'null'
  if (value instanceof Uint) return String(value.value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString()
  if (value instanceof TypeValue) return value.name
  if (value instanceof ListValue) return `[${[...value].map(asText).join(', ')}]`
  if (value instanceof MapValue)
    return `{${value
      .keys()
      .map((key) => `${asText(key)}: ${asText(value.get(key)!)}`)
      .sort()
      .join(', ')}}`
  if (value instanceof Optional || value instanceof Opaque)
    throw new CelError(
      `error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given ${typeNameOf(value)}`,
    )
  return String(value)
}

const whole = (value: Value): bigint | undefined =>
  typeof value === 'bigint' ? value : value instanceof Uint ? value.value : undefined

const inBase =
  (verb: string, base: number) =>
  (value: Value): string => {
    if (verb === 'binary' && typeof value === 'boolean') return value ? '1' : '0'
    if (verb === 'hex' && (typeof value === 'string' || value instanceof Uint8Array))
      return Buffer.from(value as string).toString('hex')
    if (verb === 'decimal' && typeof value === 'number' && !Number.isFinite(value))
      return doubleText(value)
    const number = whole(value)
    if (number === undefined) throw wrong(verb, value)
    return number.toString(base)
  }

const double = (verb: string, value: Value): number => {
  const number = whole(value)
  if (number !== undefined) return Number(number)
  if (typeof value !== 'number') throw wrong(verb, value)
  return value
}

const unlessInfinite = (value: number, write: () => string): string =>
  Number.isNaN(value)
    ? 'NaN'
    : Number.isFinite(value)
      ? write()
      : value > 0
        ? 'Infinity'
        : '-Infinity'

/** As the second version of the extension writes it: `1.5×10⁰³`. */
const scientific = (value: number, precision: number): string => {
  const [digits, exponent = '+0'] = value.toExponential(precision).split('e')
  const sign = exponent.startsWith('-') ? '⁻' : ''
  const raised = exponent
    .slice(1)
    .padStart(2, '0')
    .replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)]!)
  return `${digits}×10${sign}${raised}`
}

const WRITERS: Readonly<Record<string, (value: Value, precision: number) => string>> = {
  s: asText,
  d: inBase('decimal', 10),
  b: inBase('binary', 2),
  o: inBase('octal', 8),
  x: inBase('hex', 16),
  X: (value) => inBase('hex', 16)(value).toUpperCase(),
  f: (value, precision) => {
    const number = double('fixed-point', value)
    return unlessInfinite(number, () => number.toFixed(Math.min(precision, 100)))
  },
  e: (value, precision) => {
    const number = double('scientific', value)
    return unlessInfinite(number, () => scientific(number, Math.min(precision, 100)))
  },
}
