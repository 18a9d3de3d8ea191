/**
 * Macros: calls that the parser turns into walks, bindings and tests of presence.
 *
 * A call that only looks like a macro (another number of arguments) is left alone.
 */
import type { Expression, Walk } from './expression.ts'
import { SyntaxFault } from './lexer.ts'

type Call = Extract<Expression, { op: 'call' }>

/** What the call stands for, or undefined when it is no macro. `nameAt` is where its name begins. */
export const expandMacro = (call: Expression, nameAt: number): Expression | undefined => {
  if (call.op !== 'call') return undefined
  const { name, target, args, at } = call
  if (!target) return name === 'has' && args.length === 1 ? presence(args[0]!, at) : undefined
  if (target.op === 'identifier' && target.name === 'cel' && name === 'bind' && args.length === 3)
    return {
      op: 'bind',
      variable: variableOf(args[0]!, 'cel.bind() variable names must be simple identifiers'),
      value: args[1]!,
      body: args[2]!,
      through: 'value',
      at,
    }
  if ((name === 'optMap' || name === 'optFlatMap') && args.length === 2)
    return {
      op: 'bind',
      variable: variableOf(args[0]!, `${name}() variable name must be a simple identifier`),
      value: target,
      body: args[1]!,
      through: name,
      at,
    }
  return walkOf(call, nameAt)
}

const presence = (argument: Expression, at: number): Expression => {
  if (argument.op !== 'select' || argument.optional)
    throw new SyntaxFault(argument.at, 'invalid argument to has() macro')
  return { ...argument, testOnly: true, at }
}

const variableOf = (argument: Expression, message = 'argument must be a simple name'): string => {
  if (argument.op !== 'identifier') throw new SyntaxFault(argument.at, message)
  return argument.name
}

/** Macro → how many variables by its number of arguments. */
const WALKS: Readonly<Record<string, { walk: Walk; one?: number; two?: number }>> = {
  all: { walk: 'all', one: 2, two: 3 },
  exists: { walk: 'exists', one: 2, two: 3 },
  exists_one: { walk: 'existsOne', one: 2 },
  existsOne: { walk: 'existsOne', one: 2, two: 3 },
  filter: { walk: 'filter', one: 2 },
}
const TRANSFORMS: ReadonlySet<string> = new Set([
  'transformList',
  'transformMap',
  'transformMapEntry',
])

const walkOf = ({ name, target, args, at }: Call, nameAt: number): Expression | undefined => {
  const range = target!
  if (name === 'sortBy' && args.length === 2)
    return {
      op: 'walk',
      walk: name,
      variables: [variableOf(args[0]!)],
      range,
      result: args[1]!,
      at,
    }
  if (name === 'map' && (args.length === 2 || args.length === 3))
    return {
      op: 'walk',
      walk: 'map',
      variables: [variableOf(args[0]!)],
      range,
      ...(args.length === 3 ? { predicate: args[1]! } : {}),
      result: args.at(-1)!,
      at,
    }
  if (TRANSFORMS.has(name) && (args.length === 3 || args.length === 4))
    return {
      op: 'walk',
      walk: name as Walk,
      variables: pair(args, nameAt),
      range,
      ...(args.length === 4 ? { predicate: args[2]! } : {}),
      result: args.at(-1)!,
      at,
    }
  const known = WALKS[name]
  if (!known || !(args.length === known.one || args.length === known.two)) return undefined
  const variables = args.length === known.one ? [variableOf(args[0]!)] : pair(args, nameAt)
  return { op: 'walk', walk: known.walk, variables, range, predicate: args.at(-1)!, at }
}

const pair = (args: readonly Expression[], nameAt: number): string[] => {
  const names = [variableOf(args[0]!), variableOf(args[1]!)]
  if (names[0] === names[1]) throw new SyntaxFault(nameAt, `duplicate variable name: ${names[0]}`)
  return names
}
