/**
 * StatefulSet: pods with a number, a name and volumes of their own, which outlive each single pod.
 *
 * The spec is the user's, the status the statefulset controller's. `maxUnavailable` is off by default in 1.36
 * and dropped. Claims are templates as a whole, and never change.
 */

import type { V1PersistentVolumeClaim, V1StatefulSet } from '@kubernetes/client-node'
import { carryField } from '../carry-field.ts'
import { ageColumn, column, nameColumn, templateColumns } from '../core/columns.ts'
import {
  checkDnsLabel,
  checkLabelSelector,
  checkLabels,
  checkNonNegative,
} from '../core/field-rules.ts'
import { applyClaimSpecDefaults } from '../core/persistent-volume-claim-defaults.ts'
import { checkClaimSpec } from '../core/persistent-volume-claim-validation.ts'
import { applyPodSpecDefaults, type PodTemplate } from '../core/pod-spec-defaults.ts'
import { checkPodAnnotations, checkPodTemplate } from '../core/pod-spec-validation.ts'
import { podTemplateWarnings } from '../core/pod-warnings.ts'
import { claimWarnings } from '../core/volume-warnings.ts'
import { deepEqual } from '../equality.ts'
import { defineKind } from '../kind.ts'
import type { Wire, WireObject } from '../meta.ts'
import { validateAnnotations } from '../object-meta.ts'
import { labelSelectorOf } from '../selector.ts'
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
  checkLongRunning,
  checkShare,
  checkTemplateLabels,
  compiledSelector,
} from './workload-validation.ts'

export type StatefulSet = WireObject<V1StatefulSet>

type StatefulSetSpec = NonNullable<StatefulSet['spec']>

const DEFAULT_HISTORY = 10
const MANAGEMENT_POLICIES = ['OrderedReady', 'Parallel']
const RETENTION_POLICIES = ['Retain', 'Delete']

const applyDefaults = ({ spec, status }: StatefulSet): void => {
  if (status) {
    status.replicas ??= 0
    status.availableReplicas ??= 0
  }
  if (!spec) return
  spec.podManagementPolicy ||= 'OrderedReady'
  spec.updateStrategy ??= {}
  const strategy = spec.updateStrategy
  if (!strategy.type) {
    strategy.type = 'RollingUpdate'
    strategy.rollingUpdate ??= {}
  }
  if (strategy.type === 'RollingUpdate' && strategy.rollingUpdate) {
    strategy.rollingUpdate.partition ??= 0
  }
  spec.persistentVolumeClaimRetentionPolicy ??= {}
  spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= 'Retain'
  spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= 'Retain'
  spec.replicas ??= 1
  spec.revisionHistoryLimit ??= DEFAULT_HISTORY
  if (spec.ordinals) spec.ordinals.start ??= 0
  if (spec.template?.spec) applyPodSpecDefaults(spec.template.spec)
  for (const claim of spec.volumeClaimTemplates ?? []) applyClaimDefaults(claim)
}

/** A template is a whole claim, and looks like one. */
const applyClaimDefaults = (claim: Wire<V1PersistentVolumeClaim>): void => {
  claim.apiVersion = 'v1'
  claim.kind = 'PersistentVolumeClaim'
  claim.spec ??= {}
  applyClaimSpecDefaults(claim.spec)
  claim.status ??= {}
  claim.status.phase ||= 'Pending'
}

const dropMaxUnavailable = (spec: StatefulSetSpec | undefined): void => {
  delete spec?.updateStrategy?.rollingUpdate?.maxUnavailable
}

/** On an update, what never changes is not checked again, nor is a template that was bad before. */
const validate = (statefulSet: StatefulSet, old?: StatefulSet): FieldError[] => {
  const spec = statefulSet.spec ?? ({} as StatefulSetSpec)
  const wasBad =
    old !== undefined && specErrors(old.spec ?? ({} as StatefulSetSpec), false, true).length > 0
  return specErrors(spec, !old, !wasBad)
}

