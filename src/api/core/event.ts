/**
 * Event: something that happened to an object, for people to read; it expires.
 *
 * Events with an `eventTime` are of the newer form and must name who reports them; older ones are hardly
 * checked. Both are stored in the stream whose messages expire. `events.k8s.io` serves the same objects.
 */
import type { CoreV1Event } from '@kubernetes/client-node'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { dns1123SubdomainErrors } from '../names.ts'
import { type FieldError, invalidField, requiredField } from '../status-error.ts'
import { column, nameColumn, since, wideColumn } from './columns.ts'
import { checkQualifiedName } from './field-rules.ts'

export type Event = WireObject<CoreV1Event>

const MAX_SHORT = 128
const MAX_MESSAGE = 1024
/** Events about cluster-scoped objects live here. */
const CLUSTER_EVENT_NAMESPACES = ['default', 'kube-system']

/** Faults of an event; `controllerField` is what the version in use calls who reports it. */
export const eventErrors = (
  event: Event,
  controllerField: 'reportingComponent' | 'reportingController',
): FieldError[] => {
  const errors: FieldError[] = []
  if (event.eventTime) checkReported(errors, event, controllerField)
  else {
    const about = event.involvedObject?.namespace ?? ''
    const { namespace = '' } = event.metadata
    const fits = about ? about === namespace : namespace === '' || namespace === 'default'
    if (!fits) errors.push(mismatch(about))
  }
  const { namespace = '' } = event.metadata
  for (const fault of dns1123SubdomainErrors(namespace)) {
    errors.push(invalidField('namespace', namespace, fault))
  }
  return errors
}

const mismatch = (namespace: string): FieldError =>
  invalidField('involvedObject.namespace', namespace, 'does not match event.namespace')

const checkReported = (errors: FieldError[], event: Event, controllerField: string): void => {
  const { namespace = '' } = event.metadata
  if (!event.involvedObject?.namespace && !CLUSTER_EVENT_NAMESPACES.includes(namespace)) {
    errors.push(mismatch(''))
  }
  const { reportingComponent = '' } = event
  if (!reportingComponent) errors.push(requiredField(controllerField))
  checkQualifiedName(errors, controllerField, reportingComponent)
  for (const field of ['reportingInstance', 'action', 'reason'] as const) {
    const text = event[field]
    if (!text) errors.push(requiredField(field))
    else if (text.length > MAX_SHORT) {
      errors.push(invalidField(field, '', `can have at most ${MAX_SHORT} characters`))
    }
  }
  if ((event.message ?? '').length > MAX_MESSAGE) {
    errors.push(invalidField('message', '', `can have at most ${MAX_MESSAGE} characters`))
  }
}

const firstSeen = (event: Event, now: number): string =>
  since(event.firstTimestamp || event.eventTime, now)

const lastSeen = (event: Event, now: number): string => {
  if (event.series) return since(event.series.lastObservedTime, now)
  return event.lastTimestamp ? since(event.lastTimestamp, now) : firstSeen(event, now)
}

const objectCell = ({ involvedObject }: Event): string => {
  const kind = (involvedObject?.kind ?? '').toLowerCase()
  return involvedObject?.name ? `${kind}/${involvedObject.name}` : kind
}

const sourceCell = ({ source, reportingComponent, reportingInstance }: Event): string => {
  const component = source?.component || reportingComponent || ''
  const instance = source?.host || reportingInstance || ''
  return instance ? `${component}, ${instance}` : component
}

export const Event = defineKind<Event>({
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  singular: 'event',
  shortNames: ['ev'],
  namespaced: true,
  model: 'CoreV1Event',
  storage: 'events',
  applyDefaults: (event) => {
    event.source ??= {}
    event.reportingComponent ??= ''
    event.reportingInstance ??= ''
  },
  validate: (event) => eventErrors(event, 'reportingComponent'),
  selectableFields: {
    'involvedObject.kind': ({ involvedObject }) => involvedObject?.kind ?? '',
    'involvedObject.namespace': ({ involvedObject }) => involvedObject?.namespace ?? '',
    'involvedObject.name': ({ involvedObject }) => involvedObject?.name ?? '',
    'involvedObject.uid': ({ involvedObject }) => involvedObject?.uid ?? '',
    'involvedObject.apiVersion': ({ involvedObject }) => involvedObject?.apiVersion ?? '',
    'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject?.resourceVersion ?? '',
    'involvedObject.fieldPath': ({ involvedObject }) => involvedObject?.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingComponent: ({ reportingComponent }) => reportingComponent ?? '',
    source: ({ source, reportingComponent }) => source?.component || reportingComponent || '',
    type: ({ type }) => type ?? '',
  },
  columns: [
    column('Last Seen', 'Time since it happened last.', lastSeen),
    column('Type', 'Normal or Warning.', ({ type }) => type ?? ''),
    column('Reason', 'Why, in one word.', ({ reason }) => reason ?? ''),
    column('Object', 'What it happened to.', objectCell),
    wideColumn('Subobject', 'Which part of the object.', ({ involvedObject }) => {
      return involvedObject?.fieldPath ?? ''
    }),
    wideColumn('Source', 'Who reports it.', sourceCell),
    column('Message', 'What happened.', ({ message }) => (message ?? '').trim()),
    wideColumn('First Seen', 'Time since it happened first.', firstSeen),
    wideColumn('Count', 'How often it happened.', ({ series, count }) => {
      return series ? (series.count ?? 0) : count || 1
    }),
    { ...nameColumn, priority: 1 },
  ],
})
