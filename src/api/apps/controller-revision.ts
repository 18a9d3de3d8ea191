/**
 * ControllerRevision: a state of a StatefulSet's or DaemonSet's template, kept to go back to.
 *
 * The data never changes; which number it has may. What the data means is its controller's business.
 */
import type { V1ControllerRevision } from '@kubernetes/client-node'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { checkNonNegative, FIELD_IMMUTABLE } from '../core/field-rules.ts'
import { deepEqual } from '../equality.ts'
import { defineKind } from '../kind.ts'
import { controllerOf, type WireObject } from '../meta.ts'
import { type FieldError, invalidField, requiredField } from '../status-error.ts'

export type ControllerRevision = WireObject<V1ControllerRevision>

const validate = ({ data, revision }: ControllerRevision): FieldError[] => {
  const errors: FieldError[] = []
  checkNonNegative(errors, 'revision', revision)
  if (data == null) errors.push(requiredField('data', 'data is mandatory'))
  else if (typeof data !== 'object' || Array.isArray(data)) {
    errors.push(requiredField('data', 'data must be a valid JSON object'))
  }
  return errors
}

/** `statefulset.apps/web`. */
const controllerName = (revision: ControllerRevision): string => {
  const controller = controllerOf(revision)
  if (!controller) return '<none>'
  const slash = controller.apiVersion.indexOf('/')
  const group = slash < 0 ? '' : `.${controller.apiVersion.slice(0, slash)}`
  return `${`${controller.kind}${group}`.toLowerCase()}/${controller.name}`
}

export const ControllerRevision = defineKind<ControllerRevision>({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  singular: 'controllerrevision',
  namespaced: true,
  model: 'V1ControllerRevision',
  applyDefaults: (revision) => {
    revision.revision ??= 0
  },
  validate,
  validateUpdate: ({ data }, old) =>
    deepEqual(data, old.data) ? [] : [invalidField('data', data ?? null, FIELD_IMMUTABLE)],
  columns: [
    nameColumn,
    column('Controller', 'Whose state it is.', controllerName),
    column('Revision', 'Its number; the newest is the highest.', ({ revision }) => revision),
    ageColumn,
  ],
})
