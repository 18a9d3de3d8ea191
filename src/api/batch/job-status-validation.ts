/**
 * Validation of a Job's status: what its controller, or one named by `spec.managedBy`, may report.
 *
 * Order, paths and wording follow Kubernetes 1.36 (`pkg/apis/batch/validation`, options of
 * `pkg/registry/batch/job`). Invariant: a rule about fields that did not change is not applied, so that an old
 * fault does not stand in the way of other changes.
 */
import type { V1JobStatus } from '@kubernetes/client-node'
import { checkNonNegative, FIELD_IMMUTABLE } from '../core/field-rules.ts'
import { deepEqual } from '../equality.ts'
import type { Wire } from '../meta.ts'
import {
  duplicateField,
  type FieldError,
  invalidField,
  invalidWithoutValue,
  requiredField,
} from '../status-error.ts'
import { IndexError, parseIndexes, sharedIndex } from './completion-indexes.ts'
import type { Job } from './job.ts'
import type { JobSpec } from './job-validation.ts'

type JobStatus = Wire<V1JobStatus>

/** Both statuses and what the rules ask about them again and again. */
interface Transition {
  spec: JobSpec
  status: JobStatus
  old: JobStatus
  isComplete: boolean
  isFailed: boolean
  isFinished: boolean
  finishedChanged: boolean
  completeChanged: boolean
  /** Whether one of the fields differs from the old status. */
  changed(...fields: (keyof JobStatus)[]): boolean
}

const CONDITIONS = 'status.conditions'

export const hasCondition = (status: JobStatus, wanted: string): boolean =>
  (status.conditions ?? []).some(({ type, status }) => type === wanted && status === 'True')

export const isFinished = (status: JobStatus): boolean =>
  hasCondition(status, 'Complete') || hasCondition(status, 'Failed')

export const validateJobStatusUpdate = (job: Job, oldJob: Job): FieldError[] => {
  const errors: FieldError[] = []
  const transition = transitionOf(job, oldJob)
  checkCounts(errors, transition.status)
  checkTerminalConditions(errors, transition)
  checkTimes(errors, transition)
  checkFailureReasons(errors, transition)
  checkFinished(errors, transition)
  checkIndexes(errors, transition)
  checkSuccessCriteria(errors, transition)
  checkProgress(errors, transition)
  return errors
}

const transitionOf = (job: Job, oldJob: Job): Transition => {
  const status = job.status ?? {}
  const old = oldJob.status ?? {}
  return {
    spec: job.spec ?? ({} as JobSpec),
    status,
    old,
    isComplete: hasCondition(status, 'Complete'),
    isFailed: hasCondition(status, 'Failed'),
    isFinished: isFinished(status),
    finishedChanged: isFinished(status) !== isFinished(old),
    completeChanged: hasCondition(status, 'Complete') !== hasCondition(old, 'Complete'),
    changed: (...fields) => fields.some((field) => !deepEqual(status[field], old[field])),
  }
}

const checkCounts = (errors: FieldError[], status: JobStatus): void => {
  for (const field of ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const) {
    checkNonNegative(errors, `status.${field}`, status[field])
  }
  const seen = new Set<string>()
  for (const list of ['succeeded', 'failed'] as const) {
    for (const [index, uid] of (status.uncountedTerminatedPods?.[list] ?? []).entries()) {
      const path = `status.uncountedTerminatedPods.${list}[${index}]`
      if (uid === '') errors.push(invalidField(path, uid, 'must not be empty'))
      else if (seen.has(uid)) errors.push(duplicateField(path, uid))
      seen.add(uid)
    }
  }
}

const checkTerminalConditions = (errors: FieldError[], transition: Transition): void => {
  const { status, old, isComplete, isFailed, completeChanged } = transition
  const failedChanged = isFailed !== hasCondition(old, 'Failed')
  if ((completeChanged || failedChanged) && isComplete && isFailed) {
    const why = 'cannot set Complete=True and Failed=true conditions'
    errors.push(invalidWithoutValue(CONDITIONS, why))
  }
  const hasTarget = hasCondition(status, 'FailureTarget')
  const targetChanged = hasTarget !== hasCondition(old, 'FailureTarget')
  if ((completeChanged || targetChanged) && isComplete && hasTarget) {
    const why = 'cannot set Complete=True and FailureTarget=true conditions'
    errors.push(invalidWithoutValue(CONDITIONS, why))
  }
}

