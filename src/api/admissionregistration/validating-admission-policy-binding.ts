/**
 * ValidatingAdmissionPolicyBinding: puts a policy in force, with parameters, for some of what it matches.
 */
import type { V1ValidatingAdmissionPolicyBinding } from '@kubernetes/client-node'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { isOneOf } from '../core/field-rules.ts'
import { staticNameWarnings } from '../core/warning-rules.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { duplicateField, type FieldError, invalidField, requiredField } from '../status-error.ts'
import {
  applyPolicyBindingDefaults,
  checkPolicyBinding,
  paramRefCell,
} from './policy-validation.ts'

export type ValidatingAdmissionPolicyBinding = WireObject<V1ValidatingAdmissionPolicyBinding>

const ACTIONS = ['Audit', 'Deny', 'Warn']

const validate = ({ spec }: ValidatingAdmissionPolicyBinding): FieldError[] => {
  const errors: FieldError[] = []
  checkPolicyBinding(errors, spec ?? {})
  const path = 'spec.validationActions'
  const actions = spec?.validationActions ?? []
  for (const [index, action] of actions.entries()) {
    isOneOf(errors, `${path}[${index}]`, action, ACTIONS)
    if (actions.indexOf(action) < index) errors.push(duplicateField(`${path}[${index}]`, action))
  }
  if (actions.includes('Deny') && actions.includes('Warn')) {
    const why =
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)'
    errors.push(invalidField(path, actions, why))
  }
  if (actions.length === 0)
    errors.push(requiredField(path, 'at least one validation action is required'))
  return errors
}

export const ValidatingAdmissionPolicyBinding = defineKind<ValidatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  plural: 'validatingadmissionpolicybindings',
  singular: 'validatingadmissionpolicybinding',
  categories: ['api-extensions'],
  namespaced: false,
  model: 'V1ValidatingAdmissionPolicyBinding',
  tracksGeneration: true,
  applyDefaults: ({ spec }) => applyPolicyBindingDefaults(spec),
  validate,
  warnings: staticNameWarnings,
  columns: [
    nameColumn,
    column('PolicyName', 'The policy it puts in force.', ({ spec }) => spec?.policyName ?? ''),
    column('ParamRef', 'The parameters.', ({ spec }) => paramRefCell(spec?.paramRef)),
    ageColumn,
  ],
})
