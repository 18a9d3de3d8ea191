/**
 * ReplicaSet: keeps a number of equal pods running; a Deployment has one for each of its templates.
 *
 * The spec is its owner's, the status the replicaset controller's. The selector never changes.
 */

import type { V1ReplicaSet } from '@kubernetes/client-node'
import { carryField } from '../carry-field.ts'
import { ageColumn, column, nameColumn, templateColumns, wideColumn } from '../core/columns.ts'
import { checkNonNegative } from '../core/field-rules.ts'
import { applyPodSpecDefaults } from '../core/pod-spec-defaults.ts'
import { workloadWarnings } from '../core/pod-warnings.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { formatLabelSelector, labelSelectorOf } from '../selector.ts'
import type { FieldError } from '../status-error.ts'
import { workloadScale } from './workload-scale.ts'
import { checkCounts, checkSameSelector, checkSelectorAndTemplate } from './workload-validation.ts'

export type ReplicaSet = WireObject<V1ReplicaSet>

type ReplicaSetSpec = NonNullable<ReplicaSet['spec']>

const applyDefaults = (replicaSet: ReplicaSet): void => {
  const { spec, status } = replicaSet
  if (status) status.replicas ??= 0
  if (!spec) return
  spec.replicas ??= 1
  if (spec.template?.spec) applyPodSpecDefaults(spec.template.spec)
}

const validate = (replicaSet: ReplicaSet): FieldError[] => {
  const errors: FieldError[] = []
  const spec = replicaSet.spec ?? ({} as ReplicaSetSpec)
  checkNonNegative(errors, 'spec.replicas', spec.replicas)
  checkNonNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds)
  checkSelectorAndTemplate(errors, spec, 'ReplicaSet')
  return errors
}

const STATUS_COUNTS = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'observedGeneration',
  'terminatingReplicas',
] as const

export const ReplicaSet = defineKind<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  singular: 'replicaset',
  shortNames: ['rs'],
  categories: ['all'],
  namespaced: true,
  model: 'V1ReplicaSet',
  statusSubresource: true,
  tracksGeneration: true,
  scale: workloadScale(labelSelectorOf),
  applyDefaults,
  prepareForCreate: (replicaSet) => {
    replicaSet.status = { replicas: 0 }
  },
  prepareForUpdate: (replicaSet, old) => {
    carryField(replicaSet, old, 'status')
  },
  prepareForStatusUpdate: (replicaSet, old) => {
    carryField(replicaSet, old, 'spec')
  },
  validate,
  validateUpdate: (replicaSet, old) => {
    const errors: FieldError[] = []
    checkSameSelector(errors, replicaSet.spec?.selector, old.spec?.selector)
    return errors
  },
  validateStatusUpdate: ({ status }) => {
    const errors: FieldError[] = []
    checkCounts(errors, status ?? { replicas: 0 }, STATUS_COUNTS, [
      'fullyLabeledReplicas',
      'readyReplicas',
      'availableReplicas',
    ])
    return errors
  },
  warnings: workloadWarnings,
  columns: [
    nameColumn,
    column('Desired', 'Pods wanted.', ({ spec }) => spec?.replicas ?? 0, 'integer'),
    column('Current', 'Pods there are.', ({ status }) => status?.replicas ?? 0, 'integer'),
    column('Ready', 'Pods that are ready.', ({ status }) => status?.readyReplicas ?? 0, 'integer'),
    ageColumn,
    ...templateColumns,
    wideColumn('Selector', 'Labels of its pods.', ({ spec }) => {
      return formatLabelSelector(labelSelectorOf(spec?.selector)) || '<none>'
    }),
  ],
})
