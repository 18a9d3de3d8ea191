/**
 * Namespace for the test of every kind.
 */
import { Namespace } from '../../../src/api/core/namespace.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: Namespace,
  minimal: { metadata: { name: 'team' } },
  defaults: {
    metadata: { labels: { 'kubernetes.io/metadata.name': 'team' } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  },
  bad: [
    {
      name: 'a name with dots',
      change: (namespace) => {
        namespace.metadata.name = 'a.b'
      },
      causes: [
        {
          field: 'metadata.name',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "a.b": must not contain dots',
        },
      ],
    },
    {
      name: "a finalizer that is nobody's",
      change: (namespace) => {
        namespace.spec = { finalizers: ['mine'] }
      },
      causes: [
        {
          field: 'spec.finalizers',
          reason: 'FieldValueInvalid',
          message:
            'Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
        },
      ],
    },
  ],
  change: (namespace) => {
    namespace.metadata.annotations = { owner: 'me' }
  },
  status: { phase: 'Active' },
  cells: ['team', 'Active'],
}