const checkTimes = (errors: FieldError[], transition: Transition): void => {
  const { status, isComplete, completeChanged, changed } = transition
  const { startTime, completionTime } = status
  const path = 'status.completionTime'
  if (completeChanged || changed('completionTime')) {
    if (completionTime && !isComplete) {
      const why = 'cannot set completionTime when there is no Complete=True condition'
      errors.push(invalidField(path, completionTime, why))
    }
    if (!completionTime && isComplete) {
      errors.push(requiredField(path, 'completionTime is required for Complete jobs'))
    }
  }
  const isBackwards =
    startTime && completionTime && Date.parse(completionTime) < Date.parse(startTime)
  if (changed('startTime', 'completionTime') && isBackwards) {
    const why = 'must be equal to or after `startTime`'
    errors.push(invalidField(path, completionTime, why))
  }
}

const checkFailureReasons = (errors: FieldError[], transition: Transition): void => {
  const { status, old, isComplete, isFailed, completeChanged, changed } = transition
  const failedChanged = isFailed !== hasCondition(old, 'Failed') || changed('failedIndexes')
  if (failedChanged && isFailed && !hasCondition(status, 'FailureTarget')) {
    const why = 'cannot set Failed=True condition without the FailureTarget=true condition'
    errors.push(invalidWithoutValue(CONDITIONS, why))
  }
  const isMet = hasCondition(status, 'SuccessCriteriaMet')
  const metChanged = isMet !== hasCondition(old, 'SuccessCriteriaMet')
  if ((completeChanged || metChanged) && isComplete && !isMet) {
    const why = 'cannot set Complete=True condition without the SuccessCriteriaMet=true condition'
    errors.push(invalidWithoutValue(CONDITIONS, why))
  }
}

const checkFinished = (errors: FieldError[], transition: Transition): void => {
  const { spec, status, isFinished: finished, finishedChanged, changed } = transition
  if (!finished) return
  const { active = 0, startTime, uncountedTerminatedPods: uncounted } = status
  if ((finishedChanged || changed('active')) && active > 0) {
    errors.push(invalidField('status.active', active, 'active>0 is invalid for finished job'))
  }
  const isNeverStarted = spec.suspend === true && spec.completions === 0
  if ((finishedChanged || changed('startTime')) && !isNeverStarted && !startTime) {
    errors.push(requiredField('status.startTime', 'startTime is required for finished job'))
  }
  const count = (uncounted?.failed?.length ?? 0) + (uncounted?.succeeded?.length ?? 0)
  if ((finishedChanged || changed('uncountedTerminatedPods')) && count > 0) {
    const why = 'must be empty for finished job'
    errors.push(invalidField('status.uncountedTerminatedPods', uncounted, why))
  }
}

const checkIndexes = (errors: FieldError[], transition: Transition): void => {
  const { spec, status, isFinished: finished, finishedChanged, changed } = transition
  const { completedIndexes = '', failedIndexes } = status
  const { completions, backoffLimitPerIndex } = spec
  const completedChanged = changed('completedIndexes')
  const failedChanged = changed('failedIndexes')
  if (completedChanged && completions != null) {
    checkIndexList(errors, 'completedIndexes', completedIndexes, completions)
  }
  if (failedChanged && completions != null && backoffLimitPerIndex != null) {
    checkIndexList(errors, 'failedIndexes', failedIndexes ?? '', completions)
  }
  if (completedChanged && completedIndexes !== '' && spec.completionMode !== 'Indexed') {
    const why = 'cannot set non-empty completedIndexes when non-indexed completion mode'
    errors.push(invalidField('status.completedIndexes', completedIndexes, why))
  }
  if (failedChanged && backoffLimitPerIndex == null && failedIndexes != null) {
    const why = 'cannot set non-null failedIndexes when backoffLimitPerIndex is null'
    errors.push(invalidField('status.failedIndexes', failedIndexes, why))
  }
  if ((failedChanged || completedChanged) && completions != null && failedIndexes != null) {
    const shared = sharedIndex(completedIndexes, failedIndexes, completions)
    if (shared !== undefined) {
      const why = `failedIndexes and completedIndexes overlap at index: ${shared}`
      errors.push(invalidField('status.failedIndexes', failedIndexes, why))
    }
  }
  const { terminating = 0, ready = 0, active = 0 } = status
  if ((finishedChanged || changed('terminating')) && terminating > 0 && finished) {
    const why = 'terminating>0 is invalid for finished job'
    errors.push(invalidField('status.terminating', terminating, why))
  }
  if (changed('ready', 'active') && ready > active) {
    errors.push(invalidField('status.ready', ready, 'cannot set more ready pods than active'))
  }
}

