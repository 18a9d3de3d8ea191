/**
 * The schedule of a CronJob: five fields, or a descriptor such as `@hourly` or `@every 90m`.
 *
 * The syntax and the messages are those of the parser Kubernetes uses (robfig/cron 3, `ParseStandard`), which no
 * package for this language shares: there is no `L`, `W` or `#`, and Sunday is 0 only. Pure: it tells no times,
 * it only reads.
 */

/** Which values of each field match; `any…` when the field was left open (`*` or `?`). */
export interface CronFields {
  type: 'fields'
  minutes: ReadonlySet<number>
  hours: ReadonlySet<number>
  daysOfMonth: ReadonlySet<number>
  months: ReadonlySet<number>
  daysOfWeek: ReadonlySet<number>
  anyDayOfMonth: boolean
  anyDayOfWeek: boolean
  /** From `CRON_TZ=` or `TZ=`. */
  timeZone?: string
}

/** A run every so often, whatever the clock shows; at least a second. */
export interface CronInterval {
  type: 'interval'
  milliseconds: number
}

export type CronSchedule = CronFields | CronInterval

/** The text is no schedule; the message is the one Kubernetes gives. */
export class CronError extends Error {}

interface Bounds {
  min: number
  max: number
  names?: Readonly<Record<string, number>>
}

const numbered = (names: readonly string[], first: number) =>
  Object.fromEntries(names.map((name, index) => [name, index + first]))

const MONTH_NAMES = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')
const DAY_NAMES = 'sun mon tue wed thu fri sat'.split(' ')

const MINUTES: Bounds = { min: 0, max: 59 }
const HOURS: Bounds = { min: 0, max: 23 }
const DAYS_OF_MONTH: Bounds = { min: 1, max: 31 }
const MONTHS: Bounds = { min: 1, max: 12, names: numbered(MONTH_NAMES, 1) }
const DAYS_OF_WEEK: Bounds = { min: 0, max: 6, names: numbered(DAY_NAMES, 0) }

const DESCRIPTORS: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
  ['@monthly', '0 0 1 * *'],
  ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
])

const EVERY = '@every '
const ZONE_PREFIX = /^(?:CRON_)?TZ=/

/** Throws CronError. `isTimeZone` tells whether a name that a prefix gives is known. */
export const parseCronSchedule = (
  text: string,
  isTimeZone: (name: string) => boolean,
): CronSchedule => {
  if (text === '') throw new CronError('empty spec string')
  if (!ZONE_PREFIX.test(text)) return parseSpec(text)
  const blank = text.indexOf(' ')
  const timeZone = text.slice(text.indexOf('=') + 1, blank < 0 ? undefined : blank)
  if (!isTimeZone(timeZone)) {
    throw new CronError(`provided bad location ${timeZone}: unknown time zone ${timeZone}`)
  }
  const schedule = parseSpec(blank < 0 ? '' : text.slice(blank).trim())
  return schedule.type === 'fields' ? { ...schedule, timeZone } : schedule
}

const parseSpec = (text: string): CronSchedule => {
  if (text.startsWith(EVERY)) return parseInterval(text)
  const spec = text.startsWith('@') ? DESCRIPTORS.get(text) : text
  if (spec === undefined) throw new CronError(`unrecognized descriptor: ${text}`)
  const fields = spec.split(/\s+/).filter((field) => field !== '')
  if (fields.length !== 5) {
    const found = `[${fields.join(' ')}]`
    throw new CronError(`expected exactly 5 fields, found ${fields.length}: ${found}`)
  }
  const [minutes, hours, daysOfMonth, months, daysOfWeek] = fields as [
    string,
    string,
    string,
    string,
    string,
  ]
  return {
    type: 'fields',
    minutes: parseField(minutes, MINUTES).values,
    hours: parseField(hours, HOURS).values,
    ...dayOfMonth(parseField(daysOfMonth, DAYS_OF_MONTH)),
    months: parseField(months, MONTHS).values,
    ...dayOfWeek(parseField(daysOfWeek, DAYS_OF_WEEK)),
  }
}

interface Field {
  values: ReadonlySet<number>
  isOpen: boolean
}

const dayOfMonth = ({ values, isOpen }: Field) => ({ daysOfMonth: values, anyDayOfMonth: isOpen })
const dayOfWeek = ({ values, isOpen }: Field) => ({ daysOfWeek: values, anyDayOfWeek: isOpen })

const parseField = (text: string, bounds: Bounds): Field => {
  const values = new Set<number>()
  let isOpen = false
  for (const part of text.split(',').filter((range) => range !== '')) {
    const { first, last, step, open } = parseRange(part, bounds)
    for (let value = first; value <= last; value += step) values.add(value)
    isOpen ||= open
  }
  return { values, isOpen }
}

const parseRange = (text: string, bounds: Bounds) => {
  const [range = '', every, ...moreSteps] = text.split('/')
  const [low = '', high, ...moreLimits] = range.split('-')
  const isWild = low === '*' || low === '?'
  let first = bounds.min
  let last = bounds.max
  let open = isWild
  if (!isWild) {
    first = parseValue(low, bounds)
    if (moreLimits.length > 0) throw new CronError(`too many hyphens: ${text}`)
    last = high === undefined ? first : parseValue(high, bounds)
  }
  if (moreSteps.length > 0) throw new CronError(`too many slashes: ${text}`)
  const step = every === undefined ? 1 : parseNumber(every)
  // `3/5` means from 3 to the end; an open field with a step restricts all the same.
  if (every !== undefined && !isWild && high === undefined) last = bounds.max
  if (step > 1) open = false
  checkRange(text, first, last, step, bounds)
  return { first, last, step, open }
}

const checkRange = (
  text: string,
  first: number,
  last: number,
  step: number,
  { min, max }: Bounds,
): void => {
  if (first < min)
    throw new CronError(`beginning of range (${first}) below minimum (${min}): ${text}`)
  if (last > max) throw new CronError(`end of range (${last}) above maximum (${max}): ${text}`)
  if (first > last)
    throw new CronError(`beginning of range (${first}) beyond end of range (${last}): ${text}`)
  if (step === 0) throw new CronError(`step of range should be a positive number: ${text}`)
}

const parseValue = (text: string, { names }: Bounds): number =>
  names?.[text.toLowerCase()] ?? parseNumber(text)

const parseNumber = (text: string): number => {
  if (!/^[+-]?\d+$/.test(text)) {
    const shown = JSON.stringify(text)
    const why = `strconv.Atoi: parsing ${shown}: invalid syntax`
    throw new CronError(`failed to parse int from ${text}: ${why}`)
  }
  const number = Number(text)
  if (number < 0) throw new CronError(`negative number (${number}) not allowed: ${text}`)
  return number
}

const UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}
const DURATION = /^[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/
const DURATION_PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g

const parseInterval = (text: string): CronInterval => {
  const duration = text.slice(EVERY.length)
  if (duration !== '0' && !DURATION.test(duration)) {
    const why = `time: invalid duration ${JSON.stringify(duration)}`
    throw new CronError(`failed to parse duration ${text}: ${why}`)
  }
  let milliseconds = 0
  for (const [, amount, unit] of duration.matchAll(DURATION_PART)) {
    milliseconds += Number(amount) * UNITS_MS[unit!]!
  }
  if (duration.startsWith('-')) milliseconds = -milliseconds
  return { type: 'interval', milliseconds: Math.max(1000, Math.trunc(milliseconds / 1000) * 1000) }
}