const specErrors = (
  spec: StatefulSetSpec,
  isNew: boolean,
  isTemplateChecked: boolean,
): FieldError[] => {
  const errors: FieldError[] = []
  checkManagementPolicy(errors, spec.podManagementPolicy)
  checkUpdateStrategy(errors, spec)
  const retention = spec.persistentVolumeClaimRetentionPolicy ?? {}
  for (const field of ['whenDeleted', 'whenScaled'] as const) {
    const policy = retention[field] ?? ''
    if (RETENTION_POLICIES.includes(policy)) continue
    const path = `spec.persistentVolumeClaimRetentionPolicy.${field}`
    errors.push(unsupportedField(path, policy, RETENTION_POLICIES))
  }
  if (isNew) {
    for (const [index, claim] of (spec.volumeClaimTemplates ?? []).entries()) {
      checkClaimSpec(errors, `spec.volumeClaimTemplates[${index}].spec`, claim.spec ?? {}, true)
    }
  }
  checkNonNegative(errors, 'spec.replicas', spec.replicas)
  checkNonNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds)
  checkNonNegative(errors, 'spec.ordinals.start', spec.ordinals?.start)
  if (isNew && spec.serviceName) checkDnsLabel(errors, 'spec.serviceName', spec.serviceName)
  checkSelectorAndTemplate(errors, spec, isTemplateChecked)
  checkLongRunning(errors, 'spec.template.spec', spec.template, 'StatefulSet')
  return errors
}

const checkManagementPolicy = (errors: FieldError[], policy: string | undefined): void => {
  const path = 'spec.podManagementPolicy'
  if (!policy) errors.push(requiredField(path))
  else if (!MANAGEMENT_POLICIES.includes(policy)) {
    errors.push(invalidField(path, policy, "must be 'OrderedReady' or 'Parallel'"))
  }
}

const checkUpdateStrategy = (errors: FieldError[], spec: StatefulSetSpec): void => {
  const { type, rollingUpdate } = spec.updateStrategy ?? {}
  const path = 'spec.updateStrategy'
  if (!type) errors.push(requiredField(path))
  else if (type === 'OnDelete') {
    if (!rollingUpdate) return
    const why = "only allowed for updateStrategy 'RollingUpdate'"
    errors.push(invalidField(`${path}.rollingUpdate`, rollingUpdate, why))
  } else if (type === 'RollingUpdate') {
    if (!rollingUpdate) return
    checkNonNegative(errors, `${path}.rollingUpdate.partition`, rollingUpdate.partition)
    const share = rollingUpdate.maxUnavailable
    if (share == null) return
    const at = `${path}.rollingUpdate.maxUnavailable`
    checkShare(errors, at, share)
    if (amountOf(share) === 0) errors.push(invalidField(at, share, 'cannot be 0'))
    checkAtMostWhole(errors, at, share)
  } else {
    const shown = { Type: type, RollingUpdate: rollingUpdate ?? null }
    errors.push(invalidField(path, shown, "must be 'RollingUpdate' or 'OnDelete'"))
  }
}

const checkSelectorAndTemplate = (
  errors: FieldError[],
  spec: StatefulSetSpec,
  isTemplateChecked: boolean,
): void => {
  const { selector, template } = spec
  const path = 'spec.selector'
  if (!selector) errors.push(requiredField(path))
  else {
    checkLabelSelector(errors, path, selector)
    const isEmpty = labelCount(selector) === 0
    if (isEmpty) {
      errors.push(invalidField(path, selector, 'empty selector is invalid for statefulset'))
    }
  }
  const compiled = compiledSelector(selector)
  if (!compiled) {
    errors.push(invalidField(path, selector, ''))
    return
  }
  const { labels, annotations } = template?.metadata ?? {}
  checkTemplateLabels(errors, 'spec.template', compiled, labels)
  if (isTemplateChecked) checkPodTemplate(errors, 'spec.template', podTemplateOf(spec))
  checkLabels(errors, 'spec.template.labels', labels)
  errors.push(...validateAnnotations(annotations, 'spec.template.annotations'))
  const pod = template?.spec
  if (pod) checkPodAnnotations(errors, 'spec.template.annotations', annotations, pod)
}

