/**
 * What Deployment and ReplicaSet share: replicas, selector, template, and counts in their status.
 *
 * Paths and wording follow Kubernetes 1.36 (`pkg/apis/apps/validation`).
 */
import type { V1LabelSelector } from '@kubernetes/client-node'
import { checkLabelSelector, checkNonNegative, FIELD_IMMUTABLE } from '../core/field-rules.ts'
import type { PodTemplate } from '../core/pod-spec-defaults.ts'
import { checkPodTemplate } from '../core/pod-spec-validation.ts'
import { deepEqual } from '../equality.ts'
import { labelSelectorOf, matchesLabels } from '../selector.ts'
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
  try {
    const compiled = labelSelectorOf(selector)
    const labels = template?.metadata?.labels
    if (selector && compiled.length > 0 && !matchesLabels(compiled, labels)) {
      const why = '`selector` does not match template `labels`'
      errors.push(invalidField('spec.template.metadata.labels', sortKeys(labels), why))
    }
    checkTemplate(errors, template, kind)
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    errors.push(invalidField(path, selector, 'invalid label selector'))
  }
}

/** Go prints maps with sorted keys. */
const sortKeys = (labels: { [key: string]: string } | undefined): unknown =>
  labels ? Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))) : null

const checkTemplate = (
  errors: FieldError[],
  template: PodTemplate | undefined,
  kind: string,
): void => {
  checkPodTemplate(errors, 'spec.template', template ?? {})
  const spec = template?.spec
  const path = 'spec.template.spec'
  if (spec?.restartPolicy !== 'Always') {
    errors.push(unsupportedField(`${path}.restartPolicy`, spec?.restartPolicy ?? '', ['Always']))
  }
  if (spec?.activeDeadlineSeconds == null) return
  const why = `activeDeadlineSeconds in ${kind} is not Supported`
  errors.push(forbiddenField(`${path}.activeDeadlineSeconds`, why))
}

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
): void => {
  const read = (field: string) => ((status as Record<string, unknown>)[field] as number) ?? 0
  for (const field of counts) checkNonNegative(errors, `status.${field}`, read(field))
  for (const field of parts) {
    if (read(field) <= read('replicas')) continue
    const why = 'cannot be greater than status.replicas'
    errors.push(invalidField(`status.${field}`, read(field), why))
  }
  const available = read('availableReplicas')
  if (available <= read('readyReplicas')) return
  const why = 'cannot be greater than readyReplicas'
  errors.push(invalidField('status.availableReplicas', available, why))
}
