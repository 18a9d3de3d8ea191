/**
 * CSINode: the volume drivers that run on a node; it has the node's name.
 *
 * Each kubelet writes its own. A driver's entry may come and go, and its room may change; the rest of it not.
 */
import type { V1CSINode, V1CSINodeDriver } from '@kubernetes/client-node'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import {
  checkCsiDriverName,
  checkNonNegative,
  checkQualifiedName,
  checkUnchanged,
} from '../core/field-rules.ts'
import { defineKind } from '../kind.ts'
import type { Wire, WireObject } from '../meta.ts'
import { duplicateField, type FieldError, invalidField, requiredField } from '../status-error.ts'

export type CSINode = WireObject<V1CSINode>

type Driver = Wire<V1CSINodeDriver>

const NODE_ID_MAX = 256

const validate = ({ spec }: CSINode): FieldError[] => {
  const errors: FieldError[] = []
  const names = new Set<string>()
  for (const [index, driver] of (spec?.drivers ?? []).entries()) {
    checkDriver(errors, `spec.drivers[${index}]`, driver, names)
  }
  return errors
}

const checkDriver = (
  errors: FieldError[],
  at: string,
  { name, nodeID = '', allocatable, topologyKeys = [] }: Driver,
  names: Set<string>,
): void => {
  checkCsiDriverName(errors, `${at}.name`, name)
  if (!nodeID) errors.push(requiredField(`${at}.nodeID`))
  if (Buffer.byteLength(nodeID) > NODE_ID_MAX) {
    const why = `must be ${NODE_ID_MAX} characters or less`
    errors.push(invalidField(`${at}.nodeID`, nodeID, why))
  }
  checkNonNegative(errors, `${at}.allocatable.count`, allocatable?.count)
  if (names.has(name)) errors.push(duplicateField(`${at}.name`, name))
  names.add(name)
  const keys = new Set<string>()
  for (const key of topologyKeys) {
    if (!key) errors.push(requiredField(at))
    if (keys.has(key)) errors.push(duplicateField(at, key))
    keys.add(key)
    checkQualifiedName(errors, at, key)
  }
}

const withoutRoom = ({ allocatable: _, ...driver }: Driver): Omit<Driver, 'allocatable'> => driver

const validateUpdate = (node: CSINode, old: CSINode): FieldError[] => {
  const errors: FieldError[] = []
  for (const before of old.spec?.drivers ?? []) {
    const after = node.spec?.drivers?.find(({ name }) => name === before.name)
    if (!after) continue
    const [now, last] = [withoutRoom(after), withoutRoom(before)]
    checkUnchanged(errors, 'spec.drivers', now, last, 'storage.CSINodeDriver')
  }
  return errors
}

export const CSINode = defineKind<CSINode>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSINode',
  plural: 'csinodes',
  singular: 'csinode',
  namespaced: false,
  model: 'V1CSINode',
  applyDefaults: (node) => {
    node.spec ??= { drivers: [] }
  },
  validate,
  validateUpdate,
  columns: [
    nameColumn,
    column(
      'Drivers',
      'How many volume drivers run there.',
      ({ spec }) => {
        return spec?.drivers?.length ?? 0
      },
      'integer',
    ),
    ageColumn,
  ],
})
