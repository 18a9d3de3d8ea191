/**
 * ReplicationController for the test of every kind.
 */
import { ReplicationController } from '../../../src/api/core/replication-controller.ts'
import type { KindCase } from '../kind-case.ts'

const INVALID = 'FieldValueInvalid'

export const cases: KindCase = {
  kind: ReplicationController,
  minimal: {
    metadata: { name: 'elder' },
    spec: {
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'c', image: 'web:1' }] },
      },
    },
  },
  defaults: {
    metadata: { labels: { app: 'web' } },
    spec: { replicas: 1, selector: { app: 'web' } },
    status: { replicas: 0 },
  },
  bad: [
    {
      name: 'no template',
      change: ({ spec }) => {
        delete spec.template
      },
      causes: [
        { field: 'spec.selector', reason: 'FieldValueRequired' },
        { field: 'spec.template', reason: 'FieldValueRequired' },
      ],
    },
    {
      name: 'a selector that does not find its own pods, negative numbers',
      change: ({ spec }) => {
        Object.assign(spec, { selector: { app: 'db' }, replicas: -1, minReadySeconds: -1 })
      },
      causes: [
        { field: 'spec.minReadySeconds', reason: INVALID },
        { field: 'spec.replicas', reason: INVALID },
        {
          field: 'spec.template.metadata.labels',
          reason: INVALID,
          message: 'Invalid value: {"app":"web"}: `selector` does not match template `labels`',
        },
      ],
    },
    {
      name: 'pods that end',
      change: ({ spec }) => {
        spec.template.spec.restartPolicy = 'Never'
        spec.template.spec.activeDeadlineSeconds = 3
      },
      causes: [
        { field: 'spec.template.spec.restartPolicy', reason: 'FieldValueNotSupported' },
        {
          field: 'spec.template.spec.activeDeadlineSeconds',
          reason: 'FieldValueForbidden',
          message: 'Forbidden: activeDeadlineSeconds in ReplicationController is not Supported',
        },
      ],
    },
  ],
  change: ({ spec }) => {
    spec.replicas = 2
  },
  status: { replicas: 2, readyReplicas: 1, availableReplicas: 1, fullyLabeledReplicas: 2 },
  cells: ['elder', 1, 0, 0, 'c', 'web:1', 'app=web'],
}
