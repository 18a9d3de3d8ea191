/**
 * MutatingAdmissionPolicy: changes in CEL to what is about to be stored.
 *
 * Here its expressions are compiled; nothing is changed by them. Rules and wording follow Kubernetes 1.36
 * (`pkg/apis/admissionregistration/validation`).
 */
import type { V1MutatingAdmissionPolicy, V1Mutation } from '@kubernetes/client-node'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { isOneOf } from '../core/field-rules.ts'
import { staticNameWarnings } from '../core/warning-rules.ts'
import { deepEqual } from '../equality.ts'
import { defineKind } from '../kind.ts'
import type { Wire, WireObject } from '../meta.ts'
import { type FieldError, invalidField, requiredField, unsupportedField } from '../status-error.ts'
import { checkExpression, type ExpressionOptions, loadCompiler } from './admission-expressions.ts'
import { REINVOCATION_POLICIES } from './match-validation.ts'
import { applyPolicyDefaults, checkPolicy, paramKindCell } from './policy-validation.ts'

export type MutatingAdmissionPolicy = WireObject<V1MutatingAdmissionPolicy>

const PATCH_TYPES = ['ApplyConfiguration', 'JSONPatch'] as const
const FORMS = {
  ApplyConfiguration: { own: 'applyConfiguration', other: 'jsonPatch', gives: 'Object' },
  JSONPatch: { own: 'jsonPatch', other: 'applyConfiguration', gives: 'list(JSONPatch)' },
} as const

const validate = (policy: MutatingAdmissionPolicy, old?: MutatingAdmissionPolicy): FieldError[] => {
  const errors: FieldError[] = []
  const spec = policy.spec ?? {}
  const unchanged =
    old !== undefined &&
    deepEqual(spec.paramKind, old.spec?.paramKind) &&
    deepEqual(spec.matchConditions, old.spec?.matchConditions)
  const composed = checkPolicy(errors, spec, unchanged, true)
  const { mutations = [], reinvocationPolicy } = spec
  if (mutations.length === 0)
    errors.push(requiredField('spec.mutations', 'mutations must contain at least one item'))
  const options = {
    hasParams: spec.paramKind !== undefined,
    hasAuthorizer: true,
    structs: true,
    composed,
  }
  for (const [index, mutation] of mutations.entries())
    checkMutation(errors, `spec.mutations[${index}]`, mutation, options)
  if (!reinvocationPolicy) errors.push(requiredField('spec.reinvocationPolicy'))
  else isOneOf(errors, 'spec.reinvocationPolicy', reinvocationPolicy, REINVOCATION_POLICIES)
  return errors
}

const checkMutation = (
  errors: FieldError[],
  at: string,
  mutation: Wire<V1Mutation>,
  options: ExpressionOptions,
): void => {
  const { patchType } = mutation
  if (!patchType) {
    errors.push(requiredField(`${at}.patchType`))
    return
  }
  const known = PATCH_TYPES.find((each) => each === patchType)
  if (!known) {
    errors.push(unsupportedField(`${at}.patchType`, patchType, PATCH_TYPES))
    return
  }
  const { own, other, gives } = FORMS[known]
  const condition = `when patchType is ${known}`
  const change = mutation[own]
  if (change) {
    const path = `${at}.${own}.expression`
    const expression = change.expression?.trim()
    if (expression) checkExpression(errors, path, expression, [gives], options)
    else errors.push(requiredField(path))
  } else errors.push(requiredField(`${at}.${own}`, `must be specified ${condition}`))
  if (mutation[other])
    errors.push(invalidField(`${at}.${other}`, `{${other}}`, `must not be specified ${condition}`))
}

export const MutatingAdmissionPolicy = defineKind<MutatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingAdmissionPolicy',
  plural: 'mutatingadmissionpolicies',
  singular: 'mutatingadmissionpolicy',
  categories: ['api-extensions'],
  namespaced: false,
  model: 'V1MutatingAdmissionPolicy',
  tracksGeneration: true,
  load: loadCompiler,
  applyDefaults: ({ spec }) => applyPolicyDefaults(spec),
  validate,
  warnings: staticNameWarnings,
  columns: [
    nameColumn,
    column(
      'Mutations',
      'Number of its changes.',
      ({ spec }) => spec?.mutations?.length ?? 0,
      'integer',
    ),
    column('ParamKind', 'The kind of its parameters.', ({ spec }) => {
      return paramKindCell(spec?.paramKind)
    }),
    ageColumn,
  ],
})
