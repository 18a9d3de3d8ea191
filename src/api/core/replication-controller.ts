/**
 * ReplicationController: keeps a number of equal pods running; the elder of ReplicaSet.
 *
 * The spec is the user's, the status the replication controller's. Selector and labels come from the template
 * when they are left out.
 */

import type { V1ReplicationController } from '@kubernetes/client-node'
import { workloadScale } from '../apps/workload-scale.ts'
import { checkCounts, checkLongRunning, checkTemplateLabels } from '../apps/workload-validation.ts'
import { carryField } from '../carry-field.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { formatLabelSelector, selectorOfMap } from '../selector.ts'
import { type FieldError, requiredField } from '../status-error.ts'
import { ageColumn, column, nameColumn, templateColumns, wideColumn } from './columns.ts'
import { checkNonNegative } from './field-rules.ts'
import { applyPodSpecDefaults } from './pod-spec-defaults.ts'
import { checkPodTemplate } from './pod-spec-validation.ts'
import { workloadWarnings } from './pod-warnings.ts'

export type ReplicationController = WireObject<V1ReplicationController>

type ReplicationControllerSpec = NonNullable<ReplicationController['spec']>

const isEmpty = (map: object | undefined): boolean => Object.keys(map ?? {}).length === 0

const applyDefaults = ({ metadata, spec, status }: ReplicationController): void => {
  if (status) status.replicas ??= 0
  if (!spec) return
  const labels = spec.template?.metadata?.labels
  if (labels) {
    if (isEmpty(spec.selector)) spec.selector = { ...labels }
    if (isEmpty(metadata.labels)) metadata.labels = { ...labels }
  }
  spec.replicas ??= 1
  if (spec.template?.spec) applyPodSpecDefaults(spec.template.spec)
}

const validate = ({
  spec = {} as ReplicationControllerSpec,
}: ReplicationController): FieldError[] => {
  const errors: FieldError[] = []
  const { selector, template } = spec
  checkNonNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds)
  if (isEmpty(selector)) errors.push(requiredField('spec.selector'))
  if (spec.replicas == null) errors.push(requiredField('spec.replicas'))
  checkNonNegative(errors, 'spec.replicas', spec.replicas)
  if (!template) {
    errors.push(requiredField('spec.template'))
    return errors
  }
  checkTemplateLabels(errors, 'spec.template', selectorOfMap(selector), template.metadata?.labels)
  checkPodTemplate(errors, 'spec.template', template)
  checkLongRunning(errors, 'spec.template.spec', template, 'ReplicationController')
  return errors
}

const STATUS_COUNTS = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'observedGeneration',
] as const

export const ReplicationController = defineKind<ReplicationController>({
  group: '',
  version: 'v1',
  kind: 'ReplicationController',
  plural: 'replicationcontrollers',
  singular: 'replicationcontroller',
  shortNames: ['rc'],
  categories: ['all'],
  namespaced: true,
  model: 'V1ReplicationController',
  statusSubresource: true,
  tracksGeneration: true,
  scale: workloadScale(selectorOfMap),
  applyDefaults,
  prepareForCreate: (controller) => {
    controller.status = { replicas: 0 }
  },
  prepareForUpdate: (controller, old) => {
    carryField(controller, old, 'status')
  },
  prepareForStatusUpdate: (controller, old) => {
    carryField(controller, old, 'spec')
  },
  validate,
  validateStatusUpdate: ({ status = { replicas: 0 } }) => {
    const errors: FieldError[] = []
    checkCounts(errors, status, STATUS_COUNTS, [
      'fullyLabeledReplicas',
      'readyReplicas',
      'availableReplicas',
    ])
    return errors
  },
  warnings: workloadWarnings,
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  columns: [
    nameColumn,
    column('Desired', 'Pods wanted.', ({ spec }) => spec?.replicas ?? 0, 'integer'),
    column('Current', 'Pods there are.', ({ status }) => status?.replicas ?? 0, 'integer'),
    column('Ready', 'Pods that are ready.', ({ status }) => status?.readyReplicas ?? 0, 'integer'),
    ageColumn,
    ...templateColumns,
    wideColumn('Selector', 'Labels of its pods.', ({ spec }) => {
      return formatLabelSelector(selectorOfMap(spec?.selector)) || '<none>'
    }),
  ],
})
