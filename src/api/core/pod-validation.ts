/**
 * Validation of a Pod: its create, and what an update may change.
 *
 * Wording follows Kubernetes 1.36 (`ValidatePodCreate`, `ValidatePodUpdate`). A template's rules are in
 * `pod-spec-validation.ts`, those of its subresources in `pod-parts.ts` and `pod-status-validation.ts`.
 */

import { deepCopy, deepEqual } from '../equality.ts'
import { internalValue } from '../internal-struct.ts'
import { rangeMessage } from '../names.ts'
import { type FieldError, forbiddenField, invalidField, requiredField } from '../status-error.ts'
import { checkImageWhitespace } from './container-validation.ts'
import { MAX_INT32 } from './field-rules.ts'
import type { Pod } from './pod.ts'
import type { Container, PodSpec } from './pod-spec-defaults.ts'
import { checkPodAnnotations, checkPodSpec } from './pod-spec-validation.ts'
import { APP_ARMOR_CONTAINER, checkProfilesAgree } from './profile-annotations.ts'
import { checkTolerations } from './scheduling-validation.ts'
import { specDifference } from './spec-difference.ts'

const UPDATABLE = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',')
/** Marks a pod that stands for one a kubelet runs from a file. */
export const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror'

export const validatePod = (pod: Pod, old?: Pod): FieldError[] => {
  const errors: FieldError[] = []
  checkPod(errors, pod)
  if (old) return errors
  if (pod.spec?.ephemeralContainers?.length) {
    errors.push(forbiddenField('spec.ephemeralContainers', 'cannot be set on create'))
  }
  if (pod.spec?.nodeName && pod.spec.schedulingGates?.length) {
    const why = 'cannot be set until all schedulingGates have been cleared'
    errors.push(forbiddenField('spec.nodeName', why))
  }
  checkProfilesAgree(errors, 'spec', pod.metadata.annotations, pod.spec ?? ({} as PodSpec))
  return errors
}

/** A pod by itself, new or changed. */
export const checkPod = (errors: FieldError[], pod: Pod): void => {
  const spec = pod.spec ?? ({} as PodSpec)
  checkPodAnnotations(errors, 'metadata.annotations', pod.metadata.annotations, spec)
  checkPodSpec(errors, 'spec', spec, pod.metadata)
  if (!spec.serviceAccountName) {
    for (const [index, { projected }] of (spec.volumes ?? []).entries()) {
      for (const [position, source] of (projected?.sources ?? []).entries()) {
        if (!source.serviceAccountToken) continue
        const at = `spec.volumes[${index}].projected.sources[${position}].serviceAccountToken`
        const why = 'must not be specified when serviceAccountName is not set'
        errors.push(forbiddenField(at, why))
      }
    }
  }
  for (const field of ['containers', 'initContainers'] as const) {
    for (const [index, { image }] of (spec[field] ?? []).entries()) {
      checkImageWhitespace(errors, `spec.${field}[${index}]`, image)
    }
  }
}

/** What a change may not do; the new pod by itself is checked by `validatePod`. */
export const validatePodUpdate = (pod: Pod, old: Pod): FieldError[] => {
  const errors: FieldError[] = []
  const spec = pod.spec ?? ({} as PodSpec)
  const last = old.spec ?? ({} as PodSpec)
  checkFixedAnnotations(errors, pod, old)
  for (const field of ['containers', 'initContainers'] as const) {
    if (!checkSameContainers(errors, `spec.${field}`, spec[field], last[field])) return errors
  }
  if (!checkDeadline(errors, spec, last)) return errors
  checkAddedTolerations(errors, spec, last)
  checkRemovedGates(errors, spec, last)
  if (deepEqual(spec, last)) return errors
  const frozen = withOldMutableFields(errors, spec, last)
  if (!deepEqual(frozen, last)) {
    const why = `pod updates may not change fields other than ${UPDATABLE}\n${specDifference(last, frozen)}`
    errors.push(forbiddenField('spec', why))
  }
  return errors
}

/** Annotations that say what a pod is are not for later. */
export const checkFixedAnnotations = (errors: FieldError[], pod: Pod, old: Pod): void => {
  const after = pod.metadata.annotations ?? {}
  const before = old.metadata.annotations ?? {}
  if (after === before) return
  const check = (key: string, verb: string) => {
    const what = key === MIRROR_ANNOTATION ? 'mirror pod annotation' : 'AppArmor annotations'
    if (key !== MIRROR_ANNOTATION && !key.startsWith(APP_ARMOR_CONTAINER)) return
    errors.push(forbiddenField(`metadata.annotations[${key}]`, `may not ${verb} ${what}`))
  }
  for (const key in before) if (after[key] !== before[key]) check(key, 'remove or update')
  for (const key in after) if (before[key] === undefined) check(key, 'add')
}

/** False: the lists cannot be compared further. */
const checkSameContainers = (
  errors: FieldError[],
  path: string,
  containers: Container[] = [],
  last: Container[] = [],
): boolean => {
  if (containers.length !== last.length) {
    errors.push(forbiddenField(path, 'pod updates may not add or remove containers'))
    return false
  }
  for (const [index, { image }] of containers.entries()) {
    if (!image) errors.push(requiredField(`${path}[${index}].image`))
    checkImageWhitespace(errors, `${path}[${index}]`, image)
  }
  return true
}

