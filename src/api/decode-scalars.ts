/**
 * Walkers of the scalar types: each checks one value and returns its canonical form.
 *
 * Canonical forms are what Kubernetes writes back: times in UTC, quantities with their largest suffix.
 */
import type { Trail, Walker } from './decode-trail.ts'
import type { Json } from './meta.ts'
import { canonicalQuantity, QUANTITY_FORMAT_MESSAGE, QuantityError } from './quantity.ts'
import type { Scalar } from './schema.ts'

export const SCALAR_WALKERS: Readonly<Record<Scalar, Walker>> = {
  string: (value, trail) => (typeof value === 'string' ? value : trail.mismatch(value, 'string')),
  boolean: (value, trail) => (typeof value === 'boolean' ? value : trail.mismatch(value, 'bool')),
  int32: (value, trail) => checkInteger(value, trail, 'int32', -(2 ** 31), 2 ** 31 - 1),
  int64: (value, trail) => checkInteger(value, trail, 'int64', -(2 ** 63), 2 ** 63),
  double: (value, trail) => (typeof value === 'number' ? value : trail.mismatch(value, 'float64')),
  any: (value) => value,
  intOrString: (value, trail) =>
    typeof value === 'string' || (typeof value === 'number' && Number.isInteger(value))
      ? value
      : trail.foreign(value, 'int32'),
  byte: (value, trail) => {
    if (typeof value !== 'string') return trail.mismatch(value, '[]uint8')
    const text = value.replace(/[\r\n]/g, '')
    const digits = text.replace(/={1,2}$/, '')
    const bad = digits.search(/[^A-Za-z0-9+/]/)
    if (bad < 0 && text.length % 4 === 0) return text
    return trail.fault(`illegal base64 data at input byte ${bad < 0 ? digits.length & ~3 : bad}`)
  },
  quantity: (value, trail) => {
    if (typeof value !== 'string' && typeof value !== 'number')
      return trail.fault(QUANTITY_FORMAT_MESSAGE)
    try {
      return canonicalQuantity(String(value).trim())
    } catch (error) {
      if (error instanceof QuantityError) return trail.fault(error.message)
      throw error
    }
  },
  time: (value, trail) => {
    if (typeof value !== 'string') return trail.foreign(value, 'string')
    return WHOLE_SECONDS.test(value) ? value : canonicalTime(value, trail, 'seconds')
  },
  microTime: (value, trail) => {
    if (typeof value !== 'string') return trail.foreign(value, 'string')
    return MICROSECONDS.test(value) ? value : canonicalTime(value, trail, 'microseconds')
  },
}

const checkInteger = (value: Json, trail: Trail, goType: string, low: number, high: number) => {
  if (typeof value !== 'number') return trail.mismatch(value, goType)
  if (Number.isInteger(value) && value >= low && value <= high) return value
  return trail.mismatch(value, goType, `number ${value}`)
}

const CLOCK =
  '\\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])T(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d'
const WHOLE_SECONDS = new RegExp(`^${CLOCK}Z$`)
const MICROSECONDS = new RegExp(`^${CLOCK}\\.\\d{6}Z$`)
const RFC3339 = new RegExp(`^(${CLOCK})(?:\\.(\\d+))?(Z|[+-]\\d\\d:\\d\\d)$`)

const LAYOUTS = {
  seconds: '2006-01-02T15:04:05Z07:00',
  microseconds: '2006-01-02T15:04:05.000000Z07:00',
}

const canonicalTime = (text: string, trail: Trail, precision: keyof typeof LAYOUTS) => {
  const [, clock, fraction = '', zone] = RFC3339.exec(text) ?? []
  if (!clock)
    return trail.fault(
      `parsing time "${text}" as "${LAYOUTS[precision]}": cannot parse "${text}" as "2006"`,
    )
  const seconds = new Date(`${clock}${zone}`).toISOString().slice(0, 19)
  return precision === 'seconds'
    ? `${seconds}Z`
    : `${seconds}.${fraction.slice(0, 6).padEnd(6, '0')}Z`
}
