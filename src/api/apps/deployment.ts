/**
 * Deployment: keeps a number of equal pods running and replaces them step by step when their
 * template changes.
 *
 * The spec is the user's, the status the deployment controller's. The selector never changes.
 */

import type { V1Deployment, V1DeploymentStrategy } from '@kubernetes/client-node'
import { carryField } from '../carry-field.ts'
import { ageColumn, column, nameColumn, templateColumns, wideColumn } from '../core/columns.ts'
import { checkNonNegative } from '../core/field-rules.ts'
import { applyPodSpecDefaults } from '../core/pod-spec-defaults.ts'
import { workloadWarnings } from '../core/pod-warnings.ts'
import { defineKind } from '../kind.ts'
import type { Wire, WireObject } from '../meta.ts'
import { formatLabelSelector, labelSelectorOf } from '../selector.ts'
import {
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  unsupportedField,
} from '../status-error.ts'
import { workloadScale } from './workload-scale.ts'
import {
  amountOf,
  checkAtMostWhole,
  checkCollisions,
  checkCounts,
  checkSameSelector,
  checkSelectorAndTemplate,
  checkShare,
} from './workload-validation.ts'

export type Deployment = WireObject<V1Deployment>

type DeploymentSpec = NonNullable<Deployment['spec']>
type Strategy = Wire<V1DeploymentStrategy>

const DEFAULT_SHARE = '25%'
const DEFAULT_HISTORY = 10
const DEFAULT_DEADLINE_SECONDS = 600

const applyDefaults = ({ spec }: Deployment): void => {
  if (!spec) return
  spec.replicas ??= 1
  spec.strategy ??= {}
  spec.strategy.type ||= 'RollingUpdate'
  if (spec.strategy.type === 'RollingUpdate') {
    spec.strategy.rollingUpdate ??= {}
    spec.strategy.rollingUpdate.maxUnavailable ??= DEFAULT_SHARE
    spec.strategy.rollingUpdate.maxSurge ??= DEFAULT_SHARE
  }
  spec.revisionHistoryLimit ??= DEFAULT_HISTORY
  spec.progressDeadlineSeconds ??= DEFAULT_DEADLINE_SECONDS
  if (spec.template?.spec) applyPodSpecDefaults(spec.template.spec)
}

const validate = (deployment: Deployment): FieldError[] => {
  const errors: FieldError[] = []
  const spec = deployment.spec ?? ({} as DeploymentSpec)
  checkNonNegative(errors, 'spec.replicas', spec.replicas)
  checkSelectorAndTemplate(errors, spec, 'ReplicaSet')
  checkStrategy(errors, spec.strategy ?? {})
  checkNonNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds)
  checkNonNegative(errors, 'spec.revisionHistoryLimit', spec.revisionHistoryLimit)
  const deadline = spec.progressDeadlineSeconds
  if (deadline == null) return errors
  checkNonNegative(errors, 'spec.progressDeadlineSeconds', deadline)
  if (deadline <= (spec.minReadySeconds ?? 0)) {
    const why = 'must be greater than minReadySeconds'
    errors.push(invalidField('spec.progressDeadlineSeconds', deadline, why))
  }
  return errors
}

const checkStrategy = (errors: FieldError[], { type, rollingUpdate }: Strategy): void => {
  const path = 'spec.strategy.rollingUpdate'
  if (type === 'Recreate') {
    if (!rollingUpdate) return
    const why = "may not be specified when strategy `type` is 'Recreate'"
    errors.push(forbiddenField(path, why))
  } else if (type === 'RollingUpdate') {
    if (!rollingUpdate) {
      errors.push(requiredField(path, 'this should be defaulted and never be nil'))
      return
    }
    const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate
    checkShare(errors, `${path}.maxUnavailable`, maxUnavailable)
    checkShare(errors, `${path}.maxSurge`, maxSurge)
    if (amountOf(maxUnavailable) === 0 && amountOf(maxSurge) === 0) {
      const why = 'may not be 0 when `maxSurge` is 0'
      errors.push(invalidField(`${path}.maxUnavailable`, maxUnavailable, why))
    }
    checkAtMostWhole(errors, `${path}.maxUnavailable`, maxUnavailable)
  } else {
    const shown = { Type: type ?? '', RollingUpdate: null }
    errors.push(unsupportedField('spec.strategy', shown, ['Recreate', 'RollingUpdate']))
  }
}

const STATUS_COUNTS = [
  'observedGeneration',
  'replicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'terminatingReplicas',
  'collisionCount',
] as const

const validateStatusUpdate = ({ status = {} }: Deployment, old: Deployment): FieldError[] => {
  const errors: FieldError[] = []
  checkCounts(errors, status, STATUS_COUNTS, [
    'updatedReplicas',
    'readyReplicas',
    'availableReplicas',
  ])
  checkCollisions(errors, status, old.status)
  return errors
}

export const Deployment = defineKind<Deployment>({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  singular: 'deployment',
  shortNames: ['deploy'],
  categories: ['all'],
  namespaced: true,
  model: 'V1Deployment',
  statusSubresource: true,
  tracksGeneration: true,
  annotationsAreDesired: true,
  scale: workloadScale(labelSelectorOf),
  applyDefaults,
  prepareForCreate: (deployment) => {
    deployment.status = {}
  },
  prepareForUpdate: (deployment, old) => {
    carryField(deployment, old, 'status')
  },
  prepareForStatusUpdate: (deployment, old) => {
    carryField(deployment, old, 'spec')
    carryField(deployment.metadata, old.metadata, 'labels')
  },
  validate,
  validateUpdate: (deployment, old) => {
    const errors: FieldError[] = []
    checkSameSelector(errors, deployment.spec?.selector, old.spec?.selector)
    return errors
  },
  validateStatusUpdate,
  warnings: workloadWarnings,
  columns: [
    nameColumn,
    column('Ready', 'Ready pods, of all wanted.', ({ spec, status }) => {
      return `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`
    }),
    column('Up-to-date', 'Pods of the current template.', ({ status }) => {
      return status?.updatedReplicas ?? 0
    }),
    column('Available', 'Pods that have been ready long enough.', ({ status }) => {
      return status?.availableReplicas ?? 0
    }),
    ageColumn,
    ...templateColumns,
    wideColumn('Selector', 'Labels of its pods.', ({ spec }) => {
      return formatLabelSelector(labelSelectorOf(spec?.selector))
    }),
  ],
})
