/**
 * DaemonSet: one pod on every node that its template fits.
 *
 * The spec is the user's, the status the daemonset controller's. The number of the template is kept in an
 * annotation that users read and only the apiserver writes.
 */
import type { V1DaemonSet, V1DaemonSetUpdateStrategy } from '@kubernetes/client-node'
import { carryField } from '../carry-field.ts'
import { ageColumn, column, nameColumn, templateColumns, wideColumn } from '../core/columns.ts'
import { checkLabelSelector, checkNonNegative } from '../core/field-rules.ts'
import { applyPodSpecDefaults } from '../core/pod-spec-defaults.ts'
import { checkPodTemplate } from '../core/pod-spec-validation.ts'
import { podTemplateWarnings } from '../core/pod-warnings.ts'
import { deepEqual } from '../equality.ts'
import { defineKind } from '../kind.ts'
import type { Wire, WireObject } from '../meta.ts'
import { formatLabelSelector, labelSelectorOf, selectorOfMap } from '../selector.ts'
import { type FieldError, invalidField, requiredField, unsupportedField } from '../status-error.ts'
import {
  amountOf,
  checkAtMostWhole,
  checkCollisions,
  checkCounts,
  checkLongRunning,
  checkSameSelector,
  checkShare,
  checkTemplateLabels,
  compiledSelector,
} from './workload-validation.ts'

export type DaemonSet = WireObject<V1DaemonSet>

type DaemonSetSpec = NonNullable<DaemonSet['spec']>
type Strategy = Wire<V1DaemonSetUpdateStrategy>

const DEFAULT_HISTORY = 10
const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation'

const NEW_STATUS = {
  currentNumberScheduled: 0,
  numberMisscheduled: 0,
  desiredNumberScheduled: 0,
  numberReady: 0,
}

const applyDefaults = ({ spec }: DaemonSet): void => {
  if (!spec) return
  spec.updateStrategy ??= {}
  const strategy = spec.updateStrategy
  strategy.type ||= 'RollingUpdate'
  if (strategy.type === 'RollingUpdate') {
    strategy.rollingUpdate ??= {}
    strategy.rollingUpdate.maxUnavailable ??= 1
    strategy.rollingUpdate.maxSurge ??= 0
  }
  spec.revisionHistoryLimit ??= DEFAULT_HISTORY
  if (spec.template?.spec) applyPodSpecDefaults(spec.template.spec)
}

const templateGenerationOf = ({ metadata }: DaemonSet): number => {
  const text = metadata.annotations?.[TEMPLATE_GENERATION] ?? ''
  return /^-?\d{1,15}$/.test(text) ? Number(text) : 0
}

const setTemplateGeneration = (daemonSet: DaemonSet, generation: number): void => {
  const { metadata } = daemonSet
  metadata.annotations = { ...metadata.annotations, [TEMPLATE_GENERATION]: String(generation) }
}

const validate = ({ spec = {} as DaemonSetSpec }: DaemonSet): FieldError[] => {
  const errors: FieldError[] = []
  const { selector, template } = spec
  const path = 'spec.selector'
  checkLabelSelector(errors, path, selector)
  const compiled = compiledSelector(selector)
  if (compiled) {
    checkTemplateLabels(errors, 'spec.template', compiled, template?.metadata?.labels)
  }
  if (selector && compiled?.length === 0) {
    errors.push(invalidField(path, selector, 'empty selector is invalid for daemonset'))
  }
  checkPodTemplate(errors, 'spec.template', template ?? {})
  checkLongRunning(errors, 'spec.template.spec', template, 'DaemonSet')
  checkNonNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds)
  checkUpdateStrategy(errors, spec.updateStrategy ?? {})
  checkNonNegative(errors, 'spec.revisionHistoryLimit', spec.revisionHistoryLimit)
  return errors
}

