/**
 * Event for the test of every kind.
 */
import { Event } from '../../../src/api/core/event.ts'
import type { KindCase } from '../kind-case.ts'

const REQUIRED = 'FieldValueRequired'
const INVALID = 'FieldValueInvalid'

export const cases: KindCase = {
  kind: Event,
  minimal: {
    metadata: { name: 'web.1' },
    involvedObject: { kind: 'Pod', name: 'web', namespace: 'default' },
    reason: 'Started',
    message: 'it runs',
    type: 'Normal',
  },
  defaults: { source: {}, reportingComponent: '', reportingInstance: '' },
  bad: [
    {
      name: 'about an object of another namespace',
      change: ({ involvedObject }) => {
        involvedObject.namespace = 'elsewhere'
      },
      causes: [
        {
          field: 'involvedObject.namespace',
          reason: INVALID,
          message: 'Invalid value: "elsewhere": does not match event.namespace',
        },
      ],
    },
    {
      name: 'of the newer form, from nobody',
      change: (event) => {
        event.eventTime = '2026-01-01T00:00:00.000000Z'
        event.message = 'x'.repeat(1025)
      },
      causes: [
        { field: 'reportingComponent', reason: REQUIRED },
        { field: 'reportingComponent', reason: INVALID },
        { field: 'reportingComponent', reason: INVALID },
        { field: 'reportingInstance', reason: REQUIRED },
        { field: 'action', reason: REQUIRED },
        {
          field: 'message',
          reason: INVALID,
          message: 'Invalid value: "": can have at most 1024 characters',
        },
      ],
    },
  ],
  change: (event) => {
    event.count = 2
  },
  cells: ['<unknown>', 'Normal', 'Started', 'pod/web', '', '', 'it runs', '<unknown>', 1, 'web.1'],
}
