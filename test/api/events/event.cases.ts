/**
 * Event of events.k8s.io for the test of every kind.
 */
import { EventsEvent } from '../../../src/api/events/event.ts'
import type { KindCase } from '../kind-case.ts'

const REQUIRED = 'FieldValueRequired'
const INVALID = 'FieldValueInvalid'

export const cases: KindCase = {
  kind: EventsEvent,
  minimal: {
    metadata: { name: 'web.1' },
    eventTime: '2026-01-01T00:00:00.123456Z',
    type: 'Normal',
    reason: 'Tested',
    action: 'Testing',
    note: 'it was tested',
    reportingController: 'example.com/tester',
    reportingInstance: 'tester-1',
    regarding: { kind: 'Pod', name: 'web', namespace: 'default' },
  },
  defaults: { note: 'it was tested', reportingController: 'example.com/tester' },
  bad: [
    {
      name: 'an event without anything',
      change: (event) => {
        for (const field of Object.keys(event))
          if (!['apiVersion', 'kind', 'metadata'].includes(field)) delete event[field]
      },
      causes: [
        { field: 'eventTime', reason: REQUIRED },
        { field: 'type', reason: INVALID, message: 'Invalid value: "": has invalid value: ' },
      ],
    },
    {
      name: 'an event of the older form',
      change: (event) => {
        event.deprecatedCount = 2
        event.deprecatedFirstTimestamp = '2026-01-01T00:00:00Z'
        event.deprecatedLastTimestamp = '2026-01-01T00:00:00Z'
        event.deprecatedSource = { component: 'old' }
      },
      causes: ['firstTimestamp', 'lastTimestamp', 'count', 'source'].map((field) => ({
        field,
        reason: INVALID,
        message: 'Invalid value: "": needs to be unset',
      })),
    },
    {
      name: 'a reporter, an action and a series that are none',
      change: (event) => {
        event.reportingController = 'a b'
        event.reportingInstance = ''
        event.action = 'a'.repeat(129)
        event.series = { count: 1 }
      },
      causes: [
        { field: 'reportingController', reason: INVALID },
        { field: 'reportingInstance', reason: REQUIRED },
        {
          field: 'action',
          reason: INVALID,
          message: 'Invalid value: "": can have at most 128 characters',
        },
        {
          field: 'series.count',
          reason: INVALID,
          message: 'Invalid value: "": should be at least 2',
        },
        { field: 'series.lastObservedTime', reason: REQUIRED },
      ],
    },
  ],
  immutable: [
    {
      name: 'what it says',
      change: (event) => {
        event.note = 'something else'
        event.regarding.name = 'other'
      },
      causes: [
        { field: 'involvedObject', reason: INVALID, message: /field is immutable$/ },
        {
          field: 'message',
          reason: INVALID,
          message: 'Invalid value: "something else": field is immutable',
        },
      ],
    },
  ],
  change: (event) => {
    event.series = { count: 2, lastObservedTime: '2026-01-01T00:00:01.000000Z' }
  },
  cells: [
    /^\d+/,
    'Normal',
    'Tested',
    'pod/web',
    '',
    'example.com/tester, tester-1',
    'it was tested',
    /^\d+/,
    1,
    'web.1',
  ],
}
