/**
 * The string extension of CEL (version 2, as Kubernetes enables it).
 *
 * Positions count code points. `format` is in `text-format.ts`.
 */
import { CelError } from '../cel-error.ts'
import { ListValue, runes, type Value } from '../value.ts'
import { traversalOf } from './collections.ts'
import { define, type Overload, TRAVERSAL, traversal } from './overload.ts'
import { formatText } from './text-format.ts'

const outOfRange = (index: bigint): CelError => new CelError(`index out of range: ${index}`)

const charAt = (text: string, index: bigint): string => {
  const signs = [...text]
  if (index < 0n || index > signs.length) throw outOfRange(index)
  return signs[Number(index)] ?? ''
}

const substring = (text: string, from: bigint, to?: bigint): string => {
  const signs = [...text]
  const end = to ?? BigInt(signs.length)
  if (from < 0n || from > signs.length) throw outOfRange(from)
  if (end < 0n || end > signs.length) throw outOfRange(end)
  if (from > end) throw new CelError(`invalid substring range. start: ${from}, end: ${end}`)
  return signs.slice(Number(from), Number(end)).join('')
}

const startsAt = (signs: readonly string[], part: readonly string[], at: number): boolean =>
  part.every((sign, offset) => signs[at + offset] === sign)

const indexOf = (text: string, part: string, from = 0n): bigint => {
  if (part === '') return from
  const signs = [...text]
  const wanted = [...part]
  if (from < 0n || from > signs.length) throw outOfRange(from)
  for (let at = Number(from); at + wanted.length <= signs.length; at++)
    if (startsAt(signs, wanted, at)) return BigInt(at)
  return -1n
}

const lastIndexOf = (text: string, part: string, from?: bigint): bigint => {
  const signs = [...text]
  const wanted = [...part]
  if (from !== undefined && (from < 0n || from > signs.length)) throw outOfRange(from)
  if (part === '') return from ?? BigInt(signs.length)
  const last = signs.length - wanted.length
  for (let at = Math.min(last, from === undefined ? last : Number(from)); at >= 0; at--)
    if (startsAt(signs, wanted, at)) return BigInt(at)
  return -1n
}

const replace = (text: string, from: string, to: string, limit = -1n): string => {
  if (limit < 0n) return text.replaceAll(from, () => to)
  let result = ''
  let rest = text
  for (let count = 0n; count < limit; count++) {
    const at = rest.indexOf(from)
    if (at < 0) break
    const end = at + from.length
    const step = from === '' ? 1 : 0
    result += rest.slice(0, at) + to + rest.slice(end, end + step)
    rest = rest.slice(end + step)
    if (from === '' && rest === '') break
  }
  return result + rest
}

const split = (text: string, separator: string, limit = -1n): ListValue => {
  if (limit === 0n) return new ListValue([])
  const parts = separator === '' ? [...text] : text.split(separator)
  if (limit < 0n || parts.length <= limit) return new ListValue(parts)
  const kept = Number(limit) - 1
  return new ListValue([...parts.slice(0, kept), parts.slice(kept).join(separator)])
}

const join = (list: ListValue, separator = ''): string =>
  [...list]
    .map((part: Value) => {
      if (typeof part !== 'string') throw new CelError('no such overload')
      return part
    })
    .join(separator)

/** ASCII letters only; everything else stays. */
const lowerAscii = (text: string): string =>
  text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
const upperAscii = (text: string): string =>
  text.replace(/[a-z]+/g, (letters) => letters.toUpperCase())

const quote = (text: string): string =>
  `"${[...text].map((sign) => QUOTED[sign] ?? sign).join('')}"`
const QUOTED: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
}

export const strings: readonly Overload[] = [
  ...define({ 'string.charAt(int): string': charAt, 'strings.quote(string): string': quote }),
  ...define(
    {
      'string.indexOf(string): int': indexOf,
      'string.indexOf(string, int): int': indexOf,
      'string.lastIndexOf(string): int': lastIndexOf,
      'string.lastIndexOf(string, int): int': lastIndexOf,
    },
    { estimated: traversal(), ofValues: ([text]) => traversalOf(text!) },
  ),
  ...define(
    {
      'string.lowerAscii(): string': lowerAscii,
      'string.upperAscii(): string': upperAscii,
      'string.substring(int): string': substring,
      'string.substring(int, int): string': substring,
      'string.trim(): string': (text: string) => text.trim(),
      'string.format(list<dyn>): string': formatText,
    },
    traversal(),
  ),
  ...define(
    {
      'string.replace(string, string): string': replace,
      'string.replace(string, string, int): string': replace,
      'string.split(string): list<string>': split,
      'string.split(string, int): list<string>': split,
    },
    traversal(2),
  ),
  ...define(
    {
      'list<string>.join(): string': join,
      'list<string>.join(string): string': join,
    },
    {
      estimated: () => 1,
      ofValues: ([list, separator]) =>
        Math.ceil(runes(join(list as ListValue, (separator ?? '') as string)) * 2 * TRAVERSAL),
    },
  ),
]
