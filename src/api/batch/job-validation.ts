/**
 * Validation of a Job's spec, alone and as the template of a CronJob, and what of it may change.
 *
 * Order, paths and wording follow Kubernetes 1.36 (`pkg/apis/batch/validation`). Policies and the status have
 * files of their own.
 */
import type { V1JobSpec } from '@kubernetes/client-node'
import { checkTemplateLabels, compiledSelector, sortKeys } from '../apps/workload-validation.ts'
import { checkLabelSelector, checkNonNegative, checkUnchanged } from '../core/field-rules.ts'
import type { PodSpec, PodTemplate } from '../core/pod-spec-defaults.ts'
import { checkPodTemplate } from '../core/pod-spec-validation.ts'
import { deepCopy } from '../equality.ts'
import type { Wire } from '../meta.ts'
import { dns1123LabelErrors, dns1123SubdomainErrors, patternMessage } from '../names.ts'
import { matchesLabels } from '../selector.ts'
import {
  type FieldError,
  invalidField,
  requiredField,
  tooLongField,
  unsupportedField,
} from '../status-error.ts'
import type { Job } from './job.ts'
import { checkPodFailurePolicy, checkSuccessPolicy } from './job-policy-validation.ts'
import { hasCondition } from './job-status-validation.ts'

export type JobSpec = Wire<V1JobSpec>

const COMPLETION_MODES = ['NonIndexed', 'Indexed']
const REPLACEMENT_POLICIES = ['Failed', 'TerminatingOrFailed']
const MAX_INDEXED = 100_000
/** Above this many completions indexes that fail for good are limited. */
const MANY_COMPLETIONS = 100_000
const MAX_WITH_MANY_COMPLETIONS = 10_000
const MAX_MANAGED_BY = 63

const LEGACY_CONTROLLER_UID = 'controller-uid'
const LEGACY_JOB_NAME = 'job-name'
export const CONTROLLER_UID_LABEL = 'batch.kubernetes.io/controller-uid'
export const JOB_NAME_LABEL = 'batch.kubernetes.io/job-name'

/** The labels by which a Job without a selector of its own finds its pods. */
export const generatedLabels = (name: string, uid: string): { [key: string]: string } => ({
  [LEGACY_CONTROLLER_UID]: uid,
  [LEGACY_JOB_NAME]: name,
  [CONTROLLER_UID_LABEL]: uid,
  [JOB_NAME_LABEL]: name,
})

export const validateJob = (job: Job): FieldError[] => {
  const errors: FieldError[] = []
  const spec = job.spec ?? ({} as JobSpec)
  checkGeneratedLabels(errors, job, spec)
  checkSpecWithSelector(errors, spec)
  const { name } = job.metadata
  const last = (spec.completions ?? 0) - 1
  if (spec.completionMode !== 'Indexed' || last < 0) return errors
  const hostname = `${name}-${last}`
  if (dns1123LabelErrors(hostname).length > 0) {
    const why = `will not able to create pod with invalid DNS label: ${hostname}`
    errors.push(invalidField('metadata.name', name, why))
  }
  return errors
}

const checkSpecWithSelector = (errors: FieldError[], spec: JobSpec): void => {
  checkJobSpec(errors, 'spec', spec)
  if (spec.selector) checkLabelSelector(errors, 'spec.selector', spec.selector)
  else errors.push(requiredField('spec.selector'))
  const compiled = compiledSelector(spec.selector)
  if (!compiled) return
  checkTemplateLabels(errors, 'spec.template', compiled, spec.template?.metadata?.labels)
}

const checkGeneratedLabels = (errors: FieldError[], job: Job, spec: JobSpec): void => {
  if (spec.manualSelector || !spec.selector) return
  const { name, uid } = job.metadata
  const labels = spec.template?.metadata?.labels ?? {}
  const expected = generatedLabels(name, uid)
  for (const [key, value] of Object.entries(expected)) {
    const path = `spec.template.metadata.labels[${key}]`
    const why = `must be '${value}'`
    if (labels[key] === undefined) errors.push(requiredField(path, why))
    else if (labels[key] !== value) errors.push(invalidField(path, sortKeys(labels), why))
  }
  const compiled = compiledSelector(spec.selector)
  if (!compiled || matchesLabels(compiled, expected)) return
  errors.push(invalidField('spec.selector', spec.selector, '`selector` not auto-generated'))
}

