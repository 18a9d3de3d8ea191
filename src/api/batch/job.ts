/**
 * Job: runs pods until as many of them as wanted have ended well.
 *
 * The spec is the user's, the status the job controller's. Unless `spec.manualSelector` is true, selector and
 * the template's labels are made here from the Job's own name and uid, so that no two Jobs share a pod.
 */
import type { V1Job } from '@kubernetes/client-node'
import { carryField } from '../carry-field.ts'
import { ageColumn, column, nameColumn, templateColumns, wideColumn } from '../core/columns.ts'
import { MAX_INT32 } from '../core/field-rules.ts'
import { applyPodSpecDefaults } from '../core/pod-spec-defaults.ts'
import { podTemplateWarnings } from '../core/pod-warnings.ts'
import { workloadNameWarnings } from '../core/warning-rules.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { formatLabelSelector, labelSelectorOf } from '../selector.ts'
import { humanDuration } from '../table.ts'
import { hasCondition, validateJobStatusUpdate } from './job-status-validation.ts'
import {
  CONTROLLER_UID_LABEL,
  generatedLabels,
  type JobSpec,
  validateJob,
  validateJobUpdate,
} from './job-validation.ts'

export type Job = WireObject<V1Job>

const DEFAULT_BACKOFF_LIMIT = 6

const applyDefaults = (job: Job): void => {
  const { spec } = job
  if (!spec) return
  if (spec.completions == null && spec.parallelism == null) spec.completions = 1
  spec.parallelism ??= 1
  spec.backoffLimit ??= spec.backoffLimitPerIndex == null ? DEFAULT_BACKOFF_LIMIT : MAX_INT32
  takeLabels(job)
  spec.completionMode ??= 'NonIndexed'
  spec.suspend ??= false
  spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed'
  spec.manualSelector ??= false
  applyJobTemplateDefaults(spec)
}

/** A Job without labels has those of its template. */
const takeLabels = ({ metadata, spec }: Job): void => {
  const labels = spec?.template?.metadata?.labels
  if (labels && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels }
}

/** What is filled in in the spec of a Job and in the template of a CronJob. */
export const applyJobTemplateDefaults = (spec: JobSpec): void => {
  for (const { onPodConditions } of spec.podFailurePolicy?.rules ?? []) {
    for (const pattern of onPodConditions ?? []) pattern.status ||= 'True'
  }
  if (spec.template?.spec) applyPodSpecDefaults(spec.template.spec)
}

/** Labels a user gave stay: if they contradict, validation says so. */
const generateSelector = (job: Job): void => {
  const { metadata, spec } = job
  if (!spec || spec.manualSelector) return
  const { name, uid } = metadata
  spec.template ??= {}
  spec.template.metadata ??= {}
  const labels = { ...generatedLabels(name, uid), ...spec.template.metadata.labels }
  spec.template.metadata.labels = labels
  spec.selector ??= {}
  spec.selector.matchLabels = { [CONTROLLER_UID_LABEL]: uid, ...spec.selector.matchLabels }
  takeLabels(job)
}

/** `2/3`, or `1/1 of 5` where any pod that ends well is enough. */
const completionsOf = ({ spec, status }: Job): string => {
  const succeeded = status?.succeeded ?? 0
  if (spec?.completions != null) return `${succeeded}/${spec.completions}`
  const parallelism = spec?.parallelism ?? 0
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`
}

const durationOf = ({ status }: Job, now: number): string => {
  if (!status?.startTime) return ''
  const end = status.completionTime ? Date.parse(status.completionTime) : now
  return humanDuration(end - Date.parse(status.startTime))
}

const statusOf = ({ metadata, status = {} }: Job): string => {
  if (hasCondition(status, 'Complete')) return 'Complete'
  if (hasCondition(status, 'Failed')) return 'Failed'
  if (metadata.deletionTimestamp) return 'Terminating'
  if (hasCondition(status, 'Suspended')) return 'Suspended'
  if (hasCondition(status, 'FailureTarget')) return 'FailureTarget'
  return hasCondition(status, 'SuccessCriteriaMet') ? 'SuccessCriteriaMet' : 'Running'
}

const MANY_COMPLETIONS = 100_000
const MANY_PODS = 10_000

/** Also for the template of a CronJob. */
export const jobSpecWarnings = (path: string, spec: JobSpec | undefined): string[] => {
  const { completionMode, completions = 0, parallelism = 0 } = spec ?? ({} as JobSpec)
  const isVast =
    completionMode === 'Indexed' && completions > MANY_COMPLETIONS && parallelism > MANY_PODS
  const why =
    'In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail'
  const found = podTemplateWarnings(`${path}.template`, spec?.template)
  return isVast ? [`${path}: ${why}`, ...found] : found
}

const warnings = ({ metadata, spec }: Job, old?: Job): string[] => {
  if (old && metadata.generation === old.metadata.generation) return []
  return [...(old ? [] : workloadNameWarnings(metadata.name)), ...jobSpecWarnings('spec', spec)]
}

export const Job = defineKind<Job>({
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  plural: 'jobs',
  singular: 'job',
  categories: ['all'],
  namespaced: true,
  model: 'V1Job',
  statusSubresource: true,
  tracksGeneration: true,
  applyDefaults,
  prepareForCreate: (job) => {
    generateSelector(job)
    job.status = {}
  },
  prepareForUpdate: (job, old) => {
    carryField(job, old, 'status')
  },
  prepareForStatusUpdate: (job, old) => {
    carryField(job, old, 'spec')
  },
  validate: validateJob,
  validateUpdate: validateJobUpdate,
  validateStatusUpdate: validateJobStatusUpdate,
  warnings,
  selectableFields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
  columns: [
    nameColumn,
    column('Status', 'Whether it runs, and how it ended.', statusOf),
    column('Completions', 'Pods that ended well, of all wanted.', completionsOf),
    column('Duration', 'Time from its start to its end, or until now.', durationOf),
    ageColumn,
    ...templateColumns,
    wideColumn('Selector', 'Labels of its pods.', ({ spec }) => {
      return formatLabelSelector(labelSelectorOf(spec?.selector)) || '<none>'
    }),
  ],
})
