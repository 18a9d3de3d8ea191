/**
 * CEL's timestamp and duration: exact to the nanosecond, within protobuf's ranges.
 *
 * They parse and print as Go does ("1h30m", RFC 3339); parts of a timestamp are given in any IANA zone or at a
 * fixed offset.
 */
import { CelError } from './cel-error.ts'

const NANOS = 1_000_000_000n
const MIN_SECONDS = -62_135_596_800n
const MAX_SECONDS = 253_402_300_799n
const DURATION_MAX = 2n ** 63n - 1n
const UNITS: Readonly<Record<string, bigint>> = {
  h: 3600n * NANOS,
  m: 60n * NANOS,
  s: NANOS,
  ms: 1_000_000n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ns: 1n,
}

export class Duration {
  readonly nanos: bigint

  constructor(nanos: bigint) {
    if (nanos > DURATION_MAX || nanos < -DURATION_MAX) throw new CelError('duration out of range')
    this.nanos = nanos
  }

  /** Go's time.ParseDuration, as `1h30m` or `-1.5s`. */
  static parse(text: string): Duration {
    const shape = /^([+-]?)((?:(?:\d+(?:\.\d*)?|\.\d+)(?:h|ms|m|s|us|µs|μs|ns))+)$/.exec(text)
    if (!shape && !/^[+-]?0$/.test(text))
      throw new CelError(`time: invalid duration ${JSON.stringify(text)}`)
    let nanos = 0n
    for (const [, whole = '', fraction = '', unit = ''] of (shape?.[2] ?? '').matchAll(
      /(\d*)(?:\.(\d*))?(h|ms|m|s|us|µs|μs|ns)/g,
    )) {
      const factor = UNITS[unit]!
      nanos += BigInt(whole || '0') * factor
      if (fraction) nanos += (BigInt(fraction) * factor) / 10n ** BigInt(fraction.length)
    }
    return new Duration(shape?.[1] === '-' ? -nanos : nanos)
  }

  /** Seconds with a fraction, as protobuf's JSON prints it. */
  toString(): string {
    const sign = this.nanos < 0n ? '-' : ''
    const nanos = this.nanos < 0n ? -this.nanos : this.nanos
    const fraction = String(nanos % NANOS)
      .padStart(9, '0')
      .replace(/0+$/, '')
    return `${sign}${nanos / NANOS}${fraction ? `.${fraction}` : ''}s`
  }
}

export class Timestamp {
  /** Since the epoch. */
  readonly nanos: bigint

  constructor(nanos: bigint) {
    if (nanos < MIN_SECONDS * NANOS || nanos > MAX_SECONDS * NANOS + NANOS - 1n)
      throw new CelError('timestamp out of range')
    this.nanos = nanos
  }

  static ofMilliseconds(milliseconds: number): Timestamp {
    return new Timestamp(BigInt(Math.trunc(milliseconds)) * 1_000_000n)
  }

  static parse(text: string): Timestamp {
    const shape =
      /^(\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2})(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d{2}:\d{2})$/.exec(
        text,
      )
    const milliseconds = shape
      ? Date.parse(`${shape[1]!.toUpperCase()}${shape[3]!.toUpperCase()}`)
      : Number.NaN
    if (Number.isNaN(milliseconds))
      throw new CelError(
        `parsing time ${JSON.stringify(text)} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(text)} as "2006"`,
      )
    const fraction = BigInt((shape?.[2] ?? '').padEnd(9, '0'))
    return new Timestamp(BigInt(milliseconds) * 1_000_000n + fraction)
  }

  get milliseconds(): number {
    return Number(this.nanos / 1_000_000n)
  }

  toString(): string {
    const seconds = floorDivide(this.nanos, NANOS)
    const fraction = String(this.nanos - seconds * NANOS)
      .padStart(9, '0')
      .replace(/0+$/, '')
    const base = new Date(Number(seconds) * 1000).toISOString().slice(0, 19)
    return `${base}${fraction ? `.${fraction}` : ''}Z`
  }

  /** The wall clock there as if it were UTC; '' is UTC. Throws CelError for a zone that is not known. */
  inZone(zone: string): Date {
    const utc = Number(floorDivide(this.nanos, 1_000_000n))
    const offset = /^([+-]?)(\d{2}):(\d{2})$/.exec(zone)
    if (zone === '' || zone === 'UTC') return new Date(utc)
    if (offset) {
      const minutes = Number(offset[2]) * 60 + Number(offset[3])
      return new Date(utc + (offset[1] === '-' ? -minutes : minutes) * 60_000)
    }
    try {
      const parts = Object.fromEntries(
        new Intl.DateTimeFormat('en-US', {
          timeZone: zone,
          hourCycle: 'h23',
          year: 'numeric',
          month: 'numeric',
          day: 'numeric',
          hour: 'numeric',
          minute: 'numeric',
          second: 'numeric',
        })
          .formatToParts(utc)
          .map(({ type, value }) => [type, Number(value)]),
      ) as Record<string, number>
      const { year = 0, month = 1, day, hour, minute, second } = parts
      return new Date(Date.UTC(year, month - 1, day, hour, minute, second, utc % 1000))
    } catch {
      throw new CelError(`unknown time zone ${zone}`)
    }
  }
}

const floorDivide = (value: bigint, by: bigint): bigint => value / by - (value % by < 0n ? 1n : 0n)
