/**
 * The syntax tree of CEL: what the parser makes, the checker completes with types, and the interpreter runs.
 *
 * `at` is the offset that error messages point to: of the operator, the bracket or the dot, as in Kubernetes.
 */
import type { CelType } from './cel-type.ts'
import type { Overload } from './library/overload.ts'
import type { Value } from './value.ts'

interface Node {
  at: number
  /** Set by the checker. */
  type?: CelType
}

/** Macros that walk a list or map; all but the last four take one or two variables. */
export type Walk =
  | 'all'
  | 'exists'
  | 'existsOne'
  | 'map'
  | 'filter'
  | 'transformList'
  | 'transformMap'
  | 'transformMapEntry'
  | 'sortBy'

export type Expression = Node &
  (
    | { op: 'literal'; value: Value }
    | { op: 'identifier'; name: string }
    | {
        op: 'select'
        operand: Expression
        field: string
        optional: boolean
        testOnly: boolean
        /** The type that the whole path names, e.g. `google.protobuf.Timestamp`; set by the checker. */
        names?: string
      }
    | {
        op: 'call'
        name: string
        target?: Expression
        args: Expression[]
        /** The candidates, set by the checker. */
        overloads?: readonly Overload[]
      }
    | { op: 'list'; items: { value: Expression; optional: boolean }[] }
    | { op: 'map'; entries: { key: Expression; value: Expression; optional: boolean }[] }
    | {
        op: 'struct'
        name: string
        fields: { name: string; value: Expression; optional: boolean; at: number }[]
      }
    | {
        op: 'walk'
        walk: Walk
        variables: readonly string[]
        range: Expression
        /** Decides (all, exists …) or restricts (map with three arguments, filter, transform). */
        predicate?: Expression
        /** What an element becomes. */
        result?: Expression
      }
    /** `cel.bind`; of an optional with `optMap` and `optFlatMap`, whose variable is the value inside. */
    | {
        op: 'bind'
        variable: string
        value: Expression
        body: Expression
        through: 'value' | 'optMap' | 'optFlatMap'
      }
  )

/** One fault of an expression. */
export interface Issue {
  at: number
  message: string
}

/** As cel-go shows issues: place, message, the line and a pointer below it. */
export const formatIssues = (source: string, issues: readonly Issue[]): string =>
  [...issues]
    .sort((one, other) => one.at - other.at)
    .map(({ at, message }) => {
      const before = source.slice(0, at).split('\n')
      const column = [...(before.at(-1) ?? '')].length
      const line = source.split('\n')[before.length - 1] ?? ''
      return `ERROR: <input>:${before.length}:${column + 1}: ${message}\n | ${line}\n | ${'.'.repeat(column)}^`
    })
    .join('\n')
