/**
 * CronJob: makes Jobs of its template at the times of a schedule.
 *
 * The spec is the user's, the status the cronjob controller's. Names of Jobs end in 11 characters of time, so a
 * name has at most 52. It reads the schedule to check it and tells no times.
 */
import type { V1CronJob } from '@kubernetes/client-node'
import { carryField } from '../carry-field.ts'
import { ageColumn, column, nameColumn, since, wideColumn } from '../core/columns.ts'
import { checkNonNegative } from '../core/field-rules.ts'
import { workloadNameWarnings } from '../core/warning-rules.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { formatLabelSelector, labelSelectorOf } from '../selector.ts'
import { type FieldError, invalidField, requiredField, unsupportedField } from '../status-error.ts'
import { CronError, parseCronSchedule } from './cron-schedule.ts'
import { applyJobTemplateDefaults, jobSpecWarnings } from './job.ts'
import { checkJobSpec, type JobSpec } from './job-validation.ts'

export type CronJob = WireObject<V1CronJob>

type CronJobSpec = NonNullable<CronJob['spec']>

const CONCURRENCY_POLICIES = ['Allow', 'Forbid', 'Replace']
const NAME_MAX = 52
const DEFAULT_KEPT_SUCCESSES = 3
const DEFAULT_KEPT_FAILURES = 1

const applyDefaults = ({ spec }: CronJob): void => {
  if (!spec) return
  spec.concurrencyPolicy ||= 'Allow'
  spec.suspend ??= false
  spec.successfulJobsHistoryLimit ??= DEFAULT_KEPT_SUCCESSES
  spec.failedJobsHistoryLimit ??= DEFAULT_KEPT_FAILURES
  if (spec.jobTemplate?.spec) applyJobTemplateDefaults(spec.jobTemplate.spec)
}

const validate = ({ metadata, spec = {} as CronJobSpec }: CronJob): FieldError[] => {
  const errors: FieldError[] = []
  if (!spec.schedule) errors.push(requiredField('spec.schedule'))
  else checkSchedule(errors, spec.schedule)
  checkNonNegative(errors, 'spec.startingDeadlineSeconds', spec.startingDeadlineSeconds)
  checkTimeZone(errors, spec.timeZone)
  const policy = spec.concurrencyPolicy
  if (!policy) errors.push(requiredField('spec.concurrencyPolicy'))
  else if (!CONCURRENCY_POLICIES.includes(policy)) {
    errors.push(unsupportedField('spec.concurrencyPolicy', policy, CONCURRENCY_POLICIES))
  }
  checkJobTemplate(errors, 'spec.jobTemplate.spec', spec.jobTemplate?.spec ?? ({} as JobSpec))
  checkNonNegative(errors, 'spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit)
  checkNonNegative(errors, 'spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit)
  const { name } = metadata
  if (name && Buffer.byteLength(name) > NAME_MAX) {
    errors.push(invalidField('metadata.name', name, `must be no more than ${NAME_MAX} characters`))
  }
  return errors
}

const checkSchedule = (errors: FieldError[], schedule: string): void => {
  try {
    parseCronSchedule(schedule, isTimeZone)
  } catch (error) {
    if (!(error instanceof CronError)) throw error
    errors.push(invalidField('spec.schedule', schedule, error.message))
  }
  if (!schedule.includes('TZ')) return
  const why = 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'
  errors.push(invalidField('spec.schedule', schedule, why))
}

const ZONE_PART = /^[A-Za-z.\-_0-9+]{1,14}$/

const checkTimeZone = (errors: FieldError[], timeZone: string | undefined): void => {
  if (timeZone == null) return
  const refuse = (why: string) => errors.push(invalidField('spec.timeZone', timeZone, why))
  const isPart = (part: string) =>
    part !== '.' && part !== '..' && !part.startsWith('-') && ZONE_PART.test(part)
  if (timeZone === '') refuse('timeZone must be nil or non-empty string')
  else if (!timeZone.split('/').every(isPart)) refuse(`unknown time zone ${timeZone}`)
  else if (timeZone.toLowerCase() === 'local') {
    refuse('timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones')
    if (timeZone !== 'Local') refuse(`unknown time zone ${timeZone}`)
  } else if (!isTimeZone(timeZone)) refuse(`unknown time zone ${timeZone}`)
}

/** Zones are data of the platform, and their names are files there: case counts. */
const isTimeZone = (name: string): boolean => {
  if (/^[+-]|^\d/.test(name)) return false
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions()
    // A name that differs in case only is resolved to the right spelling; an alias to another name.
    return timeZone === name || timeZone.toLowerCase() !== name.toLowerCase()
  } catch {
    return false
  }
}

const checkJobTemplate = (errors: FieldError[], path: string, spec: JobSpec): void => {
  checkJobSpec(errors, path, spec)
  if (spec.selector) {
    const why = '`selector` will be auto-generated'
    errors.push(invalidField(`${path}.selector`, spec.selector, why))
  }
  if (!spec.manualSelector) return
  errors.push(unsupportedField(`${path}.manualSelector`, true, ['nil', 'false']))
}

const containersOf = ({ spec }: CronJob) =>
  spec?.jobTemplate?.spec?.template?.spec?.containers ?? []

const warnings = ({ metadata, spec }: CronJob, old?: CronJob): string[] => {
  if (old && metadata.generation === old.metadata.generation) return []
  const named = old ? [] : workloadNameWarnings(metadata.name)
  return [...named, ...jobSpecWarnings('spec.jobTemplate.spec', spec?.jobTemplate?.spec)]
}

const suspended = ({ spec }: CronJob): string => {
  if (spec?.suspend == null) return '<unset>'
  return spec.suspend ? 'True' : 'False'
}

export const CronJob = defineKind<CronJob>({
  group: 'batch',
  version: 'v1',
  kind: 'CronJob',
  plural: 'cronjobs',
  singular: 'cronjob',
  shortNames: ['cj'],
  categories: ['all'],
  namespaced: true,
  model: 'V1CronJob',
  statusSubresource: true,
  tracksGeneration: true,
  applyDefaults,
  prepareForCreate: (cronJob) => {
    cronJob.status = {}
  },
  prepareForUpdate: (cronJob, old) => {
    carryField(cronJob, old, 'status')
  },
  prepareForStatusUpdate: (cronJob, old) => {
    carryField(cronJob, old, 'spec')
  },
  validate,
  warnings,
  columns: [
    nameColumn,
    column('Schedule', 'When Jobs are made.', ({ spec }) => spec?.schedule ?? ''),
    column('Timezone', 'The time zone of the schedule.', ({ spec }) => spec?.timeZone ?? '<none>'),
    column('Suspend', 'Whether no Jobs are made for now.', suspended, 'boolean'),
    column('Active', 'Jobs that run.', ({ status }) => status?.active?.length ?? 0, 'integer'),
    column('Last Schedule', 'Time since a Job was last due.', ({ status }, now) => {
      return status?.lastScheduleTime ? since(status.lastScheduleTime, now) : '<none>'
    }),
    ageColumn,
    wideColumn('Containers', 'Names of the containers in the template.', (cronJob) => {
      return containersOf(cronJob)
        .map(({ name }) => name)
        .join(',')
    }),
    wideColumn('Images', 'Images of the containers in the template.', (cronJob) => {
      return containersOf(cronJob)
        .map(({ image }) => image ?? '')
        .join(',')
    }),
    wideColumn('Selector', 'Labels of the pods of its Jobs.', ({ spec }) => {
      return formatLabelSelector(labelSelectorOf(spec?.jobTemplate?.spec?.selector)) || '<none>'
    }),
  ],
})
