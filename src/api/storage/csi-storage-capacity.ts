/**
 * CSIStorageCapacity: how much room a driver has for one class in one part of the cluster.
 *
 * A driver writes it and the scheduler reads it. Which class and which nodes it is about never changes.
 */
import type { V1CSIStorageCapacity } from '@kubernetes/client-node'
import { createdAtColumn, nameColumn } from '../core/columns.ts'
import {
  checkDnsSubdomain,
  checkLabelSelector,
  checkNonNegativeQuantity,
  checkUnchanged,
} from '../core/field-rules.ts'
import { labelDeprecation, termWarnings } from '../core/warning-rules.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import type { FieldError } from '../status-error.ts'

export type CSIStorageCapacity = WireObject<V1CSIStorageCapacity>

const validate = (capacity: CSIStorageCapacity): FieldError[] => {
  const errors: FieldError[] = []
  checkLabelSelector(errors, 'nodeTopology', capacity.nodeTopology)
  checkDnsSubdomain(errors, 'storageClassName', capacity.storageClassName ?? '')
  checkNonNegativeQuantity(errors, 'capacity', capacity.capacity)
  return errors
}

const validateUpdate = (capacity: CSIStorageCapacity, old: CSIStorageCapacity): FieldError[] => {
  const errors: FieldError[] = []
  checkUnchanged(errors, 'nodeTopology', capacity.nodeTopology, old.nodeTopology)
  checkUnchanged(errors, 'storageClassName', capacity.storageClassName, old.storageClassName)
  return errors
}

const warnings = ({ nodeTopology }: CSIStorageCapacity): string[] => {
  const { matchExpressions, matchLabels = {} } = nodeTopology ?? {}
  const found = termWarnings('nodeTopology', matchExpressions ? { matchExpressions } : {})
  for (const label in matchLabels) {
    const why = labelDeprecation(label)
    if (why) found.push(`nodeTopology.matchLabels.${label}: ${why}`)
  }
  return found
}

export const CSIStorageCapacity = defineKind<CSIStorageCapacity>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIStorageCapacity',
  plural: 'csistoragecapacities',
  singular: 'csistoragecapacity',
  namespaced: true,
  model: 'V1CSIStorageCapacity',
  validate,
  validateUpdate,
  warnings,
  columns: [nameColumn, createdAtColumn],
})