/** What holds for the spec of a Job and in the template of a CronJob. */
export const checkJobSpec = (errors: FieldError[], path: string, spec: JobSpec): void => {
  for (const field of [
    'parallelism',
    'completions',
    'activeDeadlineSeconds',
    'backoffLimit',
    'ttlSecondsAfterFinished',
    'backoffLimitPerIndex',
    'maxFailedIndexes',
  ] as const) {
    checkNonNegative(errors, `${path}.${field}`, spec[field])
  }
  if (spec.maxFailedIndexes != null && spec.backoffLimitPerIndex == null) {
    const why = 'when maxFailedIndexes is specified'
    errors.push(requiredField(`${path}.backoffLimitPerIndex`, why))
  }
  if (spec.managedBy != null) checkManagedBy(errors, `${path}.managedBy`, spec.managedBy)
  checkCompletionMode(errors, path, spec)
  if (spec.podFailurePolicy) checkPodFailurePolicy(errors, `${path}.podFailurePolicy.rules`, spec)
  if (spec.successPolicy && spec.completionMode !== 'Indexed') {
    const why = 'requires indexed completion mode'
    errors.push(invalidField(`${path}.successPolicy`, spec.successPolicy, why))
  } else if (spec.successPolicy) checkSuccessPolicy(errors, `${path}.successPolicy.rules`, spec)
  checkReplacementPolicy(errors, `${path}.podReplacementPolicy`, spec)
  checkPodTemplate(errors, `${path}.template`, spec.template ?? ({} as PodTemplate))
  checkRestartPolicy(errors, `${path}.template.spec.restartPolicy`, spec)
}

const HTTP_PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"
const httpPath = new RegExp(`^${HTTP_PATH}$`)

const checkManagedBy = (errors: FieldError[], path: string, value: string): void => {
  const slash = value.indexOf('/')
  const [host, rest] = [value.slice(0, slash), value.slice(slash + 1)]
  if (value === '') errors.push(requiredField(path))
  else if (slash < 1 || rest === '') {
    const why = 'must be a domain-prefixed path (such as "acme.io/foo")'
    errors.push(invalidField(path, value, why))
  } else {
    for (const fault of dns1123SubdomainErrors(host)) errors.push(invalidField(path, host, fault))
    if (!httpPath.test(rest)) {
      errors.push(invalidField(path, rest, patternMessage('Invalid path', HTTP_PATH)))
    }
  }
  if (Buffer.byteLength(value) > MAX_MANAGED_BY) errors.push(tooLongField(path, MAX_MANAGED_BY))
}

const checkCompletionMode = (errors: FieldError[], path: string, spec: JobSpec): void => {
  const { completionMode: mode, backoffLimitPerIndex, maxFailedIndexes } = spec
  if (mode != null && !COMPLETION_MODES.includes(mode)) {
    errors.push(unsupportedField(`${path}.completionMode`, mode, COMPLETION_MODES))
  }
  if (mode === 'Indexed') checkIndexed(errors, path, spec)
  if (mode != null && mode !== 'NonIndexed') return
  const why = 'requires indexed completion mode'
  if (backoffLimitPerIndex != null) {
    errors.push(invalidField(`${path}.backoffLimitPerIndex`, backoffLimitPerIndex, why))
  }
  if (maxFailedIndexes != null) {
    errors.push(invalidField(`${path}.maxFailedIndexes`, maxFailedIndexes, why))
  }
}

const checkIndexed = (errors: FieldError[], path: string, spec: JobSpec): void => {
  const { completions, parallelism = 0, maxFailedIndexes: failed } = spec
  const limit = (field: 'parallelism' | 'maxFailedIndexes', value: number, why: string) =>
    errors.push(invalidField(`${path}.${field}`, value, why))
  if (completions == null) {
    errors.push(requiredField(`${path}.completions`, 'when completion mode is Indexed'))
  }
  if (parallelism > MAX_INDEXED) {
    const why = `must be less than or equal to ${MAX_INDEXED} when completion mode is Indexed`
    limit('parallelism', parallelism, why)
  }
  if (completions != null && failed != null && failed > completions) {
    limit('maxFailedIndexes', failed, 'must be less than or equal to completions')
  }
  if (failed != null && failed > MAX_INDEXED) {
    limit('maxFailedIndexes', failed, `must be less than or equal to ${MAX_INDEXED}`)
  }
  if ((completions ?? 0) <= MANY_COMPLETIONS || spec.backoffLimitPerIndex == null) return
  const why = `must be less than or equal to ${MAX_WITH_MANY_COMPLETIONS} when completions are above ${MANY_COMPLETIONS} and used with backoff limit per index`
  if (failed == null) {
    const missing = `must be specified when completions is above ${MANY_COMPLETIONS}`
    errors.push(requiredField(`${path}.maxFailedIndexes`, missing))
  }
  if (parallelism > MAX_WITH_MANY_COMPLETIONS) limit('parallelism', parallelism, why)
  if (failed != null && failed > MAX_WITH_MANY_COMPLETIONS) limit('maxFailedIndexes', failed, why)
}