/** A deadline may come and shrink, never grow or go. False: no further checks. */
const checkDeadline = (errors: FieldError[], spec: PodSpec, last: PodSpec): boolean => {
  const at = 'spec.activeDeadlineSeconds'
  const seconds = spec.activeDeadlineSeconds
  const before = last.activeDeadlineSeconds
  if (seconds == null) {
    if (before != null) {
      const why = 'must not update from a positive integer to nil value'
      errors.push(invalidField(at, null, why))
    }
    return true
  }
  if (seconds < 0 || seconds > MAX_INT32) {
    errors.push(invalidField(at, seconds, rangeMessage(0, MAX_INT32)))
    return false
  }
  if (before != null && before < seconds) {
    errors.push(invalidField(at, seconds, 'must be less than or equal to previous value'))
    return false
  }
  return true
}

const checkAddedTolerations = (errors: FieldError[], spec: PodSpec, last: PodSpec): void => {
  const path = 'spec.tolerations'
  for (const old of last.tolerations ?? []) {
    const kept = spec.tolerations?.some((toleration) =>
      deepEqual({ ...old, tolerationSeconds: toleration.tolerationSeconds }, toleration),
    )
    if (kept) continue
    const why = 'existing toleration can not be modified except its tolerationSeconds'
    errors.push(forbiddenField(path, why))
    return
  }
  checkTolerations(errors, path, spec.tolerations)
}

const checkRemovedGates = (errors: FieldError[], spec: PodSpec, last: PodSpec): void => {
  for (const [index, { name }] of (spec.schedulingGates ?? []).entries()) {
    if (last.schedulingGates?.some((gate) => gate.name === name)) continue
    const why = `only deletion is allowed, but found new scheduling gate '${name}'`
    errors.push(forbiddenField(`spec.schedulingGates[${index}].name`, why))
  }
}

/** The new spec with everything that may change put back: what is left must equal the old one. */
const withOldMutableFields = (errors: FieldError[], spec: PodSpec, last: PodSpec): PodSpec => {
  const frozen = deepCopy(spec)
  for (const field of ['containers', 'initContainers'] as const) {
    for (const [index, container] of (frozen[field] ?? []).entries()) {
      container.image = last[field]![index]!.image
    }
  }
  frozen.activeDeadlineSeconds = last.activeDeadlineSeconds
  frozen.schedulingGates = last.schedulingGates
  frozen.tolerations = last.tolerations
  const grace = last.terminationGracePeriodSeconds ?? 0
  if (grace < 0 && frozen.terminationGracePeriodSeconds === 1) {
    frozen.terminationGracePeriodSeconds = grace
  }
  if (last.schedulingGates?.length) narrowGatedPod(errors, frozen, last)
  return frozen
}

/** A gated pod's choice of nodes may still become narrower. */
const narrowGatedPod = (errors: FieldError[], frozen: PodSpec, last: PodSpec): void => {
  for (const [key, value] of Object.entries(last.nodeSelector ?? {})) {
    if (frozen.nodeSelector?.[key] === value) continue
    const why = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)'
    errors.push(invalidField('spec.nodeSelector', frozen.nodeSelector, why))
    break
  }
  frozen.nodeSelector = last.nodeSelector
  const before = last.affinity?.nodeAffinity
  const after = frozen.affinity?.nodeAffinity
  if (deepEqual(before, after)) return
  checkNarrowerAffinity(errors, after, before)
  const { podAffinity, podAntiAffinity } = frozen.affinity ?? {}
  if (!last.affinity && !podAffinity && !podAntiAffinity) frozen.affinity = undefined
  else frozen.affinity = { ...frozen.affinity, nodeAffinity: before }
}

type NodeAffinity = NonNullable<PodSpec['affinity']>['nodeAffinity']

const checkNarrowerAffinity = (
  errors: FieldError[],
  after: NodeAffinity,
  before: NodeAffinity,
): void => {
  const field = 'requiredDuringSchedulingIgnoredDuringExecution'
  const path = `spec.affinity.nodeAffinity.${field}.nodeSelectorTerms`
  const old = before?.[field]?.nodeSelectorTerms ?? []
  const terms = after?.[field]?.nodeSelectorTerms ?? []
  if (old.length > 0 && old.length !== terms.length) {
    const why = 'no additions/deletions to non-empty NodeSelectorTerms list are allowed'
    errors.push(invalidField(path, internalValue('[]core.NodeSelectorTerm', terms), why))
    return
  }
  for (const [index, term] of old.entries()) {
    const wasEmpty = !term.matchExpressions?.length && !term.matchFields?.length
    const grown = (key: 'matchExpressions' | 'matchFields') => {
      const count = term[key]?.length ?? 0
      if (wasEmpty) return !terms[index]?.[key]?.length
      return deepEqual(terms[index]?.[key]?.slice(0, count) ?? [], term[key] ?? [])
    }
    if (grown('matchExpressions') && grown('matchFields')) continue
    const why = 'only additions are allowed (no mutations or deletions)'
    const shown = internalValue('core.NodeSelectorTerm', terms[index])
    errors.push(invalidField(`${path}[${index}]`, shown, why))
  }
}
