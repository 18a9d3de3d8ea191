/**
 * PodDisruptionBudget: how many pods of a selection may be evicted at once.
 *
 * The spec is the user's, the status the disruption controller's; an eviction asks the status.
 */
import type { V1PodDisruptionBudget } from '@kubernetes/client-node'
import { checkAtMostWhole, checkShare } from '../apps/workload-validation.ts'
import { carryField } from '../carry-field.ts'
import { checkConditions } from '../condition-validation.ts'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { checkLabelSelector, checkNonNegative } from '../core/field-rules.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { type FieldError, invalidField, unsupportedField } from '../status-error.ts'

export type PodDisruptionBudget = WireObject<V1PodDisruptionBudget>

const EVICTION_POLICIES = ['AlwaysAllow', 'IfHealthyBudget']
const STATUS_COUNTS = [
  'disruptionsAllowed',
  'currentHealthy',
  'desiredHealthy',
  'expectedPods',
] as const
const NEW_STATUS: NonNullable<PodDisruptionBudget['status']> = {
  disruptionsAllowed: 0,
  currentHealthy: 0,
  desiredHealthy: 0,
  expectedPods: 0,
}

const validate = ({ spec = {} }: PodDisruptionBudget): FieldError[] => {
  const errors: FieldError[] = []
  if (spec.minAvailable != null && spec.maxUnavailable != null) {
    errors.push(
      invalidField('spec', shownSpec(spec), 'minAvailable and maxUnavailable cannot be both set'),
    )
  }
  for (const field of ['minAvailable', 'maxUnavailable'] as const) {
    const share = spec[field]
    if (share == null) continue
    checkShare(errors, `spec.${field}`, share)
    checkAtMostWhole(errors, `spec.${field}`, share)
  }
  checkLabelSelector(errors, 'spec.selector', spec.selector)
  const policy = spec.unhealthyPodEvictionPolicy
  if (policy != null && !EVICTION_POLICIES.includes(policy)) {
    const path = 'spec.unhealthyPodEvictionPolicy'
    errors.push(unsupportedField(path, policy, EVICTION_POLICIES))
  }
  return errors
}

/** The spec as Kubernetes prints it, with the names its own types have. */
const shownSpec = (spec: NonNullable<PodDisruptionBudget['spec']>) => ({
  MinAvailable: spec.minAvailable ?? null,
  Selector: spec.selector ?? null,
  MaxUnavailable: spec.maxUnavailable ?? null,
  UnhealthyPodEvictionPolicy: spec.unhealthyPodEvictionPolicy ?? null,
})

export const PodDisruptionBudget = defineKind<PodDisruptionBudget>({
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  singular: 'poddisruptionbudget',
  shortNames: ['pdb'],
  namespaced: true,
  model: 'V1PodDisruptionBudget',
  statusSubresource: true,
  tracksGeneration: true,
  prepareForCreate: (budget) => {
    budget.status = { ...NEW_STATUS }
  },
  prepareForUpdate: (budget, old) => {
    carryField(budget, old, 'status')
  },
  prepareForStatusUpdate: (budget, old) => {
    carryField(budget, old, 'spec')
  },
  validate,
  validateStatusUpdate: ({ status = NEW_STATUS }) => {
    const errors: FieldError[] = []
    checkConditions(errors, 'status.conditions', status.conditions)
    for (const field of STATUS_COUNTS) checkNonNegative(errors, `status.${field}`, status[field])
    return errors
  },
  columns: [
    nameColumn,
    column('Min Available', 'Pods that must stay available.', ({ spec }) => {
      return String(spec?.minAvailable ?? 'N/A')
    }),
    column('Max Unavailable', 'Pods that may be unavailable.', ({ spec }) => {
      return String(spec?.maxUnavailable ?? 'N/A')
    }),
    column(
      'Allowed Disruptions',
      'Pods that may be evicted now.',
      ({ status }) => status?.disruptionsAllowed ?? 0,
      'integer',
    ),
    ageColumn,
  ],
})
