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
    metadata: { name: 'web.2' },
    involvedObject: { kind: 'Pod', name: 'web', namespace: 'default' },
  },
  defaults: { source: {}, reportingComponent: '', reportingInstance: '' },
  bad: [
    {
      name: 'an object of another namespace',
      change: (event) => {
        event.involvedObject.namespace = 'other'
      },
      causes: [
        {
          field: 'involvedObject.namespace',
          reason: INVALID,
          message: 'Invalid value: "other": does not match event.namespace',
        },
      ],
    },
    {
      name: 'an event of the newer form that nobody reports',
      change: (event) => {
        event.eventTime = '2026-01-01T00:00:00.000000Z'
        event.message = 'a'.repeat(1025)
      },
      causes: [
        { field: 'reportingComponent', reason: REQUIRED },
        { field: 'reportingComponent', reason: INVALID, message: /name part must be non-empty/ },
        { field: 'reportingComponent', reason: INVALID },
        { field: 'reportingInstance', reason: REQUIRED },
        { field: 'action', reason: REQUIRED },
        { field: 'reason', reason: REQUIRED },
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
  cells: ['<unknown>', '', '', 'pod/web', '', '', '', '<unknown>', 1, 'web.2'],
}
