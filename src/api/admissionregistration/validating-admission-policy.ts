/**
 * ValidatingAdmissionPolicy: rules in CEL that may refuse what is about to be stored.
 *
 * Here its expressions are compiled; nothing is enforced. Rules and wording follow Kubernetes 1.36
 * (`pkg/apis/admissionregistration/validation`).
 */
import type {
  V1AuditAnnotation,
  V1ValidatingAdmissionPolicy,
  V1Validation,
} from '@kubernetes/client-node'
import { carryField } from '../carry-field.ts'
import type { CelType } from '../cel/cel-type.ts'
import { checkConditions } from '../condition-validation.ts'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { checkQualifiedName, isOneOf } from '../core/field-rules.ts'
import { staticNameWarnings } from '../core/warning-rules.ts'
import { deepEqual } from '../equality.ts'
import { defineKind } from '../kind.ts'
import type { Wire, WireObject } from '../meta.ts'
import { duplicateField, type FieldError, invalidField, requiredField } from '../status-error.ts'
import { checkExpression, type ExpressionOptions, loadCompiler } from './admission-expressions.ts'
import { applyPolicyDefaults, checkPolicy, paramKindCell } from './policy-validation.ts'

export type ValidatingAdmissionPolicy = WireObject<V1ValidatingAdmissionPolicy>

const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge']
const AUDIT_ANNOTATIONS_MAX = 20
const AUDIT_EXPRESSION_MAX = 5 * 1024

const validate = (
  policy: ValidatingAdmissionPolicy,
  old?: ValidatingAdmissionPolicy,
): FieldError[] => {
  const errors: FieldError[] = []
  const spec = policy.spec ?? {}
  const unchanged =
    old !== undefined &&
    deepEqual(spec.paramKind, old.spec?.paramKind) &&
    deepEqual(spec.matchConditions, old.spec?.matchConditions)
  const composed = checkPolicy(errors, spec, unchanged)
  const { validations = [], auditAnnotations = [] } = spec
  if (validations.length === 0 && auditAnnotations.length === 0) {
    const why = 'validations or auditAnnotations must contain at least one item'
    errors.push(requiredField('spec.validations', why))
    errors.push(requiredField('spec.auditAnnotations', why))
    return errors
  }
  const options = {
    hasParams: spec.paramKind !== undefined,
    hasAuthorizer: true,
    ...(spec.variables?.length ? { composed } : {}),
  }
  for (const [index, validation] of validations.entries())
    checkValidation(errors, `spec.validations[${index}]`, validation, options)
  checkAuditAnnotations(errors, policy.metadata.name, auditAnnotations, options)
  return errors
}

const checkValidation = (
  errors: FieldError[],
  at: string,
  validation: Wire<V1Validation>,
  options: ExpressionOptions,
): void => {
  const { expression = '', message = '', messageExpression = '', reason } = validation
  if (!expression.trim())
    errors.push(requiredField(`${at}.expression`, 'expression is not specified'))
  else checkExpression(errors, `${at}.expression`, expression, ['bool'], options)
  const messagePath = `${at}.messageExpression`
  if (messageExpression && !messageExpression.trim())
    errors.push(invalidField(messagePath, messageExpression, 'must be non-empty if specified'))
  else if (messageExpression)
    checkExpression(errors, messagePath, messageExpression, ['string'], {
      ...options,
      hasAuthorizer: false,
    })
  const refuse = (why: string) => errors.push(invalidField(`${at}.message`, message, why))
  if (message && !message.trim()) refuse('message must be non-empty if specified')
  else if (/[\n\r]/.test(message.trim())) refuse('message must not contain line breaks')
  if (reason !== undefined) isOneOf(errors, `${at}.reason`, reason, REASONS)
}

const checkAuditAnnotations = (
  errors: FieldError[],
  policyName: string,
  annotations: readonly Wire<V1AuditAnnotation>[],
  options: ExpressionOptions & { composed?: Record<string, CelType> },
): void => {
  const path = 'spec.auditAnnotations'
  if (annotations.length > AUDIT_ANNOTATIONS_MAX) {
    const why = `must not have more than ${AUDIT_ANNOTATIONS_MAX} auditAnnotations`
    errors.push(invalidField(path, annotations, why))
  }
  const keys = new Set<string>()
  for (const [index, { key = '', valueExpression = '' }] of annotations.entries()) {
    const at = `${path}[${index}]`
    checkQualifiedName(errors, `${at}.key`, `${policyName}/${key}`)
    const expression = valueExpression.trim()
    if (!expression)
      errors.push(requiredField(`${at}.valueExpression`, 'valueExpression is not specified'))
    else if (expression.length > AUDIT_EXPRESSION_MAX) {
      const why = `must not exceed ${AUDIT_EXPRESSION_MAX} bytes in length`
      errors.push(requiredField(`${at}.valueExpression`, why))
    } else
      checkExpression(errors, `${at}.valueExpression`, expression, ['string', 'null_type'], options)
    if (keys.has(key)) errors.push(duplicateField(`${at}.key`, key))
    keys.add(key)
  }
}

const validateStatusUpdate = ({ status }: ValidatingAdmissionPolicy): FieldError[] => {
  const errors: FieldError[] = []
  const path = 'status.typeChecking.expressionWarnings'
  const warnings = status?.typeChecking?.expressionWarnings ?? []
  for (const [index, { warning, fieldRef = '' }] of warnings.entries()) {
    if (!warning) errors.push(requiredField(`${path}[${index}].warning`))
    if (!fieldRef.trim()) errors.push(requiredField(`${path}[${index}].fieldRef`))
  }
  checkConditions(errors, 'status.conditions', status?.conditions)
  return errors
}

export const ValidatingAdmissionPolicy = defineKind<ValidatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicy',
  plural: 'validatingadmissionpolicies',
  singular: 'validatingadmissionpolicy',
  categories: ['api-extensions'],
  namespaced: false,
  model: 'V1ValidatingAdmissionPolicy',
  statusSubresource: true,
  tracksGeneration: true,
  load: loadCompiler,
  applyDefaults: ({ spec }) => applyPolicyDefaults(spec),
  prepareForCreate: (policy) => {
    policy.status = {}
  },
  prepareForUpdate: (policy, old) => carryField(policy, old, 'status'),
  prepareForStatusUpdate: (policy, old) => carryField(policy, old, 'spec'),
  validate,
  validateStatusUpdate,
  warnings: staticNameWarnings,
  columns: [
    nameColumn,
    column(
      'Validations',
      'Number of its rules.',
      ({ spec }) => spec?.validations?.length ?? 0,
      'integer',
    ),
    column('ParamKind', 'The kind of its parameters.', ({ spec }) => {
      return paramKindCell(spec?.paramKind)
    }),
    ageColumn,
  ],
})
