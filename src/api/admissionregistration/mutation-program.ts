/**
 * A MutatingAdmissionPolicy, compiled, and the objects that its mutations make of an object.
 *
 * After Kubernetes' `apiserver/pkg/admission/plugin/policy/mutating` and `cel/mutation`. Invariant: the object that is
 * given stays as it is; the one that comes out is unchecked, to be decoded and defaulted. Costs are counted for each
 * mutation by itself, as in Kubernetes.
 */
import { ListValue, MapValue, toJson, type Value } from '../cel/value.ts'
import type { UncheckedObject } from '../kind.ts'
import type { StructShape } from '../managed-fields/field-shape.ts'
import { faultsOf, mergeFields } from '../managed-fields/object-fields.ts'
import type { Json } from '../meta.ts'
import { patchOrFault } from '../patch/json-patch.ts'
import { StatusError } from '../status-error.ts'
import { compileExpression } from './admission-expressions.ts'
import { atomicPathsOf } from './atomic-paths.ts'
import {
  type ExpressionInput,
  ExpressionRun,
  type NamedExpression,
  RUN_BUDGET,
  RunBudgetError,
} from './expression-run.ts'
import { compileConditions, type MatchConditions } from './match-conditions.ts'
import type { MutatingAdmissionPolicy } from './mutating-admission-policy.ts'
import { compileVariables, type PolicyScope } from './policy-variables.ts'

export interface Mutation extends NamedExpression {
  form: 'ApplyConfiguration' | 'JSONPatch'
}

export interface MutationProgram {
  scope: PolicyScope
  conditions: MatchConditions | undefined
  mutations: readonly Mutation[]
}

/** The compiler has to be loaded. */
export const compileMutations = ({ spec = {} }: MutatingAdmissionPolicy): MutationProgram => {
  const { failurePolicy, matchConditions, mutations = [] } = spec
  const scope = compileVariables(spec)
  const { hasParams, types } = scope
  const options = { hasParams, hasAuthorizer: true, structs: true, composed: types }
  return {
    scope,
    conditions: matchConditions?.length
      ? compileConditions(matchConditions, failurePolicy, { hasParams, composed: types })
      : undefined,
    mutations: mutations.map(({ patchType, jsonPatch, applyConfiguration }) => {
      const isPatch = patchType === 'JSONPatch'
      const text = (isPatch ? jsonPatch : applyConfiguration)?.expression ?? ''
      return {
        text,
        form: isPatch ? 'JSONPatch' : 'ApplyConfiguration',
        expression: compileExpression(text, [isPatch ? 'list(JSONPatch)' : 'Object'], options),
      }
    }),
  }
}

/** What became of the object, or why nothing did. */
export type MutationResult = { object: UncheckedObject } | { error: string }

/** `object` is the one that `input` shows; `shape` says how its fields are merged. */
export const evaluateMutation = (
  { scope }: MutationProgram,
  mutation: Mutation,
  input: ExpressionInput,
  object: UncheckedObject,
  shape: StructShape,
): MutationResult => {
  const { expression } = mutation
  if ('fault' in expression) return { error: expression.fault }
  const value = evaluate(mutation, new ExpressionRun(input, scope.variables, RUN_BUDGET))
  if ('error' in value) return value
  return mutation.form === 'JSONPatch'
    ? patchObject(value.value as ListValue, object)
    : mergeObject(value.value as MapValue, object, shape)
}

const evaluate = (mutation: Mutation, run: ExpressionRun): { value: Value } | { error: string } => {
  try {
    return run.evaluate(mutation)
  } catch (error) {
    if (!(error instanceof RunBudgetError)) throw error
    return { error: error.message }
  }
}

const mergeObject = (
  value: MapValue,
  object: UncheckedObject,
  shape: StructShape,
): MutationResult => {
  const misnamed = typeFaults(value, 'Object')
  if (misnamed.length > 0) return { error: `type mismatch: ${misnamed.join('\n')}` }
  const { apiVersion, kind } = object
  const applied = { ...(toJson(value) as UncheckedObject), apiVersion: apiVersion!, kind: kind! }
  const faults = faultsOf(shape, applied)
  if (faults.length > 0) {
    const list =
      faults.length === 1 ? faults[0] : `errors:\n${faults.map((each) => `  ${each}`).join('\n')}`
    return refused(`failed to convert patch object to typed object: ${list}`)
  }
  const atomics = atomicPathsOf(shape, applied)
  if (atomics.length > 0)
    return refused(
      `invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${atomics.join(', ')}`,
    )
  return { object: mergeFields(shape, object, applied) as UncheckedObject }
}

const refused = (why: string): MutationResult => ({ error: `error applying patch: ${why}` })

/** Objects are named by the way to them from the root: `Object.spec.template`; lists and maps add nothing. */
const typeFaults = (value: Value, expected: string): string[] => {
  if (value instanceof ListValue) return [...value].flatMap((item) => typeFaults(item, expected))
  if (!(value instanceof MapValue)) return []
  const { objectName } = value
  const faults =
    objectName !== undefined && objectName !== expected
      ? [
          `unexpected type name ${JSON.stringify(objectName)}, expected ${JSON.stringify(expected)}, which matches field name path from root Object type`,
        ]
      : []
  const inner = value
    .keys()
    .flatMap((key) =>
      typeFaults(
        value.get(key) ?? null,
        objectName === undefined ? expected : `${expected}.${String(key)}`,
      ),
    )
  return [...faults, ...inner]
}

const patchObject = (operations: ListValue, object: UncheckedObject): MutationResult => {
  const patch: UncheckedObject[] = []
  for (const each of operations) {
    const operation = each as MapValue
    const value = operation.get('value')
    if (value instanceof MapValue && value.objectName !== undefined) {
      const misnamed = typeFaults(value, value.objectName)
      if (misnamed.length > 0) return { error: `type mismatch: ${misnamed.join('\n')}` }
    }
    const from = textOf(operation, 'from')
    patch.push({
      op: textOf(operation, 'op'),
      path: textOf(operation, 'path'),
      ...(from ? { from } : {}),
      ...(value === undefined ? {} : { value: toJson(value) as Json }),
    })
  }
  try {
    const result = patchOrFault(object, patch)
    if ('patched' in result) return { object: result.patched }
    return result.isFailedTest ? { object } : { error: `JSON Patch: ${result.fault}` }
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    return { error: `JSON Patch: ${error.message}` }
  }
}

const textOf = (operation: MapValue, field: string): string => {
  const value = operation.get(field)
  return typeof value === 'string' ? value : ''
}
