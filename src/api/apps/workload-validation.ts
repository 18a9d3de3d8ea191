/**
 * What workloads share: replicas, selector, template, shares of their pods, and counts in their status.
 *
 * Paths and wording follow Kubernetes 1.36 (`pkg/apis/apps/validation`).
 */
import type { V1LabelSelector } from '@kubernetes/client-node'
import { checkLabelSelector, checkNonNegative, FIELD_IMMUTABLE } from '../core/field-rules.ts'
import type { PodTemplate } from '../core/pod-spec-defaults.ts'
import { checkPodTemplate } from '../core/pod-spec-validation.ts'
import { deepEqual } from '../equality.ts'
import { percentErrors } from '../names.ts'
import { type LabelSelector, labelSelectorOf, matchesLabels } from '../selector.ts'
import {
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  StatusError,
  unsupportedField,
} from '../status-error.ts'

interface WorkloadSpec {
  selector?: V1LabelSelector
  template?: PodTemplate
}

/** Selector and template belong together: pods made from the one must be found by the other. */
export const checkSelectorAndTemplate = (
  errors: FieldError[],
  { selector, template }: WorkloadSpec,
  kind: string,
): void => {
  const path = 'spec.selector'
  if (!selector) errors.push(requiredField(path))
  else {
    checkLabelSelector(errors, path, selector)
    const size =
      Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions?.length ?? 0)
    if (size === 0) {
      errors.push(invalidField(path, selector, 'empty selector is invalid for deployment'))
    }
  }
  const compiled = compiledSelector(selector)
  if (!compiled) {
    errors.push(invalidField(path, selector, 'invalid label selector'))
    return
  }
  checkTemplateLabels(errors, 'spec.template', compiled, template?.metadata?.labels)
  checkTemplate(errors, template, kind)
}

/** Go prints maps with sorted keys. */
export const sortKeys = (labels: { [key: string]: string } | undefined): unknown =>
  labels ? Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))) : null

const checkTemplate = (
  errors: FieldError[],
  template: PodTemplate | undefined,
  kind: string,
): void => {
  checkPodTemplate(errors, 'spec.template', template ?? {})
  checkLongRunning(errors, 'spec.template.spec', template, kind)
}

/** Pods of such workloads are started again for ever. */
export const checkLongRunning = (
  errors: FieldError[],
  path: string,
  template: PodTemplate | undefined,
  kind: string,
): void => {
  const spec = template?.spec
  if (spec?.restartPolicy !== 'Always') {
    errors.push(unsupportedField(`${path}.restartPolicy`, spec?.restartPolicy ?? '', ['Always']))
  }
  if (spec?.activeDeadlineSeconds == null) return
  const why = `activeDeadlineSeconds in ${kind} is not Supported`
  errors.push(forbiddenField(`${path}.activeDeadlineSeconds`, why))
}

/** The labels of the template must be those the selector looks for; an absent selector finds nothing. */
export const checkTemplateLabels = (
  errors: FieldError[],
  path: string,
  selector: LabelSelector,
  labels: { [key: string]: string } | undefined,
): void => {
  if (matchesLabels(selector, labels)) return
  const why = '`selector` does not match template `labels`'
  errors.push(invalidField(`${path}.metadata.labels`, sortKeys(labels), why))
}

/** The selector ready to match; undefined when it cannot be one. */
export const compiledSelector = (
  selector: V1LabelSelector | undefined,
): LabelSelector | undefined => {
  try {
    return labelSelectorOf(selector)
  } catch (error) {
    if (error instanceof StatusError) return undefined
    throw error
  }
}

/** A count of pods or a percentage of them. */
export type Share = number | string

export const checkShare = (errors: FieldError[], path: string, share: Share): void => {
  if (typeof share === 'number') checkNonNegative(errors, path, share)
  else for (const fault of percentErrors(share)) errors.push(invalidField(path, share, fault))
}

/** A percentage is at most 100; a count may be anything. */
export const checkAtMostWhole = (errors: FieldError[], path: string, share: Share): void => {
  if (typeof share === 'number' || amountOf(share) <= 100) return
  errors.push(invalidField(path, share, 'must not be greater than 100%'))
}

/** The number in a share, whatever its unit. */
export const amountOf = (share: Share): number =>
  typeof share === 'number' ? share : /^\d+%?$/.test(share) ? Number.parseInt(share, 10) : 0

export const checkSameSelector = (
  errors: FieldError[],
  selector: V1LabelSelector | undefined,
  old: V1LabelSelector | undefined,
): void => {
  if (deepEqual(selector, old)) return
  errors.push(invalidField('spec.selector', selector ?? null, FIELD_IMMUTABLE))
}

/** Counts are never negative; those in `parts` never exceed `replicas`, nor available ones ready ones. */
export const checkCounts = <Status extends object>(
  errors: FieldError[],
  status: Status,
  counts: readonly (keyof Status & string)[],
  parts: readonly (keyof Status & string)[],
  readyPath = 'readyReplicas',
): void => {
  const read = (field: string) => countOf(status, field)
  for (const field of counts) checkNonNegative(errors, `status.${field}`, read(field))
  for (const field of parts) {
    if (read(field) <= read('replicas')) continue
    const why = 'cannot be greater than status.replicas'
    errors.push(invalidField(`status.${field}`, read(field), why))
  }
  const available = read('availableReplicas')
  if (available <= read('readyReplicas')) return
  const why = `cannot be greater than ${readyPath}`
  errors.push(invalidField('status.availableReplicas', available, why))
}

/** Collisions of names are counted upwards only. */
export const checkCollisions = (
  errors: FieldError[],
  status: { collisionCount?: number } | undefined,
  old: { collisionCount?: number } | undefined,
): void => {
  const collisions = status?.collisionCount ?? 0
  if (collisions >= (old?.collisionCount ?? 0)) return
  errors.push(invalidField('status.collisionCount', collisions, 'cannot be decremented'))
}

const countOf = (status: object, field: string): number =>
  ((status as Record<string, unknown>)[field] as number | undefined) ?? 0
