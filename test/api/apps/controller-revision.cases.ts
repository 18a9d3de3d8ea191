/**
 * ControllerRevision for the test of every kind.
 */
import { ControllerRevision } from '../../../src/api/apps/controller-revision.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: ControllerRevision,
  minimal: {
    metadata: {
      name: 'web-1',
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'StatefulSet',
          name: 'web',
          uid: 'a-uid',
          controller: true,
        },
      ],
    },
    data: { spec: { template: { any: ['thing', 1, null] } } },
    revision: 1,
  },
  defaults: { data: { spec: { template: { any: ['thing', 1, null] } } }, revision: 1 },
  bad: [
    {
      name: 'no data, a negative number',
      change: (revision) => {
        delete revision.data
        revision.revision = -1
      },
      causes: [
        { field: 'revision', reason: 'FieldValueInvalid' },
        {
          field: 'data',
          reason: 'FieldValueRequired',
          message: 'Required value: data is mandatory',
        },
      ],
    },
    {
      name: 'data that is no object',
      change: (revision) => {
        revision.data = ['a']
      },
      causes: [
        {
          field: 'data',
          reason: 'FieldValueRequired',
          message: 'Required value: data must be a valid JSON object',
        },
      ],
    },
  ],
  immutable: [
    {
      name: 'the data',
      change: (revision) => {
        revision.data.spec.template = {}
      },
      causes: [{ field: 'data', reason: 'FieldValueInvalid', message: /field is immutable$/ }],
    },
  ],
  change: (revision) => {
    revision.revision = 2
  },
  cells: ['web-1', 'statefulset.apps/web', 1],
}