const checkReplacementPolicy = (errors: FieldError[], path: string, spec: JobSpec): void => {
  const policy = spec.podReplacementPolicy
  if (policy == null) return
  const supported = spec.podFailurePolicy ? ['Failed'] : REPLACEMENT_POLICIES
  if (!supported.includes(policy)) errors.push(unsupportedField(path, policy, supported))
}

const checkRestartPolicy = (errors: FieldError[], path: string, spec: JobSpec): void => {
  const policy = spec.template?.spec?.restartPolicy ?? ''
  if (policy === '' || policy === 'Always') {
    errors.push(requiredField(path, 'valid values: "OnFailure", "Never"'))
  } else if (policy !== 'OnFailure' && policy !== 'Never') {
    errors.push(unsupportedField(path, policy, ['OnFailure', 'Never']))
  } else if (spec.podFailurePolicy && policy !== 'Never') {
    const why = 'only "Never" is supported when podFailurePolicy is specified'
    errors.push(invalidField(path, policy, why))
  }
}

/** Kubernetes reports the faults of the spec twice on an update; once is enough for the same causes. */
export const validateJobUpdate = (job: Job, old: Job): FieldError[] => {
  const errors: FieldError[] = []
  const spec = job.spec ?? ({} as JobSpec)
  const last = old.spec ?? ({} as JobSpec)
  checkCompletionsUpdate(errors, spec, last)
  checkUnchanged(errors, 'spec.selector', spec.selector, last.selector)
  checkTemplateUpdate(errors, spec.template, old)
  for (const field of [
    'completionMode',
    'podFailurePolicy',
    'backoffLimitPerIndex',
    'managedBy',
    'successPolicy',
  ] as const) {
    checkUnchanged(errors, `spec.${field}`, spec[field], last[field], STRUCTS[field])
  }
  return errors
}

/** What these are in Kubernetes. */
const STRUCTS: Readonly<Record<string, string>> = {
  podFailurePolicy: '*batch.PodFailurePolicy',
  successPolicy: '*batch.SuccessPolicy',
}

/** An indexed Job may grow and shrink as long as all its indexes run at once. */
const checkCompletionsUpdate = (errors: FieldError[], spec: JobSpec, old: JobSpec): void => {
  const { completions } = spec
  if (spec.completionMode !== 'Indexed') {
    checkUnchanged(errors, 'spec.completions', completions, old.completions)
  } else if (
    completions != null &&
    completions !== old.completions &&
    completions !== spec.parallelism
  ) {
    const why = 'can only be modified in tandem with spec.parallelism'
    errors.push(invalidField('spec.completions', completions, why))
  }
}

/** While a Job is suspended and nothing of it runs, where its pods go and what they need may change. */
const checkTemplateUpdate = (errors: FieldError[], template: PodTemplate, old: Job): void => {
  const last = old.spec?.template
  const status = old.status ?? {}
  const isIdle = hasCondition(status, 'Suspended') && !status.active
  if (!old.spec?.suspend || !isIdle || !last?.spec || !template?.spec) {
    checkUnchanged(errors, 'spec.template', template, last, 'core.PodTemplateSpec')
    return
  }
  const expected = withSchedulingOf(deepCopy(last.spec), deepCopy(template.spec))
  checkUnchanged(errors, 'spec.template.spec', template.spec, expected, 'core.PodSpec')
}

/** `old`, in place, with everything of `spec` that a suspended Job may change. */
const withSchedulingOf = (old: PodSpec, spec: PodSpec): PodSpec => {
  take(old, spec, ['nodeSelector', 'tolerations', 'schedulingGates'])
  const affinity = { ...old.affinity }
  take(affinity, spec.affinity ?? {}, ['nodeAffinity'])
  if (spec.affinity || Object.keys(affinity).length > 0) old.affinity = affinity
  else delete old.affinity
  for (const list of ['containers', 'initContainers'] as const) {
    if (old[list]?.length !== spec[list]?.length) continue
    for (const [index, container] of (old[list] ?? []).entries()) {
      const next = spec[list]?.[index]
      if (next?.name === container.name) take(container, next, ['resources'])
    }
  }
  return old
}

const take = <T extends object>(to: T, from: T, fields: readonly (keyof T)[]): void => {
  for (const field of fields) {
    if (from[field] === undefined) delete to[field]
    else to[field] = from[field]
  }
}
