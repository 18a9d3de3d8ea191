/**
 * From text to tokens, by the grammar of CEL.
 *
 * It reads literals completely (escapes, raw strings, bytes, hexadecimal and unsigned numbers) and checks
 * their ranges; it knows nothing of what tokens mean together.
 */

import type { Issue } from './expression.ts'
import { Uint, type Value } from './value.ts'

export interface Token {
  kind: 'name' | 'quoted' | 'literal' | 'sign' | 'end'
  /** As written; of a quoted name what is between the quotes. */
  text: string
  at: number
  value?: Value
}

/** The text is no CEL. */
export class SyntaxFault extends Error {
  readonly issue: Issue
  constructor(at: number, message: string) {
    super(message)
    this.issue = { at, message }
  }
}

const BLANK = /(?:[ \t\r\n\f]+|\/\/[^\n]*)+/y
const NUMBER =
  /0[xX][0-9a-fA-F]+[uU]?|(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)|\d+[uU]?/y
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y
const QUOTED = /`([A-Za-z0-9_.\-/ ]+)`/y
const SIGN = /&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()[\]{}]/y
const STRING_START = /([rRbB]{0,2})("""|'''|"|')/y
const MAX_INT = 2n ** 63n
const MAX_UINT = 2n ** 64n - 1n

/** All tokens and an `end`; throws SyntaxFault. */
export const tokenize = (source: string): Token[] => {
  const tokens: Token[] = []
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    return pattern.exec(source)
  }
  for (;;) {
    at += take(BLANK)?.[0].length ?? 0
    if (at >= source.length) break
    const start = take(STRING_START)
    const number = take(NUMBER)
    const isNumber = number && !/^\.\d/.test(number[0])
    const name = take(NAME)
    const quoted = take(QUOTED)
    const sign = take(SIGN)
    if (start && isPrefix(start[1]!)) {
      const [value, end] = readString(source, at, start)
      tokens.push({ kind: 'literal', text: source.slice(at, end), at, value })
      at = end
    } else if (number && (isNumber || tokens.at(-1)?.kind !== 'name')) {
      tokens.push({ kind: 'literal', text: number[0], at, value: readNumber(number[0], at) })
      at += number[0].length
    } else if (name) {
      tokens.push({ kind: 'name', text: name[0], at })
      at += name[0].length
    } else if (quoted) {
      tokens.push({ kind: 'quoted', text: quoted[1]!, at })
      at += quoted[0].length
    } else if (sign) {
      tokens.push({ kind: 'sign', text: sign[0], at })
      at += sign[0].length
    } else throw new SyntaxFault(at, `Syntax error: token recognition error at: '${source[at]}'`)
  }
  tokens.push({ kind: 'end', text: '<EOF>', at: source.length })
  return tokens
}

const isPrefix = (prefix: string): boolean => /^(?:|[rR]|[bB]|[rR][bB]|[bB][rR])$/.test(prefix)

const readNumber = (text: string, at: number): Value => {
  const unsigned = /^(.*)[uU]$/.exec(text)?.[1]
  if (unsigned !== undefined) {
    const value = BigInt(unsigned)
    if (value > MAX_UINT) throw new SyntaxFault(at, 'invalid uint literal')
    return new Uint(value)
  }
  if (/^0[xX]/.test(text) || /^\d+$/.test(text)) {
    const value = BigInt(text)
    /** 2^63 itself is allowed for now: behind a minus it is the least integer. */
    if (value > MAX_INT) throw new SyntaxFault(at, 'invalid int literal')
    return value
  }
  return Number(text)
}

const readString = (source: string, at: number, start: RegExpExecArray): [Value, number] => {
  const [opening, prefix = '', quote = ''] = start
  const raw = /r/i.test(prefix)
  const bytes = /b/i.test(prefix)
  let end = at + opening.length
  const from = end
  while (end < source.length && !source.startsWith(quote, end)) {
    if (source[end] === '\n' && quote.length === 1) break
    end += !raw && source[end] === '\\' ? 2 : 1
  }
  if (!source.startsWith(quote, end) || end >= source.length)
    throw new SyntaxFault(
      at,
      `Syntax error: token recognition error at: '${source.slice(at, end)}'`,
    )
  const text = source.slice(from, end)
  const content = bytes
    ? bytesOf(raw ? text : unescapeText(text, at, true), raw)
    : raw
      ? text
      : unescapeText(text, at, false)
  return [content, end + quote.length]
}

/** In bytes literals `\xFF` is a byte, other signs are UTF-8; escapes arrive as private code points. */
const BYTE_BASE = 0xf0000

const bytesOf = (text: string, raw: boolean): Uint8Array => {
  if (raw) return Buffer.from(text)
  const parts: number[] = []
  for (const sign of text) {
    const code = sign.codePointAt(0)!
    if (code >= BYTE_BASE && code <= BYTE_BASE + 0xff) parts.push(code - BYTE_BASE)
    else parts.push(...Buffer.from(sign))
  }
  return Uint8Array.from(parts)
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '`': '`',
  '?': '?',
}
const ESCAPE =
  /\\(?:([abfnrtv\\'"`?])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([\s\S]?))/g

const unescapeText = (text: string, at: number, inBytes: boolean): string =>
  text.replace(ESCAPE, (_all, simple, hex, short, long, octal, other) => {
    if (other !== undefined) throw new SyntaxFault(at, 'invalid string literal')
    if (simple !== undefined) return SIMPLE_ESCAPES[simple]!
    const code =
      octal !== undefined ? Number.parseInt(octal, 8) : Number.parseInt(hex ?? short ?? long, 16)
    if (code > 0x10ffff) throw new SyntaxFault(at, 'invalid string literal')
    const isByte = inBytes && (hex !== undefined || octal !== undefined)
    return String.fromCodePoint(isByte ? BYTE_BASE + code : code)
  })
