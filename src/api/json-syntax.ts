/**
 * What is wrong with a text that is no JSON, in the words of Go's `encoding/json`.
 *
 * It reads as Go's scanner does, a state at a time, and stops at the first fault. For texts that were refused
 * already: it is slower than `JSON.parse` and makes no value.
 */

type State = 'value' | 'firstElement' | 'key' | 'firstKey' | 'colon' | 'member' | 'element' | 'end'
type Nesting = 'object' | 'array'

/** What a state says of a character that it has no use for. */
const UNEXPECTED: Readonly<Record<State, string>> = {
  value: 'looking for beginning of value',
  firstElement: 'looking for beginning of value',
  key: 'looking for beginning of object key string',
  firstKey: 'looking for beginning of object key string',
  colon: 'after object key',
  member: 'after object key:value pair',
  element: 'after array element',
  end: 'after top-level value',
}

const LITERALS: ReadonlyMap<string, string> = new Map([
  ['t', 'true'],
  ['f', 'false'],
  ['n', 'null'],
])

class Fault extends Error {}

/** The fault of `text`; undefined when it is JSON. */
export const jsonSyntaxFault = (text: string): string | undefined => {
  try {
    new Scanner(text).run()
    return undefined
  } catch (error) {
    if (error instanceof Fault) return error.message
    throw error
  }
}

/** The type of a value as Go's JSON reader calls it, e.g. `bool`; of null `null`. */
export const jsonTypeOf = (value: unknown): string => {
  if (Array.isArray(value)) return 'array'
  if (value === null) return 'null'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

class Scanner {
  private readonly text: string
  private readonly nesting: Nesting[] = []
  private at = 0
  private state: State = 'value'

  constructor(text: string) {
    this.text = text
  }

  run(): void {
    for (;;) {
      while (/[ \t\r\n]/.test(this.text[this.at] ?? '')) this.at++
      const next = this.text[this.at]
      if (next === undefined) {
        if (this.state === 'end') return
        throw new Fault('unexpected end of JSON input')
      }
      this.step(next)
    }
  }

  private step(next: string): void {
    const { state } = this
    if (state === 'value' || state === 'firstElement') this.value(next)
    else if (state === 'key' || state === 'firstKey') {
      if (next === '"') {
        this.string()
        this.state = 'colon'
      } else if (next === '}' && state === 'firstKey') this.close()
      else this.unexpected()
    } else if (state === 'colon' && next === ':') this.move('value')
    else if (state === 'member' && next === ',') this.move('key')
    else if (state === 'element' && next === ',') this.move('value')
    else if ((state === 'member' && next === '}') || (state === 'element' && next === ']'))
      this.close()
    else this.unexpected()
  }

  private value(next: string): void {
    if (next === '{') this.open('object', 'firstKey')
    else if (next === '[') this.open('array', 'firstElement')
    else if (next === ']' && this.state === 'firstElement') this.close()
    else if (next === '"') {
      this.string()
      this.endValue()
    } else if (next === '-' || /\d/.test(next)) {
      this.number()
      this.endValue()
    } else if (LITERALS.has(next)) {
      this.literal(LITERALS.get(next)!)
      this.endValue()
    } else this.unexpected()
  }

  private open(nesting: Nesting, state: State): void {
    this.nesting.push(nesting)
    this.move(state)
  }

  private close(): void {
    this.nesting.pop()
    this.at++
    this.endValue()
  }

  private move(state: State): void {
    this.at++
    this.state = state
  }

  private endValue(): void {
    const nesting = this.nesting.at(-1)
    this.state = nesting === undefined ? 'end' : nesting === 'object' ? 'member' : 'element'
  }

  private string(): void {
    this.at++
    for (;;) {
      const next = this.text[this.at]
      if (next === undefined) throw new Fault('unexpected end of JSON input')
      if (next === '"') break
      if (next < ' ') this.unexpected('in string literal')
      this.at++
      if (next === '\\') this.escape()
    }
    this.at++
  }

  private escape(): void {
    if (this.peek() !== 'u') {
      this.take(/["\\/bfnrt]/, 'in string escape code')
      return
    }
    this.at++
    for (let digit = 0; digit < 4; digit++)
      this.take(/[\da-f]/i, 'in \\u hexadecimal character escape')
  }

  private number(): void {
    if (this.peek() === '-') {
      this.at++
      if (!/\d/.test(this.peek())) this.unexpected('in numeric literal')
    }
    if (this.peek() === '0') this.at++
    else this.digits()
    if (this.peek() === '.') {
      this.at++
      this.take(/\d/, 'after decimal point in numeric literal')
      this.digits()
    }
    if (/e/i.test(this.peek())) {
      this.at++
      if (/[+-]/.test(this.peek())) this.at++
      this.take(/\d/, 'in exponent of numeric literal')
      this.digits()
    }
  }

  private digits(): void {
    while (/\d/.test(this.peek())) this.at++
  }

  private literal(word: string): void {
    for (let index = 1; index < word.length; index++) {
      this.at++
      if (this.peek() !== word[index])
        this.unexpected(
          `in literal ${word} (expecting ${JSON.stringify(word[index]).replaceAll('"', "'")})`,
        )
    }
    this.at++
  }

  private take(wanted: RegExp, context: string): void {
    if (!wanted.test(this.peek())) this.unexpected(context)
    this.at++
  }

  /** Inside a token the end of the text is taken for a blank. */
  private peek(): string {
    return this.text[this.at] ?? ' '
  }

  private unexpected(context = UNEXPECTED[this.state]): never {
    const character = String.fromCodePoint(this.text.codePointAt(this.at) ?? 0x20)
    throw new Fault(`invalid character ${quoted(character)} ${context}`)
  }
}

/** Go looks at bytes: of a character beyond ASCII it shows the first byte of its UTF-8. */
const quoted = (character: string): string => {
  if (character === "'") return "'\\''"
  if (character === '"') return "'\"'"
  const byte = Buffer.from(character)[0]!
  const plain = String.fromCharCode(byte)
  const escapes: Readonly<Record<string, string>> = {
    '\u0007': '\\a',
    '\b': '\\b',
    '\f': '\\f',
    '\n': '\\n',
    '\r': '\\r',
    '\t': '\\t',
    '\u000b': '\\v',
    '\\': '\\\\',
  }
  if (escapes[plain]) return `'${escapes[plain]}'`
  const isHidden = byte < 0x20 || byte === 0x7f
  return isHidden ? `'\\x${byte.toString(16).padStart(2, '0')}'` : `'${plain}'`
}
