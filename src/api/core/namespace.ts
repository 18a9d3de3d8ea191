/**
 * Namespace: a scope for names; deleting it deletes everything in it.
 *
 * Its life ends with a finalizer in `spec`, which the namespace controller removes through the `finalize`
 * subresource when the content is gone; a plain update never changes it.
 */

import type { V1Namespace } from '@kubernetes/client-node'
import { carryField } from '../carry-field.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { qualifiedNameErrors } from '../names.ts'
import { type FieldError, invalidField } from '../status-error.ts'
import { ageColumn, column, nameColumn } from './columns.ts'

export type Namespace = WireObject<V1Namespace>

const KUBERNETES_FINALIZER = 'kubernetes'
const NAME_LABEL = 'kubernetes.io/metadata.name'
const STANDARD_FINALIZERS = new Set([KUBERNETES_FINALIZER, 'orphan', 'foregroundDeletion'])

/** Lets selectors find a namespace by its name. */
const labelWithName = ({ metadata }: Namespace): void => {
  if (metadata.name) metadata.labels = { ...metadata.labels, [NAME_LABEL]: metadata.name }
}

const validate = (namespace: Namespace): FieldError[] => {
  const errors: FieldError[] = []
  for (const finalizer of namespace.spec?.finalizers ?? []) {
    for (const fault of qualifiedNameErrors(finalizer)) {
      errors.push(invalidField('spec.finalizers', finalizer, fault))
    }
    if (finalizer.includes('/') || STANDARD_FINALIZERS.has(finalizer)) continue
    const why = 'name is neither a standard finalizer name nor is it fully qualified'
    errors.push(invalidField('spec.finalizers', finalizer, why))
  }
  return errors
}

const validateStatusUpdate = ({ metadata, status }: Namespace): FieldError[] => {
  const phase = status?.phase ?? ''
  const deleted = metadata.deletionTimestamp != null
  if (phase === (deleted ? 'Terminating' : 'Active')) return []
  const why = deleted
    ? "may only be 'Terminating' if `deletionTimestamp` is not empty"
    : "may only be 'Active' if `deletionTimestamp` is empty"
  return [invalidField('status.Phase', phase, why)]
}

export const Namespace = defineKind<Namespace>({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  namespaced: false,
  model: 'V1Namespace',
  statusSubresource: true,
  nameRule: 'dns1123Label',
  applyDefaults: (namespace) => {
    labelWithName(namespace)
    namespace.spec ??= {}
    namespace.status ??= {}
    namespace.status.phase ||= 'Active'
  },
  prepareForCreate: (namespace) => {
    namespace.status = { phase: 'Active' }
    const finalizers = namespace.spec?.finalizers ?? []
    if (finalizers.includes(KUBERNETES_FINALIZER)) return
    namespace.spec = { ...namespace.spec, finalizers: [...finalizers, KUBERNETES_FINALIZER] }
  },
  prepareForUpdate: (namespace, old) => {
    namespace.spec ??= {}
    carryField(namespace.spec, old.spec ?? {}, 'finalizers')
    carryField(namespace, old, 'status')
  },
  prepareForStatusUpdate: (namespace, old) => {
    carryField(namespace, old, 'spec')
  },
  validate,
  validateStatusUpdate,
  selectableFields: {
    name: ({ metadata }) => metadata.name,
    'status.phase': ({ status }) => status?.phase ?? '',
  },
  columns: [
    nameColumn,
    column('Status', 'Active, or Terminating while its content is deleted.', ({ status }) => {
      return status?.phase ?? ''
    }),
    ageColumn,
  ],
})
