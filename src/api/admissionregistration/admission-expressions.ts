/**
 * Expressions of webhooks and policies: what they see, what they must give, and whether they compile.
 *
 * Invariant: the compiler is loaded by `loadCompiler` before anything is checked. Types and wording follow
 * Kubernetes 1.36 (`apiserver/pkg/admission/plugin/cel`). Nothing is evaluated here.
 */
import { assert } from '../../std/assert.ts'
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
  /** Whether objects may be made, as mutations do. */
  structs?: boolean
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
  assert(compiler, 'the compiler of expressions is not loaded')
  const { cel, types } = compiler
  const { structs = false } = options
  try {
    const { type } = cel.compile(expression, {
      variables: variablesFor(compiler, options),
      structs,
    })
    const given = types.formatType(type)
    if (wanted.length > 0 && !wanted.includes(given))
      errors.push(invalidField(path, expression, unfit(wanted, given)))
    return type
  } catch (error) {
    if (!(error instanceof cel.CompileError)) throw error
    errors.push(invalidField(path, expression, error.message))
    return types.DYN
  }
}

const unfit = (wanted: readonly string[], given: string): string =>
  wanted.length === 1
    ? `must evaluate to ${wanted[0]} but got ${given}`
    : `must evaluate to one of [${wanted.join(' ')}] but got ${given}`

const variablesFor = (
  { types, requestType, namespaceType }: Compiler,
  options: ExpressionOptions,
): Record<string, CelType> => ({
  object: types.DYN,
  oldObject: types.DYN,
  request: requestType,
  namespaceObject: namespaceType,
  ...(options.hasParams ? { params: types.DYN } : {}),
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
    status: objectType('kubernetes.NamespaceStatus', { phase: STRING }),
  })
}