const checkUpdateStrategy = (errors: FieldError[], { type, rollingUpdate }: Strategy): void => {
  const path = 'spec.updateStrategy'
  if (type === 'OnDelete') return
  if (type !== 'RollingUpdate') {
    const shown = { Type: type ?? '', RollingUpdate: rollingUpdate ?? null }
    errors.push(unsupportedField(path, shown, ['RollingUpdate', 'OnDelete']))
    return
  }
  if (!rollingUpdate) {
    errors.push(requiredField(`${path}.rollingUpdate`))
    return
  }
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate
  const at = `${path}.rollingUpdate`
  checkShare(errors, `${at}.maxUnavailable`, maxUnavailable)
  checkShare(errors, `${at}.maxSurge`, maxSurge)
  checkAtMostWhole(errors, `${at}.maxUnavailable`, maxUnavailable)
  checkAtMostWhole(errors, `${at}.maxSurge`, maxSurge)
  const isUnavailable = amountOf(maxUnavailable) !== 0
  const isSurging = amountOf(maxSurge) !== 0
  if (isUnavailable && isSurging) {
    const why = 'may not be set when maxUnavailable is non-zero'
    errors.push(invalidField(`${at}.maxSurge`, maxSurge, why))
  } else if (!isUnavailable && !isSurging) {
    errors.push(requiredField(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'))
  }
}

const STATUS_COUNTS = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
  'collisionCount',
] as const

const validateStatusUpdate = ({ status = NEW_STATUS }: DaemonSet, old: DaemonSet): FieldError[] => {
  const errors: FieldError[] = []
  checkCounts(errors, status, STATUS_COUNTS, [])
  checkCollisions(errors, status, old.status)
  return errors
}

/** A template is looked at once, when it comes. */
const warnings = (daemonSet: DaemonSet, old?: DaemonSet): string[] =>
  old && templateGenerationOf(daemonSet) === templateGenerationOf(old)
    ? []
    : podTemplateWarnings('spec.template', daemonSet.spec?.template)

const statusColumn = (
  name: string,
  description: string,
  field: Exclude<(typeof STATUS_COUNTS)[number], 'observedGeneration'>,
) => column<DaemonSet>(name, description, ({ status }) => status?.[field] ?? 0, 'integer')

export const DaemonSet = defineKind<DaemonSet>({
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  singular: 'daemonset',
  shortNames: ['ds'],
  categories: ['all'],
  namespaced: true,
  model: 'V1DaemonSet',
  statusSubresource: true,
  tracksGeneration: true,
  applyDefaults,
  prepareForCreate: (daemonSet) => {
    daemonSet.status = { ...NEW_STATUS }
    setTemplateGeneration(daemonSet, Math.max(1, templateGenerationOf(daemonSet)))
  },
  prepareForUpdate: (daemonSet, old) => {
    carryField(daemonSet, old, 'status')
    const isNewTemplate = !deepEqual(daemonSet.spec?.template, old.spec?.template)
    setTemplateGeneration(daemonSet, templateGenerationOf(old) + (isNewTemplate ? 1 : 0))
  },
  prepareForStatusUpdate: (daemonSet, old) => {
    carryField(daemonSet, old, 'spec')
    setTemplateGeneration(daemonSet, templateGenerationOf(old))
  },
  validate,
  validateUpdate: (daemonSet, old) => {
    const errors: FieldError[] = []
    checkSameSelector(errors, daemonSet.spec?.selector, old.spec?.selector)
    return errors
  },
  validateStatusUpdate,
  warnings,
  columns: [
    nameColumn,
    statusColumn('Desired', 'Nodes that should run its pod.', 'desiredNumberScheduled'),
    statusColumn('Current', 'Nodes that have its pod and should.', 'currentNumberScheduled'),
    statusColumn('Ready', 'Nodes whose pod is ready.', 'numberReady'),
    statusColumn('Up-to-date', 'Nodes with a pod of its template.', 'updatedNumberScheduled'),
    statusColumn('Available', 'Nodes whose pod has been ready long enough.', 'numberAvailable'),
    column('Node Selector', 'Labels of the nodes it is for.', ({ spec }) => {
      return formatLabelSelector(selectorOfMap(spec?.template?.spec?.nodeSelector)) || '<none>'
    }),
    ageColumn,
    ...templateColumns,
    wideColumn('Selector', 'Labels of its pods.', ({ spec }) => {
      return formatLabelSelector(labelSelectorOf(spec?.selector)) || '<none>'
    }),
  ],
})
