/**
 * `Overload`: one function of CEL for one list of parameter types.
 *
 * `define` reads signatures such as `string.startsWith(string): bool` or `sets.contains(list<A>, list<A>): bool`;
 * what stands before the dot is a receiver when it is a type, else a namespace.
 */
import { type CelType, parseType, splitTypes } from '../cel-type.ts'
import type { Value } from '../value.ts'

export interface Overload {
  /** `startsWith`, `_+_`, `sets.contains` … */
  name: string
  member: boolean
  /** Of a member the receiver is the first. */
  parameters: readonly CelType[]
  result: CelType
  call(...values: Value[]): Value
  /** What a call costs; 1 when absent. Sizes are of the values, receiver first. */
  cost?: Cost
  /** Where an estimate goes by other sizes than a run. */
  estimated?: Cost
  /** In place of `cost`, where the values themselves say. */
  costOf?(values: readonly Value[]): number
}

export interface Size {
  min: number
  max: number
}

/** How costs follow from sizes: the same for an estimate (`max`) and for values. */
export type Cost = (sizes: readonly number[]) => number

/** Shares of Kubernetes' and cel-go's cost model. */
export const TRAVERSAL = 0.1
export const REGEX_LENGTH = 0.25

export const traversal =
  (factor = 1, of = 0): Cost =>
  (sizes) =>
    Math.ceil((sizes[of] ?? 1) * factor * TRAVERSAL)

const RECEIVERS =
  /^(?:string|bytes|int|uint|double|bool|timestamp|duration|dyn|[A-Z]|(?:list|map|optional)<.*>|kubernetes(?:\.\w+)+|net\.\w+)$/

/**
 * The functions of a library by signature. `call` takes values of the declared types: the tables are written
 * with the types at hand, and the interpreter sees to it that they hold.
 */
export const define = (
  functions: Readonly<Record<string, (...values: never[]) => Value>>,
  cost?: Cost | Costs,
): Overload[] =>
  Object.entries(functions).map(([signature, call]) => ({
    ...parseSignature(signature),
    call: call as unknown as (...values: Value[]) => Value,
    ...(typeof cost === 'function' ? { cost } : cost ? costsOf(cost) : {}),
  }))

/** Costs of a run and of an estimate, where they differ. */
export interface Costs {
  of?: Cost
  estimated: Cost
  ofValues?: (values: readonly Value[]) => number
}

const costsOf = ({ of, estimated, ofValues }: Costs) => ({
  estimated,
  ...(of ? { cost: of } : {}),
  ...(ofValues ? { costOf: ofValues } : {}),
})

const parseSignature = (signature: string): Omit<Overload, 'call' | 'cost'> => {
  const [, path = '', parameters = '', result = ''] =
    /^(.*?)\(([^()]*)\): (.*)$/.exec(signature) ?? []
  const dot = path.lastIndexOf('.')
  const before = dot < 0 ? '' : path.slice(0, dot)
  const member = RECEIVERS.test(before)
  return {
    name: member ? path.slice(dot + 1) : path,
    member,
    parameters: [...(member ? [before] : []), ...splitTypes(parameters)].map(parseType),
    result: parseType(result),
  }
}
