/**
 * Event of events.k8s.io/v1: the stored core events under other names of their fields, with stricter rules.
 *
 * Conversion, rules and wording follow Kubernetes 1.36 (`pkg/apis/events/v1/conversion.go`,
 * `pkg/apis/core/validation/events.go`); faults are at the paths of the core event, as there. An event that is
 * made here has an `eventTime` and none of the deprecated fields; only its series and metadata may change.
 */
import type { EventsV1Event } from '@kubernetes/client-node'
import { Event as CoreEvent, eventErrors } from '../core/event.ts'
import { FIELD_IMMUTABLE } from '../core/field-rules.ts'
import { deepEqual } from '../equality.ts'
import type { Kind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { defineVersion } from '../served-version.ts'
import { type FieldError, invalidField, requiredField } from '../status-error.ts'

export type Event = WireObject<EventsV1Event>

type Untyped<T> = Omit<T, 'apiVersion' | 'kind'>

/** Name here → name in the core event, of what is called differently. */
const RENAMED = [
  ['note', 'message'],
  ['regarding', 'involvedObject'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedSource', 'source'],
  ['deprecatedCount', 'count'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
] as const
const SAME = [
  'metadata',
  'action',
  'eventTime',
  'reason',
  'related',
  'reportingInstance',
  'series',
  'type',
] as const

const PAIRS: readonly (readonly [string, string])[] = [
  ...RENAMED,
  ...SAME.map((name) => [name, name] as const),
]

type Fields = Record<string, unknown>

const fromStored = (event: CoreEvent): Untyped<Event> => {
  const shown: Fields = {}
  for (const [here, core] of PAIRS) {
    const value = (event as unknown as Fields)[core]
    if (value !== undefined) shown[here] = value
  }
  return shown as unknown as Untyped<Event>
}

const toStored = (event: Event): Untyped<CoreEvent> => {
  const stored: Fields = {}
  for (const [here, core] of PAIRS) {
    const value = (event as unknown as Fields)[here]
    if (value !== undefined) stored[core] = value
  }
  stored['involvedObject'] ??= {}
  return stored as unknown as Untyped<CoreEvent>
}

const coreOf = (event: Event): CoreEvent =>
  ({ ...toStored(event), apiVersion: 'v1', kind: 'Event' }) as CoreEvent

const TYPES = ['Normal', 'Warning']

const validateNew = (event: CoreEvent): FieldError[] => {
  const errors = eventErrors(event, 'reportingController')
  checkSeries(errors, event)
  if (!event.eventTime) errors.push(requiredField('eventTime'))
  const { type = '', source } = event
  if (!TYPES.includes(type)) errors.push(invalidField('type', '', `has invalid value: ${type}`))
  const unset = (field: string, isSet: unknown) => {
    if (isSet) errors.push(invalidField(field, '', 'needs to be unset'))
  }
  unset('firstTimestamp', event.firstTimestamp)
  unset('lastTimestamp', event.lastTimestamp)
  unset('count', event.count)
  unset('source', source?.component || source?.host)
  return errors
}

const checkSeries = (errors: FieldError[], { series }: CoreEvent): void => {
  if (!series) return
  if ((series.count ?? 0) < 2) errors.push(invalidField('series.count', '', 'should be at least 2'))
  if (!series.lastObservedTime) errors.push(requiredField('series.lastObservedTime'))
}

const IMMUTABLE = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  // Kubernetes reports it twice.
  'reason',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
] as const

const validateChange = (event: CoreEvent, old: CoreEvent): FieldError[] => {
  const errors = eventErrors(event, 'reportingController')
  if (!deepEqual(event.series, old.series)) checkSeries(errors, event)
  for (const field of IMMUTABLE) {
    const isSame =
      field === 'eventTime' ? sameTime(event, old) : deepEqual(event[field], old[field])
    if (isSame) continue
    const path = field === 'reportingComponent' ? 'reportingController' : field
    errors.push(invalidField(path, event[field], FIELD_IMMUTABLE))
  }
  return errors
}

/** Times are kept to the microsecond; some clients send more digits than they got back. */
const sameTime = ({ eventTime: one }: CoreEvent, { eventTime: other }: CoreEvent): boolean =>
  one === other || Boolean(one && other && microseconds(one) === microseconds(other))

const microseconds = (time: string): string =>
  `${Date.parse(time)}${(/\.(\d{1,6})/.exec(time)?.[1] ?? '').padEnd(6, '0').slice(3)}`

const selectable = (field: string): ((event: Event) => string) => {
  const read = CoreEvent.selectableFields?.[field]
  return (event) => read?.(coreOf(event)) ?? ''
}

const REGARDING = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath']

const version = defineVersion<Event, CoreEvent>(CoreEvent, {
  group: 'events.k8s.io',
  version: 'v1',
  model: 'EventsV1Event',
  fromStored,
  toStored,
  selectableFields: {
    reason: selectable('reason'),
    reportingController: selectable('reportingComponent'),
    type: selectable('type'),
    ...Object.fromEntries(
      REGARDING.map((name) => [`regarding.${name}`, selectable(`involvedObject.${name}`)]),
    ),
  },
})

export const EventsEvent: Kind<Event> = {
  ...version,
  validate: (event, old) =>
    old ? validateChange(coreOf(event), coreOf(old)) : validateNew(coreOf(event)),
}
