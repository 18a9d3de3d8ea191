/**
 * The variables of a policy, compiled in their order: each sees those before it.
 */
import type { CelType } from '../cel/cel-type.ts'
import { type CompiledExpression, compileExpression } from './admission-expressions.ts'
import type { PolicySpec } from './policy-validation.ts'

export interface PolicyScope {
  hasParams: boolean
  variables: ReadonlyMap<string, CompiledExpression>
  types: Readonly<Record<string, CelType>>
}

export const compileVariables = ({ paramKind, variables = [] }: PolicySpec): PolicyScope => {
  const hasParams = paramKind !== undefined
  const types: Record<string, CelType> = {}
  const compiled = new Map<string, CompiledExpression>()
  for (const { name = '', expression = '' } of variables) {
    const options = { hasParams, hasAuthorizer: true, composed: { ...types } }
    const result = compileExpression(expression, [], options)
    compiled.set(name, result)
    types[name] = 'compiled' in result ? result.compiled.type : result.type
  }
  return { hasParams, variables: compiled, types }
}
