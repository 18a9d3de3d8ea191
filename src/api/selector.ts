/**
 * Label selectors: parse, print, match.
 *
 * The grammar, its messages and its printed form are those of Kubernetes' `apimachinery/pkg/labels`.
 * A selector is plain data, sorted by key. Field selectors live in `field-selector.ts`.
 */
import type { V1LabelSelector } from '@kubernetes/client-node'
import { labelKeyErrors, labelValueErrors } from './names.ts'
import { badRequest } from './status-error.ts'

export interface LabelRequirement {
  key: string
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | '=' | '!=' | 'gt' | 'lt'
  values: readonly string[]
}

/** All requirements must hold; an empty list selects everything. */
export type LabelSelector = readonly LabelRequirement[]

export type Labels = Readonly<Record<string, string>>

/** Selects everything. */
export const EVERYTHING: LabelSelector = []
/** Selects nothing: no value is in an empty set. */
export const NOTHING: LabelSelector = [{ key: '', operator: 'In', values: [] }]

/** Parses the query parameter `labelSelector`; 400 BadRequest in Kubernetes' words when it cannot. */
export const parseLabelSelector = (text: string): LabelSelector => {
  if (text.trim() === '') return EVERYTHING
  try {
    return new SelectorParser(tokenize(text)).parse()
  } catch (error) {
    if (error instanceof SelectorSyntaxError) throw badRequest(error.message)
    throw error
  }
}

/**
 * The selector that a `metav1.LabelSelector` stands for: absent selects nothing, empty everything.
 * Throws 400 for an operator or value Kubernetes refuses; stored objects have been validated.
 */
export const labelSelectorOf = (selector: V1LabelSelector | undefined): LabelSelector => {
  if (!selector) return NOTHING
  const requirements: LabelRequirement[] = Object.entries(selector.matchLabels ?? {}).map(
    ([key, value]) => ({ key, operator: '=', values: [value] }),
  )
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    if (!EXPRESSION_OPERATORS.has(operator))
      throw badRequest(`"${operator}" is not a valid label selector operator`)
    requirements.push({
      key,
      operator: operator as LabelRequirement['operator'],
      values: sortedSet(values),
    })
  }
  return requirements.sort(byKey)
}

/** Selects objects that carry every pair of `map`; absent or empty selects everything. */
export const selectorOfMap = (map: Labels | undefined): LabelSelector =>
  Object.entries(map ?? {})
    .map(([key, value]): LabelRequirement => ({ key, operator: '=', values: [value] }))
    .sort(byKey)

export const matchesLabels = (selector: LabelSelector, labels: Labels | undefined): boolean => {
  for (const requirement of selector)
    if (!holds(requirement, labels?.[requirement.key])) return false
  return true
}

/** The selector as Kubernetes prints it: `app=web,tier in (a,b),!old`. */
export const formatLabelSelector = (selector: LabelSelector): string =>
  selector === NOTHING ? '' : selector.map(formatRequirement).join(',')

const EXPRESSION_OPERATORS = new Set(['In', 'NotIn', 'Exists', 'DoesNotExist'])

const byKey = (one: LabelRequirement, other: LabelRequirement) =>
  one.key < other.key ? -1 : one.key > other.key ? 1 : 0

const sortedSet = (values: Iterable<string>) => [...new Set(values)].sort()

const INTEGER = /^[+-]?[0-9]+$/

const holds = ({ operator, values }: LabelRequirement, value: string | undefined): boolean => {
  switch (operator) {
    case '=':
    case 'In':
      return value !== undefined && values.includes(value)
    case '!=':
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'gt':
    case 'lt': {
      if (value === undefined || !INTEGER.test(value)) return false
      const bound = BigInt(values[0] ?? '0')
      return operator === 'gt' ? BigInt(value) > bound : BigInt(value) < bound
    }
  }
}

const formatRequirement = ({ key, operator, values }: LabelRequirement): string => {
  switch (operator) {
    case 'Exists':
      return key
    case 'DoesNotExist':
      return `!${key}`
    case 'In':
      return `${key} in (${values.join(',')})`
    case 'NotIn':
      return `${key} notin (${values.join(',')})`
    case 'gt':
      return `${key}>${values[0]}`
    case 'lt':
      return `${key}<${values[0]}`
    default:
      return `${key}${operator}${values[0]}`
  }
}

class SelectorSyntaxError extends Error {}

type TokenType = 'identifier' | 'end' | 'error' | ',' | '(' | ')' | '!' | BinaryOperator
type BinaryOperator = 'in' | 'notin' | '=' | '==' | '!=' | '>' | '<'

interface Token {
  type: TokenType
  text: string
}

const SYMBOLS = new Set(['=', '==', '!=', '>', '<', '!', '(', ')', ','])
const BINARY: ReadonlyMap<TokenType, LabelRequirement['operator']> = new Map([
  ['in', 'In'],
  ['notin', 'NotIn'],
  ['=', '='],
  ['==', '='],
  ['!=', '!='],
  ['>', 'gt'],
  ['<', 'lt'],
])

