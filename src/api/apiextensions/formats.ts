/**
 * The string formats that Kubernetes checks in custom resources (kube-openapi's `strfmt`), without dashes.
 *
 * Invariant: a format that is not here is not checked.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { RE2JS } from 're2js'

export type FormatCheck = (text: string) => boolean

const matches =
  (pattern: RegExp): FormatCheck =>
  (text) =>
    pattern.test(text)

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/
const DATE_TIME =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:[.,]\d+)?(?:[Zz]|[+-]\d{2}:?\d{2})?$/
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i
const uuidOf = (version: number): RegExp =>
  new RegExp(
    `^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?${version === 3 ? '[0-9a-f]' : '[89ab]'}[0-9a-f]{3}-?[0-9a-f]{12}$`,
    'i',
  )

const isDate = (year: string, month: string, day: string): boolean => {
  const at = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)))
  return at.getUTCMonth() === Number(month) - 1 && at.getUTCDate() === Number(day)
}

const date: FormatCheck = (text) => {
  const found = DATE.exec(text)
  return found !== null && isDate(found[1]!, found[2]!, found[3]!)
}

const dateTime: FormatCheck = (text) => {
  const found = DATE_TIME.exec(text)
  if (!found) return false
  const [, year, month, day, hour, minute, second] = found as unknown as string[]
  if (!isDate(year!, month!, day!)) return false
  return Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60
}

/** Go's durations, and numbers with words: `3 days`, `1h30m`. */
const DURATION =
  /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h)(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))*$/
const WORDY_DURATION =
  /^\d+\s*(?:ns|nano|nanosecond|nanoseconds|nanos|us|µs|micro|micros|microsecond|microseconds|ms|milli|millis|millisecond|milliseconds|s|sec|secs|second|seconds|m|min|mins|minute|minutes|h|hr|hrs|hour|hours|d|day|days|w|wk|wks|week|weeks)$/

const duration: FormatCheck = (text) =>
  text === '0' || DURATION.test(text) || WORDY_DURATION.test(text)

const uri: FormatCheck = (text) => {
  if (text.startsWith('/')) return !/[\s<>"{}|\\^`]/.test(text)
  return /^[a-z][a-z0-9+.-]*:/i.test(text) && URL.canParse(text)
}

const email: FormatCheck = (text) => {
  const address = /<([^<>]+)>\s*$/.exec(text)?.[1] ?? text
  return /^[^\s@<>,;:"()[\]\\]+@[^\s@<>,;:"()[\]\\]+$/.test(address)
}

const HOST_LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i
const hostname: FormatCheck = (text) => {
  if (text.length > 255) return false
  const labels = text.replace(/\.$/, '').split('.')
  return labels.every((label) => HOST_LABEL.test(label))
}

const cidr: FormatCheck = (text) => {
  const [address = '', bits = '', ...rest] = text.split('/')
  if (rest.length > 0 || !/^\d{1,3}$/.test(bits)) return false
  return (isIPv4(address) && Number(bits) <= 32) || (isIPv6(address) && Number(bits) <= 128)
}

const byte: FormatCheck = (text) => text.length % 4 === 0 && /^[A-Za-z0-9+/\r\n]*={0,2}$/.test(text)

const luhn = (digits: string): boolean => {
  let sum = 0
  for (let at = 0; at < digits.length; at++) {
    let digit = Number(digits[digits.length - 1 - at])
    if (at % 2 === 1) {
      digit *= 2
      if (digit > 9) digit -= 9
    }
    sum += digit
  }
  return sum % 10 === 0
}

const creditCard: FormatCheck = (text) => {
  const digits = text.replace(/[ -]+/g, '')
  return /^\d{12,19}$/.test(digits) && luhn(digits)
}

const isbn10: FormatCheck = (text) => {
  const digits = text.replace(/[ -]/g, '')
  if (!/^\d{9}[\dX]$/.test(digits)) return false
  let sum = 0
  for (let at = 0; at < 10; at++) sum += (10 - at) * (digits[at] === 'X' ? 10 : Number(digits[at]))
  return sum % 11 === 0
}

const isbn13: FormatCheck = (text) => {
  const digits = text.replace(/[ -]/g, '')
  if (!/^\d{13}$/.test(digits)) return false
  let sum = 0
  for (let at = 0; at < 13; at++) sum += Number(digits[at]) * (at % 2 === 0 ? 1 : 3)
  return sum % 10 === 0
}

const rgb: FormatCheck = (text) => {
  const found = /^rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)$/.exec(text)
  return found?.slice(1).every((part) => Number(part) <= 255) ?? false
}

export const FORMATS: ReadonlyMap<string, FormatCheck> = new Map([
  ['bsonobjectid', matches(/^[0-9a-f]{24}$/i)],
  ['uri', uri],
  ['email', email],
  ['hostname', hostname],
  ['ipv4', isIPv4],
  ['ipv6', isIPv6],
  ['cidr', cidr],
  [
    'mac',
    matches(
      /^(?:[0-9a-f]{2}([:-]))(?:[0-9a-f]{2}\1){4}(?:[0-9a-f]{2}\1[0-9a-f]{2}\1)?[0-9a-f]{2}$/i,
    ),
  ],
  ['uuid', matches(UUID)],
  ['uuid3', matches(uuidOf(3))],
  ['uuid4', matches(uuidOf(4))],
  ['uuid5', matches(uuidOf(5))],
  ['isbn', (text) => isbn10(text) || isbn13(text)],
  ['isbn10', isbn10],
  ['isbn13', isbn13],
  ['creditcard', creditCard],
  ['ssn', matches(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/)],
  ['hexcolor', matches(/^#?(?:[0-9a-f]{3}|[0-9a-f]{6})$/i)],
  ['rgbcolor', rgb],
  ['byte', byte],
  ['password', () => true],
  ['date', date],
  ['duration', duration],
  ['datetime', dateTime],
])

/** Why Go's regular expressions refuse `pattern`; undefined when they do not. */
export const patternFault = (pattern: string): string | undefined => {
  try {
    RE2JS.compile(pattern)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
