/**
 * From tokens to the tree: CEL's grammar with its macros expanded.
 *
 * Invariant: depth and size of what it makes are bounded, so that nothing after it can be made to overflow.
 */
import { isReserved } from './cel-type.ts'
import type { Expression } from './expression.ts'
import { SyntaxFault, type Token, tokenize } from './lexer.ts'
import { expandMacro } from './macros.ts'

const DEPTH_MAX = 250
const SIZE_MAX = 100 * 1024
const EXPECTED =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"

/** Throws SyntaxFault. */
export const parse = (source: string): Expression => {
  if (source.length > SIZE_MAX)
    throw new SyntaxFault(
      0,
      `expression code point size exceeds limit: size: ${source.length}, limit ${SIZE_MAX}`,
    )
  const parser = new Parser(tokenize(source))
  return parser.whole()
}

const BINARY: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['==', '!=', '<', '<=', '>', '>=', 'in'],
  ['+', '-'],
  ['*', '/', '%'],
]
const OPERATOR_NAMES: Readonly<Record<string, string>> = { in: '@in' }

/** `||` and `&&`, whose order of joining means nothing. */
const LOGICAL_LEVELS = 2

/** A tree of least depth, so that a rule may have many conditions. */
const balanced = (
  operands: readonly Expression[],
  operators: readonly { name: string; at: number }[],
): Expression => {
  if (operators.length === 0) return operands[0]!
  const middle = Math.floor((operators.length - 1) / 2)
  const { name, at } = operators[middle]!
  const left = balanced(operands.slice(0, middle + 1), operators.slice(0, middle))
  const right = balanced(operands.slice(middle + 1), operators.slice(middle + 1))
  return { op: 'call', name, args: [left, right], at }
}

const tooDeep = (at: number): SyntaxFault =>
  new SyntaxFault(at, `expression recursion limit exceeded: ${DEPTH_MAX}`)