const tokenize = (text: string): Token[] => {
  const tokens: Token[] = []
  const pieces = /\s*([=!<>(),]{1,2}|[^=!<>(),\s]+)/gy
  for (let match = pieces.exec(text); match?.[1]; match = pieces.exec(text)) {
    let piece = match[1]
    if (/^[=!<>(),]/.test(piece) && !SYMBOLS.has(piece)) {
      piece = piece.charAt(0)
      pieces.lastIndex -= 1
    }
    const isName = !SYMBOLS.has(piece) && piece !== 'in' && piece !== 'notin'
    tokens.push({ type: isName ? 'identifier' : (piece as TokenType), text: piece })
  }
  tokens.push({ type: 'end', text: '' })
  return tokens
}

/** Recursive descent over the tokens; `in` and `notin` are plain words where a value may stand. */
class SelectorParser {
  readonly #tokens: Token[]
  #position = 0
  constructor(tokens: Token[]) {
    this.#tokens = tokens
  }

  parse(): LabelSelector {
    const requirements: LabelRequirement[] = []
    for (;;) {
      const next = this.#peek()
      if (next.type === 'end') break
      if (next.type !== 'identifier' && next.type !== '!')
        throw unexpected(next, "!, identifier, or 'end of string'")
      requirements.push(this.#requirement())
      const separator = this.#take()
      if (separator.type === 'end') break
      if (separator.type !== ',') throw unexpected(separator, "',' or 'end of string'")
      const after = this.#peek()
      if (after.type !== 'identifier' && after.type !== '!')
        throw unexpected(after, "identifier after ','")
    }
    return requirements.sort(byKey)
  }

  #peek(): Token {
    const token = this.#tokens[this.#position] ?? { type: 'end', text: '' }
    return token.type === 'in' || token.type === 'notin'
      ? { type: 'identifier', text: token.text }
      : token
  }

  #take(): Token {
    const token = this.#peek()
    this.#position++
    return token
  }

  #requirement(): LabelRequirement {
    try {
      const first = this.#take()
      const absent = first.type === '!'
      const key = absent ? this.#take() : first
      if (key.type !== 'identifier') throw unexpected(key, 'identifier')
      const errors = labelKeyErrors(key.text)
      if (errors.length > 0)
        throw new SelectorSyntaxError(`<nil>: Invalid value: "${key.text}": ${errors.join('; ')}`)
      if (absent) return { key: key.text, operator: 'DoesNotExist', values: [] }
      const next = this.#peek()
      if (next.type === 'end' || next.type === ',')
        return { key: key.text, operator: 'Exists', values: [] }
      const operator = this.#operator()
      const values =
        operator === 'In' || operator === 'NotIn' ? this.#valueSet() : [this.#exactValue()]
      checkValues(key.text, operator, values)
      return { key: key.text, operator, values }
    } catch (error) {
      if (!(error instanceof SelectorSyntaxError)) throw error
      throw new SelectorSyntaxError(`unable to parse requirement: ${error.message}`)
    }
  }

  #operator(): LabelRequirement['operator'] {
    const token = this.#tokens[this.#position] ?? { type: 'end', text: '' }
    this.#position++
    const operator = BINARY.get(token.type)
    if (!operator) throw unexpected(token, 'in, notin, =, ==, !=, gt, lt')
    return operator
  }

  #exactValue(): string {
    const next = this.#peek()
    if (next.type === 'end' || next.type === ',') return ''
    const token = this.#take()
    if (token.type !== 'identifier') throw unexpected(token, 'identifier')
    return token.text
  }

  #valueSet(): string[] {
    const open = this.#take()
    if (open.type !== '(') throw new SelectorSyntaxError(`found '${open.text}' expected: '('`)
    const values = new Set<string>()
    let wantsValue = true
    for (;;) {
      const token = this.#take()
      if (token.type === ')') {
        if (wantsValue && values.size > 0) values.add('')
        return sortedSet(values)
      }
      if (token.type === 'identifier' && wantsValue) values.add(token.text)
      else if (token.type === ',' && wantsValue) values.add('')
      else if (token.type !== ',') {
        if (!wantsValue) throw unexpected(token, "',' or ')'")
        throw unexpected(token, "',', ')' or identifier")
      }
      wantsValue = token.type === ','
    }
  }
}

const unexpected = (token: Token, expected: string) =>
  new SelectorSyntaxError(`found '${token.text}', expected: ${expected}`)

const checkValues = (
  key: string,
  operator: LabelRequirement['operator'],
  values: readonly string[],
): void => {
  if ((operator === 'In' || operator === 'NotIn') && values.length === 0)
    throw new SelectorSyntaxError(
      "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
    )
  for (const [index, value] of values.entries()) {
    if ((operator === 'gt' || operator === 'lt') && !INTEGER.test(value))
      throw new SelectorSyntaxError(
        `values[${index}]: Invalid value: "${value}": for 'Gt', 'Lt' operators, the value must be an integer`,
      )
    const errors = labelValueErrors(value)
    if (errors.length > 0)
      throw new SelectorSyntaxError(
        `values[${index}][${key}]: Invalid value: "${value}": ${errors.join('; ')}`,
      )
  }
}