/** The template as its pods will be: named and with the volumes of their claims. */
const podTemplateOf = ({ template, volumeClaimTemplates = [] }: StatefulSetSpec): PodTemplate => {
  if (!template?.spec) return template ?? {}
  const { subdomain: _, hostname: __, volumes = [], ...spec } = template.spec
  const claimed = new Map(
    volumeClaimTemplates.map(({ metadata }) => {
      const name = metadata?.name ?? ''
      return [name, { name, persistentVolumeClaim: { claimName: name } }]
    }),
  )
  const others = volumes.filter(({ name }) => !claimed.has(name))
  return { ...template, spec: { ...spec, volumes: [...claimed.values(), ...others] } }
}

const labelCount = ({ matchLabels, matchExpressions }: NonNullable<StatefulSetSpec['selector']>) =>
  Object.keys(matchLabels ?? {}).length + (matchExpressions?.length ?? 0)

const CHANGEABLE = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const

const validateUpdate = ({ spec }: StatefulSet, old: StatefulSet): FieldError[] => {
  const fixed = { ...spec }
  const before = { ...old.spec }
  for (const field of CHANGEABLE) {
    delete fixed[field]
    delete before[field]
  }
  if (deepEqual(fixed, before)) return []
  const names = CHANGEABLE.map((field) => `'${field}'`)
  const list = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
  const why = `updates to statefulset spec for fields other than ${list} are forbidden`
  return [forbiddenField('spec', why)]
}

const STATUS_COUNTS = [
  'replicas',
  'readyReplicas',
  'currentReplicas',
  'updatedReplicas',
  'availableReplicas',
  'observedGeneration',
  'collisionCount',
] as const
const STATUS_PARTS = [
  'readyReplicas',
  'currentReplicas',
  'updatedReplicas',
  'availableReplicas',
] as const

const validateStatusUpdate = (
  { status = { replicas: 0 } }: StatefulSet,
  old: StatefulSet,
): FieldError[] => {
  const errors: FieldError[] = []
  checkCounts(errors, status, STATUS_COUNTS, STATUS_PARTS, 'status.readyReplicas')
  checkCollisions(errors, status, old.status)
  return errors
}

const warnings = (statefulSet: StatefulSet, old?: StatefulSet): string[] => {
  const { metadata, spec } = statefulSet
  const isSame = old && metadata.generation === old.metadata.generation
  const found = isSame ? [] : podTemplateWarnings('spec.template', spec?.template)
  for (const [index, claim] of (spec?.volumeClaimTemplates ?? []).entries()) {
    const path = `spec.volumeClaimTemplates[${index}]`
    found.push(...claimWarnings(old ? `${path}.Spec` : path, claim.spec ?? {}))
  }
  if ((spec?.revisionHistoryLimit ?? 0) < 0) {
    const why = 'a negative value retains all historical revisions; a value >= 0 is recommended'
    found.push(`spec.revisionHistoryLimit: ${why}`)
  }
  return found
}

export const StatefulSet = defineKind<StatefulSet>({
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  singular: 'statefulset',
  shortNames: ['sts'],
  categories: ['all'],
  namespaced: true,
  nameRule: 'dns1123Label',
  model: 'V1StatefulSet',
  statusSubresource: true,
  tracksGeneration: true,
  scale: workloadScale(labelSelectorOf),
  applyDefaults,
  prepareForCreate: (statefulSet) => {
    statefulSet.status = { replicas: 0, availableReplicas: 0 }
    dropMaxUnavailable(statefulSet.spec)
  },
  prepareForUpdate: (statefulSet, old) => {
    carryField(statefulSet, old, 'status')
    const isInUse = old.spec?.updateStrategy?.rollingUpdate?.maxUnavailable != null
    if (!isInUse) dropMaxUnavailable(statefulSet.spec)
  },
  prepareForStatusUpdate: (statefulSet, old) => {
    carryField(statefulSet, old, 'spec')
  },
  validate,
  validateUpdate,
  validateStatusUpdate,
  warnings,
  columns: [
    nameColumn,
    column('Ready', 'Ready pods, of all wanted.', ({ spec, status }) => {
      return `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`
    }),
    ageColumn,
    ...templateColumns,
  ],
})
