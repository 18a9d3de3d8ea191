/**
 * PodTemplate for the test of every kind.
 */
import { PodTemplate } from '../../../src/api/core/pod-template.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: PodTemplate,
  minimal: {
    metadata: { name: 'mould' },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'c', image: 'web:1' }] },
    },
  },
  defaults: {
    template: {
      spec: {
        restartPolicy: 'Always',
        containers: [
          { imagePullPolicy: 'IfNotPresent', terminationMessagePolicy: 'File', resources: {} },
        ],
      },
    },
  },
  bad: [
    {
      name: 'no containers, wrong labels',
      change: ({ template }) => {
        template.spec.containers = []
        template.metadata.labels = { 'a b': 'c' }
      },
      causes: [
        { field: 'template.labels', reason: 'FieldValueInvalid' },
        { field: 'template.spec.containers', reason: 'FieldValueRequired' },
      ],
    },
  ],
  change: ({ template }) => {
    template.spec.containers[0].image = 'web:2'
  },
  cells: ['mould', 'c', 'web:1', 'app=web'],
}
