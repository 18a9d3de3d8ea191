/**
 * StorageClass: how volumes of one sort are made, by which provisioner and where.
 *
 * What makes a volume never changes afterwards; whether volumes may grow, and mount options, may.
 */
import type { V1StorageClass, V1TopologySelectorTerm } from '@kubernetes/client-node'
import { ageColumn, column } from '../core/columns.ts'
import { checkQualifiedName, checkUnchanged, isOneOf } from '../core/field-rules.ts'
import { labelDeprecation } from '../core/warning-rules.ts'
import { type Column, defineKind } from '../kind.ts'
import type { ObjectMeta, Wire, WireObject } from '../meta.ts'
import { duplicateField, type FieldError, requiredField } from '../status-error.ts'
import { checkParameters, checkProvisioner } from './class-validation.ts'

export type StorageClass = WireObject<V1StorageClass>

const RECLAIM_POLICIES = ['Delete', 'Retain']
const BINDING_MODES = ['Immediate', 'WaitForFirstConsumer']
const DEFAULT_MARKS = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
]

/** Whether claims that name no class get this one. */
export const isDefaultStorageClass = ({ annotations }: Pick<ObjectMeta, 'annotations'>): boolean =>
  DEFAULT_MARKS.some((mark) => annotations?.[mark] === 'true')

const validate = (storageClass: StorageClass): FieldError[] => {
  const errors: FieldError[] = []
  checkProvisioner(errors, 'provisioner', storageClass.provisioner)
  checkParameters(errors, storageClass.parameters, { allowEmpty: true })
  const { reclaimPolicy, volumeBindingMode } = storageClass
  if (reclaimPolicy) isOneOf(errors, 'reclaimPolicy', reclaimPolicy, RECLAIM_POLICIES)
  if (volumeBindingMode == null) errors.push(requiredField('volumeBindingMode'))
  else isOneOf(errors, 'volumeBindingMode', volumeBindingMode, BINDING_MODES)
  checkTopologies(errors, storageClass.allowedTopologies ?? [])
  return errors
}

const checkTopologies = (errors: FieldError[], terms: Wire<V1TopologySelectorTerm>[]): void => {
  // Kubernetes compares with as many empty terms as there are terms.
  const seen = terms.map(() => '[]')
  for (const [index, term] of terms.entries()) {
    const at = `allowedTopologies[${index}]`
    const known = checkTopologyTerm(errors, `${at}.matchLabelExpressions`, term)
    for (const other of seen) {
      if (other === known) errors.push(duplicateField(`${at}.matchLabelExpressions`, ''))
    }
    seen.push(known)
  }
}

/** Returns a text that is equal for equal terms. */
const checkTopologyTerm = (
  errors: FieldError[],
  path: string,
  { matchLabelExpressions = [] }: Wire<V1TopologySelectorTerm>,
): string => {
  const expressions = new Map<string, string[]>()
  for (const [index, { key, values = [] }] of matchLabelExpressions.entries()) {
    const at = `${path}[${index}]`
    if (values.length === 0) errors.push(requiredField(`${at}.values`))
    for (const [position, value] of values.entries()) {
      if (values.indexOf(value) === position) continue
      errors.push(duplicateField(`${at}.values[${position}]`, value))
    }
    checkQualifiedName(errors, `${at}.key`, key ?? '')
    if (expressions.has(key)) errors.push(duplicateField(`${at}.key`, key))
    expressions.set(key, [...new Set(values)].sort())
  }
  return JSON.stringify([...expressions].sort(([one], [other]) => (one < other ? -1 : 1)))
}

const validateUpdate = (storageClass: StorageClass, old: StorageClass): FieldError[] => {
  const errors: FieldError[] = []
  for (const field of [
    'parameters',
    'provisioner',
    'reclaimPolicy',
    'volumeBindingMode',
  ] as const) {
    checkUnchanged(errors, field, storageClass[field], old[field])
  }
  return errors
}

const nameCell: Column<StorageClass> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name of the class, and whether it is the default one.',
  priority: 0,
  value: ({ metadata }) =>
    isDefaultStorageClass(metadata) ? `${metadata.name} (default)` : metadata.name,
}

export const StorageClass = defineKind<StorageClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  singular: 'storageclass',
  shortNames: ['sc'],
  namespaced: false,
  model: 'V1StorageClass',
  applyDefaults: (storageClass) => {
    storageClass.reclaimPolicy ??= 'Delete'
    storageClass.volumeBindingMode ??= 'Immediate'
  },
  validate,
  validateUpdate,
  warnings: ({ allowedTopologies = [] }) =>
    allowedTopologies.flatMap(({ matchLabelExpressions = [] }, index) =>
      matchLabelExpressions.flatMap(({ key }, position) => {
        const why = labelDeprecation(key)
        const path = `allowedTopologies[${index}].matchLabelExpressions[${position}].key`
        return why ? [`${path}: ${why}`] : []
      }),
    ),
  columns: [
    nameCell,
    column('Provisioner', 'What makes the volumes.', ({ provisioner }) => provisioner),
    column('ReclaimPolicy', 'What becomes of a volume without a claim.', ({ reclaimPolicy }) => {
      return reclaimPolicy ?? 'Delete'
    }),
    column('VolumeBindingMode', 'When a volume is made and bound.', ({ volumeBindingMode }) => {
      return volumeBindingMode ?? 'Immediate'
    }),
    column('AllowVolumeExpansion', 'Whether volumes may grow.', ({ allowVolumeExpansion }) => {
      return allowVolumeExpansion ?? false
    }),
    ageColumn,
  ],
})
