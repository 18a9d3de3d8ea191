/**
 * ConfigMap: configuration by key, as text or bytes, for containers to read.
 *
 * One MiB at most. Once `immutable` is true, neither that nor the data can change.
 */
import type { V1ConfigMap } from '@kubernetes/client-node'
import { deepEqual } from '../equality.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { configKeyErrors } from '../names.ts'
import { type FieldError, forbiddenField, invalidField, tooLongField } from '../status-error.ts'
import { ageColumn, column, nameColumn } from './columns.ts'
import { base64Length } from './secret.ts'

export type ConfigMap = WireObject<V1ConfigMap>

const MAX_BYTES = 1024 * 1024
const IMMUTABLE = 'field is immutable when `immutable` is set'

const validate = ({ data, binaryData }: ConfigMap): FieldError[] => {
  const errors: FieldError[] = []
  let bytes = 0
  for (const key in data) {
    for (const fault of configKeyErrors(key)) {
      errors.push(invalidField(`data[${key}]`, key, fault))
    }
    if (binaryData && key in binaryData) {
      const why = 'duplicate of key present in binaryData'
      errors.push(invalidField(`data[${key}]`, key, why))
    }
    bytes += Buffer.byteLength(data[key]!)
  }
  for (const key in binaryData) {
    for (const fault of configKeyErrors(key)) {
      errors.push(invalidField(`binaryData[${key}]`, key, fault))
    }
    bytes += base64Length(binaryData[key]!)
  }
  // The path is empty in Kubernetes too, and an empty path prints as one pair of brackets.
  if (bytes > MAX_BYTES) errors.push(tooLongField('[]', MAX_BYTES))
  return errors
}

const validateUpdate = (configMap: ConfigMap, old: ConfigMap): FieldError[] => {
  const errors: FieldError[] = []
  if (!old.immutable) return errors
  if (!configMap.immutable) errors.push(forbiddenField('immutable', IMMUTABLE))
  for (const field of ['data', 'binaryData'] as const) {
    if (deepEqual(configMap[field] ?? {}, old[field] ?? {})) continue
    errors.push(forbiddenField(field, IMMUTABLE))
  }
  return errors
}

export const ConfigMap = defineKind<ConfigMap>({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  singular: 'configmap',
  shortNames: ['cm'],
  namespaced: true,
  model: 'V1ConfigMap',
  validate,
  validateUpdate,
  columns: [
    nameColumn,
    column(
      'Data',
      'Number of keys.',
      ({ data, binaryData }) =>
        Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length,
    ),
    ageColumn,
  ],
})
