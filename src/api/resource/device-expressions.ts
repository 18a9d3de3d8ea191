/**
 * Expressions that select devices: what they see, and whether they compile.
 *
 * Invariant: the compiler is loaded by `loadDeviceCompiler` before anything is checked. Types and wording follow
 * Kubernetes 1.36 (`dynamic-resource-allocation/cel`). Nothing is evaluated here.
 */
import type { V1DeviceSelector } from '@kubernetes/client-node'
import { assert } from '../../std/assert.ts'
import type { CelType } from '../cel/cel-type.ts'
import type { Wire } from '../meta.ts'
import { type FieldError, invalidField, requiredField, tooLongField } from '../status-error.ts'
import { checkEach } from './device-rules.ts'

export type DeviceSelector = Wire<V1DeviceSelector>

const SELECTORS_MAX = 32
const EXPRESSION_MAX = 10 * 1024

interface Compiler {
  cel: typeof import('../cel/cel.ts')
  types: typeof import('../cel/cel-type.ts')
  device: CelType
}

let compiler: Compiler | undefined

export const loadDeviceCompiler = async (): Promise<void> => {
  if (compiler) return
  const [cel, types] = await Promise.all([import('../cel/cel.ts'), import('../cel/cel-type.ts')])
  const { objectType, mapOf, opaque, STRING, BOOL, DYN } = types
  const device = objectType('kubernetes.DRADevice', {
    driver: STRING,
    attributes: mapOf(STRING, mapOf(STRING, DYN)),
    capacity: mapOf(STRING, mapOf(STRING, opaque('kubernetes.Quantity'))),
    allowMultipleAllocations: BOOL,
  })
  compiler = { cel, types, device }
}

export const checkSelectors = (
  errors: FieldError[],
  path: string,
  selectors: readonly DeviceSelector[] | undefined,
): void =>
  checkEach(errors, path, selectors, SELECTORS_MAX, (at, { cel }) => {
    if (cel) checkExpression(errors, `${at}.cel.expression`, cel.expression ?? '')
    else errors.push(requiredField(`${at}.cel`))
  })

const checkExpression = (errors: FieldError[], path: string, expression: string): void => {
  if (Buffer.byteLength(expression) > EXPRESSION_MAX) {
    errors.push(tooLongField(path, EXPRESSION_MAX))
    return
  }
  assert(compiler, 'the compiler of expressions is not loaded')
  const { cel, types, device } = compiler
  try {
    const given = types.formatType(cel.compile(expression, { variables: { device } }).type)
    if (given !== 'bool' && given !== 'dyn')
      errors.push(
        invalidField(path, expression, `must evaluate to bool or the unknown type, not ${given}`),
      )
  } catch (error) {
    if (!(error instanceof cel.CompileError)) throw error
    errors.push(invalidField(path, expression, error.message))
  }
}
