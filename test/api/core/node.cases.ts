/**
 * Node for the test of every kind.
 */
import { Node } from '../../../src/api/core/node.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: Node,
  minimal: { metadata: { name: 'node-a' } },
  defaults: { spec: {} },
  bad: [
    {
      name: 'taints without effect, and one twice',
      change: (node) => {
        const taint = { key: 'a', effect: 'NoSchedule' }
        node.spec = { taints: [{ key: 'b' }, taint, taint] }
      },
      causes: [
        { field: 'metadata.taints[0].effect', reason: 'FieldValueRequired' },
        {
          field: 'metadata.taints[2]',
          reason: 'FieldValueDuplicate',
          message:
            'Duplicate value: {"Key":"a","Value":"","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair',
        },
      ],
    },
    {
      name: 'ranges and amounts that are none',
      change: (node) => {
        node.spec = { podCIDR: '10.0.0.0', podCIDRs: ['10.0.0.0'] }
        node.status = { capacity: { pods: '-1' }, declaredFeatures: ['b', 'A'] }
      },
      causes: [
        { field: 'status.capacity.pods', reason: 'FieldValueInvalid' },
        { field: 'status.allocatable.pods', reason: 'FieldValueInvalid' },
        { field: 'status.declaredFeatures[0]', reason: 'FieldValueInvalid' },
        {
          field: 'status.declaredFeatures[1]',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "A": list must be sorted alphabetically',
        },
        { field: 'spec.podCIDRs[0]', reason: 'FieldValueInvalid' },
      ],
    },
  ],
  change: (node) => {
    node.spec.unschedulable = true
  },
  status: { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }] },
  cells: [
    'node-a',
    /^Unknown(,SchedulingDisabled)?$/,
    '<none>',
    '',
    /^(<none>|192.0.2.1)$/,
    '<none>',
    '<unknown>',
    '<unknown>',
    '<unknown>',
  ],
}
