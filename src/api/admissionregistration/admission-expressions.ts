/**
 * Expressions of webhooks and policies: what they see, what they must give, and whether they compile.
 *
 * Invariant: the compiler is loaded by `loadCompiler` before anything is checked. Types and wording follow
 * Kubernetes 1.36 (`apiserver/pkg/admission/plugin/cel`). Nothing is evaluated here: `expression-run.ts` does.
 */
import { assert } from '../../std/assert.ts'
import type { Compiled } from '../cel/cel.ts'
import type { CelType } from '../cel/cel-type.ts'
import { type FieldError, invalidField } from '../status-error.ts'

type Types = typeof import('../cel/cel-type.ts')

interface Compiler {
  cel: typeof import('../cel/cel.ts')
  types: Types
  requestType: CelType
  namespaceType: CelType
}

let compiler: Compiler | undefined

export const loadCompiler = async (): Promise<void> => {
  if (compiler) return
  const [cel, types] = await Promise.all([import('../cel/cel.ts'), import('../cel/cel-type.ts')])
  const requestType = requestTypeOf(types)
  compiler = { cel, types, requestType, namespaceType: namespaceTypeOf(types) }
}

export interface ExpressionOptions {
  hasParams: boolean
  hasAuthorizer: boolean
  /** Variables of the policy that stand before the expression, by name. */
  composed?: Readonly<Record<string, CelType>>
  /** Of the object and of the parameters, where they are known; else they are dynamic. */
  objectType?: CelType
  paramsType?: CelType
  /** Whether objects may be made, as mutations do. */
  structs?: boolean
}

/** An expression as policies and webhooks carry it out, or why it does not compile, in Kubernetes' words. */
export type CompiledExpression = { compiled: Compiled } | { fault: string; type: CelType }

/** `wanted`: what it may give, as messages name types; none: anything. */
export const compileExpression = (
  expression: string,
  wanted: readonly string[],
  options: ExpressionOptions,
): CompiledExpression => {
  assert(compiler, 'the compiler of expressions is not loaded')
  const { cel, types } = compiler
  try {
    const compiled = cel.compile(expression, {
      variables: variablesFor(compiler, options),
      structs: options.structs ?? false,
    })
    const given = compiled.type.kind === 'null' ? 'null_type' : types.formatType(compiled.type)
    if (wanted.length === 0 || wanted.includes(given)) return { compiled }
    return { fault: unfit(wanted, given), type: compiled.type }
  } catch (error) {
    if (!(error instanceof cel.CompileError)) throw error
    return { fault: error.message, type: types.DYN }
  }
}

/**
 * Pushes the fault of `expression`, which must give one of `wanted` (types as messages name them; none: any).
 * The result is its type, dynamic when it has a fault.
 */
export const checkExpression = (
  errors: FieldError[],
  path: string,
  expression: string,
  wanted: readonly string[],
  options: ExpressionOptions,
): CelType => {
  const result = compileExpression(expression, wanted, options)
  if ('compiled' in result) return result.compiled.type
  errors.push(invalidField(path, expression, result.fault))
  return result.type
}

const unfit = (wanted: readonly string[], given: string): string =>
  wanted.length === 1
    ? `must evaluate to ${wanted[0]} but got ${given}`
    : `must evaluate to one of [${wanted.join(' ')}] but got ${given}`

const variablesFor = (
  { types, requestType, namespaceType }: Compiler,
  options: ExpressionOptions,
): Record<string, CelType> => ({
  object: options.objectType ?? types.DYN,
  oldObject: options.objectType ?? types.DYN,
  request: requestType,
  namespaceObject: namespaceType,
  ...(options.hasParams ? { params: options.paramsType ?? types.DYN } : {}),
  ...(options.hasAuthorizer
    ? {
        authorizer: types.opaque('kubernetes.authorization.Authorizer'),
        'authorizer.requestResource': types.opaque('kubernetes.authorization.ResourceCheck'),
      }
    : {}),
  ...(options.composed
    ? { variables: types.objectType('kubernetes.variables', options.composed) }
    : {}),
})

const requestTypeOf = ({ objectType, listOf, mapOf, STRING, BOOL, DYN }: Types): CelType => {
  const kind = objectType('kubernetes.GroupVersionKind', {
    group: STRING,
    version: STRING,
    kind: STRING,
  })
  const resource = objectType('kubernetes.GroupVersionResource', {
    group: STRING,
    version: STRING,
    resource: STRING,
  })
  return objectType('kubernetes.AdmissionRequest', {
    kind,
    resource,
    subResource: STRING,
    requestKind: kind,
    requestResource: resource,
    requestSubResource: STRING,
    name: STRING,
    namespace: STRING,
    operation: STRING,
    userInfo: objectType('kubernetes.UserInfo', {
      username: STRING,
      uid: STRING,
      groups: listOf(STRING),
      extra: mapOf(STRING, listOf(STRING)),
    }),
    dryRun: BOOL,
    options: DYN,
  })
}

const namespaceTypeOf = ({ objectType, listOf, mapOf, STRING, INT, TIMESTAMP }: Types): CelType => {
  const texts = mapOf(STRING, STRING)
  const condition = objectType('kubernetes.NamespaceCondition', {
    status: STRING,
    type: STRING,
    lastTransitionTime: TIMESTAMP,
    message: STRING,
    reason: STRING,
  })
  return objectType('kubernetes.Namespace', {
    metadata: objectType('kubernetes.NamespaceMetadata', {
      name: STRING,
      generateName: STRING,
      namespace: STRING,
      labels: texts,
      annotations: texts,
      UID: STRING,
      creationTimestamp: TIMESTAMP,
      deletionGracePeriodSeconds: INT,
      deletionTimestamp: TIMESTAMP,
      generation: INT,
      resourceVersion: STRING,
      finalizers: listOf(STRING),
    }),
    spec: objectType('kubernetes.NamespaceSpec', { finalizers: listOf(STRING) }),
    status: objectType('kubernetes.NamespaceStatus', {
      conditions: listOf(condition),
      phase: STRING,
    }),
  })
}