class Parser {
  private readonly tokens: readonly Token[]
  private next = 0
  private depth = 0

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens
  }

  whole(): Expression {
    const expression = this.expression()
    if (this.token.kind !== 'end')
      throw new SyntaxFault(
        this.token.at,
        `Syntax error: extraneous input '${this.token.text}' expecting <EOF>`,
      )
    return expression
  }

  private get token(): Token {
    return this.tokens[this.next]!
  }

  private isSign(text: string): boolean {
    const { kind, text: found } = this.token
    return found === text && (kind === 'sign' || (text === 'in' && kind === 'name'))
  }

  private accept(text: string): Token | undefined {
    if (!this.isSign(text)) return undefined
    return this.tokens[this.next++]
  }

  private expect(text: string): Token {
    const token = this.accept(text)
    if (!token) throw this.mismatch(`'${text}'`)
    return token
  }

  private mismatch(expected: string): SyntaxFault {
    const { at, text } = this.token
    return new SyntaxFault(at, `Syntax error: mismatched input '${text}' expecting ${expected}`)
  }

  private expression(): Expression {
    if (++this.depth > DEPTH_MAX) throw tooDeep(this.token.at)
    const condition = this.binary(0)
    const question = this.accept('?')
    if (!question) {
      this.depth--
      return condition
    }
    const yes = this.binary(0)
    this.expect(':')
    const no = this.expression()
    this.depth--
    return { op: 'call', name: '_?_:_', args: [condition, yes, no], at: question.at }
  }

  private binary(level: number): Expression {
    const signs = BINARY[level]
    if (!signs) return this.unary()
    const operands = [this.binary(level + 1)]
    const operators: { name: string; at: number }[] = []
    for (;;) {
      const sign = signs.find((each) => this.isSign(each))
      if (!sign) break
      const { at } = this.expect(sign)
      operators.push({ name: OPERATOR_NAMES[sign] ?? `_${sign}_`, at })
      operands.push(this.binary(level + 1))
    }
    if (level < LOGICAL_LEVELS) return balanced(operands, operators)
    const tooMany = operators[DEPTH_MAX]
    if (tooMany) throw tooDeep(tooMany.at)
    return operators.reduce(
      (left, { name, at }, index): Expression => ({
        op: 'call',
        name,
        args: [left, operands[index + 1]!],
        at,
      }),
      operands[0]!,
    )
  }

  private unary(): Expression {
    const sign = this.accept('!') ?? this.accept('-')
    if (!sign) return this.member(this.primary())
    if (++this.depth > DEPTH_MAX) throw tooDeep(sign.at)
    const { kind, value } = this.token
    if (sign.text === '-' && kind === 'literal' && this.token.at === sign.at + 1) {
      if (typeof value === 'bigint' || typeof value === 'number') {
        this.next++
        this.depth--
        return this.member({ op: 'literal', value: -value as bigint | number, at: sign.at })
      }
    }
    const operand = this.unary()
    this.depth--
    return { op: 'call', name: `${sign.text}_`, args: [operand], at: sign.at }
  }

  private member(first: Expression): Expression {
    let operand = first
    let steps = 0
    for (;;) {
      if (++steps > DEPTH_MAX) throw tooDeep(this.token.at)
      const dot = this.accept('.')
      const bracket = dot ? undefined : this.accept('[')
      if (dot) operand = this.afterDot(operand, dot)
      else if (bracket) {
        const optional = this.accept('?') !== undefined
        const index = this.expression()
        this.expect(']')
        operand = {
          op: 'call',
          name: optional ? '_[?_]' : '_[_]',
          args: [operand, index],
          at: bracket.at,
        }
      } else if (this.isSign('{') && structName(operand)) operand = this.struct(operand)
      else return operand
    }
  }

  private afterDot(operand: Expression, dot: Token): Expression {
    const optional = this.accept('?') !== undefined
    const { kind, text: field, at } = this.token
    if (kind !== 'name' && kind !== 'quoted') throw this.mismatch('IDENTIFIER')
    if (
      kind === 'name' &&
      (field === 'in' || field === 'true' || field === 'false' || field === 'null')
    )
      throw this.mismatch('IDENTIFIER')
    this.next++
    const open = optional || kind === 'quoted' ? undefined : this.accept('(')
    if (!open) {
      /** A quoted name is taken as it is in JSON; the checker knows names by what they are escaped to. */
      return {
        op: 'select',
        operand,
        field,
        optional,
        testOnly: false,
        at: optional ? dot.at : dot.at,
      }
    }
    const args = this.list(')')
    const call: Expression = { op: 'call', name: field, target: operand, args, at: open.at }
    return expandMacro(call, at) ?? call
  }

  private primary(): Expression {
    const { kind, text, at, value } = this.token
    if (kind === 'literal') {
      this.next++
      if (value === 2n ** 63n) throw new SyntaxFault(at, 'invalid int literal')
      return { op: 'literal', value: value!, at }
    }
    if (kind === 'name') return this.name(text, at)
    if (this.accept('(')) {
      const inner = this.expression()
      this.expect(')')
      return inner
    }
    if (this.accept('[')) return { op: 'list', items: this.listItems(), at }
    if (this.accept('{')) return { op: 'map', entries: this.mapEntries(), at }
    if (this.accept('.')) return this.name(this.token.text, this.token.at)
    throw this.mismatch(EXPECTED)
  }

  private name(text: string, at: number): Expression {
    if (this.token.kind !== 'name' || text === 'in') throw this.mismatch('IDENTIFIER')
    this.next++
    if (text === 'true' || text === 'false') return { op: 'literal', value: text === 'true', at }
    if (text === 'null') return { op: 'literal', value: null, at }
    const open = this.accept('(')
    if (!open) {
      if (isReserved(text)) throw new SyntaxFault(at, `reserved identifier: ${text}`)
      return { op: 'identifier', name: text, at }
    }
    const call: Expression = { op: 'call', name: text, args: this.list(')'), at: open.at }
    return expandMacro(call, at) ?? call
  }

  private list(end: string): Expression[] {
    const items: Expression[] = []
    while (!this.accept(end)) {
      if (items.length > 0) this.expect(',')
      items.push(this.expression())
    }
    return items
  }

  private listItems(): { value: Expression; optional: boolean }[] {
    const items: { value: Expression; optional: boolean }[] = []
    while (!this.accept(']')) {
      if (items.length > 0) this.expect(',')
      if (items.length > 0 && this.accept(']')) break
      const optional = this.accept('?') !== undefined
      items.push({ value: this.expression(), optional })
    }
    return items
  }

  private mapEntries(): { key: Expression; value: Expression; optional: boolean }[] {
    const entries: { key: Expression; value: Expression; optional: boolean }[] = []
    while (!this.accept('}')) {
      if (entries.length > 0) this.expect(',')
      if (entries.length > 0 && this.accept('}')) break
      const optional = this.accept('?') !== undefined
      const key = this.expression()
      this.expect(':')
      entries.push({ key, value: this.expression(), optional })
    }
    return entries
  }

  private struct(operand: Expression): Expression {
    const { at } = this.expect('{')
    const fields: { name: string; value: Expression; optional: boolean; at: number }[] = []
    while (!this.accept('}')) {
      if (fields.length > 0) this.expect(',')
      if (fields.length > 0 && this.accept('}')) break
      const optional = this.accept('?') !== undefined
      const { kind, text, at: fieldAt } = this.token
      if (kind !== 'name' && kind !== 'quoted') throw this.mismatch('IDENTIFIER')
      this.next++
      this.expect(':')
      fields.push({ name: text, value: this.expression(), optional, at: fieldAt })
    }
    return { op: 'struct', name: structName(operand)!, fields, at }
  }
}

/** `Object.spec` of `Object.spec{…}`; undefined for what cannot be a type's name. */
const structName = (operand: Expression): string | undefined => {
  if (operand.op === 'identifier') return operand.name
  if (operand.op !== 'select' || operand.optional) return undefined
  const outer = structName(operand.operand)
  return outer === undefined ? undefined : `${outer}.${operand.field}`
}
