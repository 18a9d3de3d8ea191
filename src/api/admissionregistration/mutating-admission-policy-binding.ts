/**
 * MutatingAdmissionPolicyBinding: puts a policy in force, with parameters, for some of what it matches.
 */
import type { V1MutatingAdmissionPolicyBinding } from '@kubernetes/client-node'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { staticNameWarnings } from '../core/warning-rules.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import type { FieldError } from '../status-error.ts'
import {
  applyPolicyBindingDefaults,
  checkMutatingOperations,
  checkPolicyBinding,
  paramRefCell,
} from './policy-validation.ts'

export type MutatingAdmissionPolicyBinding = WireObject<V1MutatingAdmissionPolicyBinding>

export const MutatingAdmissionPolicyBinding = defineKind<MutatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingAdmissionPolicyBinding',
  plural: 'mutatingadmissionpolicybindings',
  singular: 'mutatingadmissionpolicybinding',
  categories: ['api-extensions'],
  namespaced: false,
  model: 'V1MutatingAdmissionPolicyBinding',
  tracksGeneration: true,
  applyDefaults: ({ spec }) => applyPolicyBindingDefaults(spec),
  validate: ({ spec }) => {
    const errors: FieldError[] = []
    checkPolicyBinding(errors, spec ?? {})
    checkMutatingOperations(errors, 'spec.matchResources', spec?.matchResources)
    return errors
  },
  warnings: staticNameWarnings,
  columns: [
    nameColumn,
    column('PolicyName', 'The policy it puts in force.', ({ spec }) => spec?.policyName ?? ''),
    column('ParamRef', 'The parameters.', ({ spec }) => paramRefCell(spec?.paramRef)),
    ageColumn,
  ],
})
