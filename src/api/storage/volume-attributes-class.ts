/**
 * VolumeAttributesClass: properties of volumes that may be changed while the volume lives.
 *
 * The class itself never changes: a claim that names another class changes its volume.
 */
import type { V1VolumeAttributesClass } from '@kubernetes/client-node'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { deepEqual } from '../equality.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { type FieldError, forbiddenField } from '../status-error.ts'
import { checkParameters, checkProvisioner } from './class-validation.ts'

export type VolumeAttributesClass = WireObject<V1VolumeAttributesClass>

const validate = (attributes: VolumeAttributesClass): FieldError[] => {
  const errors: FieldError[] = []
  checkProvisioner(errors, 'driverName', attributes.driverName)
  checkParameters(errors, attributes.parameters, { allowEmpty: false })
  return errors
}

const validateUpdate = (
  attributes: VolumeAttributesClass,
  old: VolumeAttributesClass,
): FieldError[] => {
  const errors: FieldError[] = []
  for (const field of ['driverName', 'parameters'] as const) {
    if (deepEqual(attributes[field], old[field])) continue
    errors.push(forbiddenField(field, `updates to ${field} are forbidden.`))
  }
  return errors
}

export const VolumeAttributesClass = defineKind<VolumeAttributesClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttributesClass',
  plural: 'volumeattributesclasses',
  singular: 'volumeattributesclass',
  shortNames: ['vac'],
  namespaced: false,
  model: 'V1VolumeAttributesClass',
  validate,
  validateUpdate,
  columns: [
    nameColumn,
    column('DriverName', 'Driver that knows the parameters.', ({ driverName }) => driverName),
    ageColumn,
  ],
})
