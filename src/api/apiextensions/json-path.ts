/**
 * The JSONPath of printer columns, as client-go's `util/jsonpath` reads it between braces.
 *
 * Fields, quoted names, indexes, slices, `*`, `..` and filters `[?(@.type=="Ready")]`. Invariant: what is not there
 * gives nothing, never an error. A path that cannot be read gives undefined.
 */
import type { Json } from '../meta.ts'

type JsonObject = { [key: string]: Json }
type Step = (values: readonly Json[]) => Json[]

export type JsonPath = (value: Json) => Json[]

/** All values at `path`, in order; undefined when it is no path. */
export const parseJsonPath = (path: string): JsonPath | undefined => {
  const steps: Step[] = []
  let rest = path.trim()
  while (rest !== '' && rest !== '.') {
    const parsed = nextStep(rest)
    if (!parsed) return undefined
    steps.push(parsed.step)
    rest = parsed.rest
  }
  return (value) => steps.reduce<Json[]>((values, step) => step(values), [value])
}

const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const childrenOf = (value: Json): Json[] =>
  Array.isArray(value) ? value : isObject(value) ? Object.values(value) : []

const each =
  (look: (value: Json) => readonly Json[]): Step =>
  (values) =>
    values.flatMap((value) => [...look(value)])

const field = (name: string): Step =>
  each((value) => (isObject(value) && name in value ? [value[name]!] : []))

const everything: Step = each(childrenOf)

const descendants = (value: Json): Json[] => [value, ...childrenOf(value).flatMap(descendants)]

interface Parsed {
  step: Step
  rest: string
}

const NAME = /^((?:[^.[\]\\\s]|\\.)+)/s

const nextStep = (text: string): Parsed | undefined => {
  if (text.startsWith('..')) {
    const name = NAME.exec(text.slice(2))
    const step = each(descendants)
    if (!name) return { step, rest: text.slice(2) }
    return {
      step: (values) => field(unescapeName(name[1]!))(step(values)),
      rest: text.slice(2 + name[0].length),
    }
  }
  if (text.startsWith('.')) {
    if (text.startsWith('.[')) return nextStep(text.slice(1))
    const name = NAME.exec(text.slice(1))
    if (!name) return undefined
    const step = name[1] === '*' ? everything : field(unescapeName(name[1]!))
    return { step, rest: text.slice(1 + name[0].length) }
  }
  return text.startsWith('[') ? bracket(text) : undefined
}

const unescapeName = (name: string): string => name.replace(/\\(.)/gs, '$1')

const bracket = (text: string): Parsed | undefined => {
  const quoted = /^\[\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*\]/s.exec(text)
  if (quoted)
    return {
      step: field(unescapeName(quoted[1] ?? quoted[2] ?? '')),
      rest: text.slice(quoted[0].length),
    }
  const filter = /^\[\?\((.*?)\)\]/s.exec(text)
  if (filter) {
    const step = filterStep(filter[1]!)
    return step && { step, rest: text.slice(filter[0].length) }
  }
  const inside = /^\[([^\]]*)\]/.exec(text)
  if (!inside) return undefined
  const step = indexStep(inside[1]!.trim())
  return step && { step, rest: text.slice(inside[0].length) }
}

const indexStep = (text: string): Step | undefined => {
  if (text === '*') return everything
  const slice = /^(-?\d*):(-?\d*)$/.exec(text)
  if (slice)
    return each((value) =>
      Array.isArray(value)
        ? value.slice(slice[1] ? Number(slice[1]) : 0, slice[2] ? Number(slice[2]) : undefined)
        : [],
    )
  if (!/^-?\d+(?:\s*,\s*-?\d+)*$/.test(text)) return undefined
  const places = text.split(',').map(Number)
  return each((value) =>
    Array.isArray(value)
      ? places.map((place) => value.at(place)).filter((item) => item !== undefined)
      : [],
  )
}

const filterStep = (text: string): Step | undefined => {
  const found = /^\s*@(.*?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?)\s*)?$/s.exec(text)
  if (!found) return undefined
  const left = parseJsonPath(found[1]!)
  if (!left) return undefined
  const [, , operator, literal] = found
  if (operator === undefined || literal === undefined)
    return each((value) => childrenOf(value).filter((item) => left(item).length > 0))
  const right = literalOf(literal)
  if (right === undefined) return undefined
  return each((value) =>
    childrenOf(value).filter((item) => {
      const [actual] = left(item)
      return actual !== undefined && compare(actual, operator, right)
    }),
  )
}

const literalOf = (text: string): Json | undefined => {
  const quoted = /^(?:'(.*)'|"(.*)")$/s.exec(text)
  if (quoted) return quoted[1] ?? quoted[2] ?? ''
  if (text === 'true' || text === 'false') return text === 'true'
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : undefined
}

const compare = (left: Json, operator: string, right: Json): boolean => {
  if (typeof left !== typeof right) return operator === '!='
  switch (operator) {
    case '==':
      return left === right
    case '!=':
      return left !== right
    case '<':
      return left! < right!
    case '<=':
      return left! <= right!
    case '>':
      return left! > right!
    default:
      return left! >= right!
  }
}
