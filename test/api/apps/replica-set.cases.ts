/**
 * ReplicaSet for the test of every kind.
 */
import { ReplicaSet } from '../../../src/api/apps/replica-set.ts'
import type { KindCase } from '../kind-case.ts'

const INVALID = 'FieldValueInvalid'

export const cases: KindCase = {
  kind: ReplicaSet,
  minimal: {
    metadata: { name: 'web' },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'c', image: 'web:1' }] },
      },
    },
  },
  defaults: { spec: { replicas: 1 }, status: { replicas: 0 } },
  bad: [
    {
      name: 'a selector that does not find its own pods',
      change: ({ spec }) => {
        spec.selector = { matchLabels: { app: 'db' } }
      },
      causes: [
        {
          field: 'spec.template.metadata.labels',
          reason: INVALID,
          message: 'Invalid value: {"app":"web"}: `selector` does not match template `labels`',
        },
      ],
    },
    {
      name: 'a selector without sense',
      change: ({ spec }) => {
        spec.selector = { matchExpressions: [{ key: 'app', operator: 'Near', values: ['web'] }] }
      },
      causes: [
        {
          field: 'spec.selector.matchExpressions[0].operator',
          reason: INVALID,
          message: 'Invalid value: "Near": not a valid selector operator',
        },
        { field: 'spec.selector', reason: INVALID, message: /: invalid label selector$/ },
      ],
    },
    {
      name: 'a template without containers, negative numbers',
      change: ({ spec }) => {
        Object.assign(spec, { replicas: -1, minReadySeconds: -1 })
        spec.template.spec.containers = []
      },
      causes: [
        { field: 'spec.replicas', reason: INVALID },
        { field: 'spec.minReadySeconds', reason: INVALID },
        { field: 'spec.template.spec.containers', reason: 'FieldValueRequired' },
      ],
    },
  ],
  immutable: [
    {
      name: 'the selector',
      change: ({ spec }) => {
        spec.selector.matchLabels.tier = 'front'
        spec.template.metadata.labels.tier = 'front'
      },
      causes: [{ field: 'spec.selector', reason: INVALID, message: /field is immutable$/ }],
    },
  ],
  change: ({ spec }) => {
    spec.replicas = 2
  },
  status: { replicas: 2, readyReplicas: 1, availableReplicas: 1, observedGeneration: 1 },
  cells: ['web', 1, 0, 0, 'c', 'web:1', 'app=web'],
}
