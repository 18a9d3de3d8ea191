/**
 * CSINode for the test of every kind.
 */
import { CSINode } from '../../../src/api/storage/csi-node.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: CSINode,
  minimal: {
    metadata: { name: 'node-1' },
    spec: { drivers: [{ name: 'disks.example.com', nodeID: 'one' }] },
  },
  defaults: { spec: { drivers: [{ name: 'disks.example.com', nodeID: 'one' }] } },
  bad: [
    {
      name: 'a driver without name and id',
      change: (node) => {
        node.spec.drivers = [{ name: '', nodeID: '', allocatable: { count: -1 } }]
      },
      causes: [
        { field: 'spec.drivers[0].name', reason: 'FieldValueRequired' },
        { field: 'spec.drivers[0].nodeID', reason: 'FieldValueRequired' },
        { field: 'spec.drivers[0].allocatable.count', reason: 'FieldValueInvalid' },
      ],
    },
    {
      name: 'a driver twice, and keys that are none',
      change: (node) => {
        node.spec.drivers.push({ ...node.spec.drivers[0], topologyKeys: ['a b'] })
      },
      causes: [
        { field: 'spec.drivers[1].name', reason: 'FieldValueDuplicate' },
        { field: 'spec.drivers[1]', reason: 'FieldValueInvalid' },
      ],
    },
  ],
  immutable: [
    {
      name: 'a driver that is there',
      change: (node) => {
        node.spec.drivers[0].nodeID = 'two'
      },
      causes: [
        {
          field: 'spec.drivers',
          reason: 'FieldValueInvalid',
          message: /: field is immutable$/,
        },
      ],
    },
  ],
  change: (node) => {
    node.spec.drivers[0].allocatable = { count: 3 }
  },
  cells: ['node-1', 1],
}