const checkIndexList = (
  errors: FieldError[],
  field: 'completedIndexes' | 'failedIndexes',
  text: string,
  completions: number,
): void => {
  try {
    parseIndexes(text, completions)
  } catch (error) {
    if (!(error instanceof IndexError)) throw error
    errors.push(invalidField(`status.${field}`, text, `error parsing ${field}: ${error.message}`))
  }
}

const checkSuccessCriteria = (errors: FieldError[], transition: Transition): void => {
  const { spec, status, isComplete, isFailed } = transition
  const isMet = hasCondition(status, 'SuccessCriteriaMet')
  if (isMet && isFailed) {
    const why = 'cannot set SuccessCriteriaMet=True and Failed=true conditions'
    errors.push(invalidWithoutValue(CONDITIONS, why))
  }
  if (isMet && hasCondition(status, 'FailureTarget')) {
    const why = 'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions'
    errors.push(invalidWithoutValue(CONDITIONS, why))
  }
  if (spec.successPolicy && !isMet && isComplete) {
    const why = 'cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True'
    errors.push(invalidWithoutValue(CONDITIONS, why))
  }
}

/** Its controller notes a start anew after the user has lifted the suspension. */
const isResuming = (status: JobStatus, old: JobStatus): boolean =>
  hasCondition(old, 'Suspended') &&
  (status.conditions ?? []).some(({ type, status }) => type === 'Suspended' && status === 'False')

/** What was reached is not taken back. */
const checkProgress = (errors: FieldError[], transition: Transition): void => {
  const { spec, status, old, changed } = transition
  for (const type of ['Failed', 'Complete', 'FailureTarget']) {
    if (!hasCondition(old, type) || hasCondition(status, type)) continue
    const why = `cannot disable the terminal ${type}=True condition`
    errors.push(invalidWithoutValue(CONDITIONS, why))
  }
  const { failed = 0, succeeded = 0, completionTime } = status
  if (failed < (old.failed ?? 0)) {
    errors.push(invalidField('status.failed', failed, 'cannot decrease the failed counter'))
  }
  /** An indexed Job that runs all its indexes at once may shrink. */
  const mayShrink = spec.completionMode === 'Indexed' && spec.completions === spec.parallelism
  if (!mayShrink && succeeded < (old.succeeded ?? 0)) {
    const why = 'cannot decrease the succeeded counter'
    errors.push(invalidField('status.succeeded', succeeded, why))
  }
  if (completionTime && old.completionTime && completionTime !== old.completionTime) {
    errors.push(invalidField('status.completionTime', completionTime, FIELD_IMMUTABLE))
  }
  if (old.startTime && changed('startTime') && !spec.suspend && !isResuming(status, old)) {
    const why = 'field is immutable for unsuspended job once set'
    errors.push(invalidField('status.startTime', status.startTime ?? null, why))
  }
  const wasMet = hasCondition(old, 'SuccessCriteriaMet')
  const isMet = hasCondition(status, 'SuccessCriteriaMet')
  if (wasMet && !isMet) {
    const why = 'cannot disable the SuccessCriteriaMet=True condition'
    errors.push(invalidWithoutValue(CONDITIONS, why))
  }
  if (hasCondition(old, 'Complete') && !wasMet && isMet) {
    const why = 'cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions'
    errors.push(invalidWithoutValue(CONDITIONS, why))
  }
}
