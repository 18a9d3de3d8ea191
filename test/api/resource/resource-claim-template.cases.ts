/**
 * ResourceClaimTemplate for the test of every kind.
 */
import { ResourceClaimTemplate } from '../../../src/api/resource/resource-claim-template.ts'
import type { KindCase } from '../kind-case.ts'

const INVALID = 'FieldValueInvalid'

export const cases: KindCase = {
  kind: ResourceClaimTemplate,
  minimal: {
    metadata: { name: 'gpus' },
    spec: {
      spec: {
        devices: { requests: [{ name: 'one', exactly: { deviceClassName: 'gpu.example.com' } }] },
      },
    },
  },
  defaults: {
    spec: {
      spec: {
        devices: {
          requests: [{ name: 'one', exactly: { allocationMode: 'ExactCount', count: 1 } }],
        },
      },
    },
  },
  bad: [
    {
      name: 'labels and requests that are none',
      change: ({ spec }) => {
        spec.metadata = { labels: { 'a b': 'c' } }
        spec.spec.devices.requests[0].exactly.deviceClassName = 'A'
      },
      causes: [
        { field: 'spec.metadata.labels', reason: INVALID },
        { field: 'spec.spec.devices.requests[0].exactly.deviceClassName', reason: INVALID },
      ],
    },
  ],
  immutable: [
    {
      name: 'the spec',
      change: ({ spec }) => {
        spec.metadata = { labels: { a: 'b' } }
      },
      causes: [{ field: 'spec', reason: INVALID, message: /field is immutable$/ }],
    },
  ],
  change: (template) => {
    template.metadata.labels = { a: 'b' }
  },
  cells: ['gpus'],
}
