import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Event } from '../../../src/api/core/event.ts'
import { deepCopy } from '../../../src/api/equality.ts'
import { NOW, shown } from './pod-samples.ts'

const event = (fields: Partial<Event> = {}): Event => {
  const object: Event = deepCopy({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: {
      name: 'web.1',
      namespace: 'default',
      uid: 'uid',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    involvedObject: {
      kind: 'Pod',
      name: 'web',
      namespace: 'default',
      fieldPath: 'spec.containers{web}',
    },
    ...fields,
  })
  Event.applyDefaults!(object)
  return object
}
const row = (object: Event) =>
  Object.fromEntries(Event.columns.map((each) => [each.name, each.value(object, NOW)]))

test('an event lives in the namespace of its object', () => {
  assert.equal(Event.validate!(event()), [])
  const stray = event({ involvedObject: { kind: 'Pod', namespace: 'other' } })
  assert.equal(shown(Event.validate!(stray)), [
    'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
  ])
  assert.equal(Event.validate!(event({ involvedObject: { kind: 'Node', name: 'n' } })), [])
})

test('an event of the newer form says who reports what', () => {
  const eventTime = '2026-01-01T00:00:00.000000Z'
  const faults = shown(Event.validate!(event({ eventTime, reason: 'r'.repeat(129) })))
  assert.equal(faults.slice(0, 1), ['reportingComponent: Required value'])
  assert.equal(faults.slice(-3), [
    'reportingInstance: Required value',
    'action: Required value',
    'reason: Invalid value: "": can have at most 128 characters',
  ])
})

test('the row of an older event is the one kubectl shows', () => {
  const older = event({
    type: 'Warning',
    reason: 'BackOff',
    message: ' Back-off restarting \n',
    source: { component: 'kubelet', host: 'node-1' },
    firstTimestamp: '2026-01-01T00:30:00Z',
    lastTimestamp: '2026-01-01T00:59:30Z',
    count: 7,
  })
  assert.equal(row(older), {
    'Last Seen': '30s',
    Type: 'Warning',
    Reason: 'BackOff',
    Object: 'pod/web',
    Subobject: 'spec.containers{web}',
    Source: 'kubelet, node-1',
    Message: 'Back-off restarting',
    'First Seen': '30m',
    Count: 7,
    Name: 'web.1',
  })
})

test('the row of a newer event takes times and counts from its series', () => {
  const newer = event({
    eventTime: '2026-01-01T00:30:00.000000Z',
    reportingComponent: 'scheduler',
    series: { count: 4, lastObservedTime: '2026-01-01T00:59:00.000000Z' },
  })
  const { 'Last Seen': last, 'First Seen': first, Count: count, Source: source } = row(newer)
  assert.equal([last, first, count, source], ['60s', '30m', 4, 'scheduler'])
  delete newer.series
  assert.equal([row(newer)['Last Seen'], row(newer)['Count']], ['30m', 1])
})

test('an event is found by its source, whichever form it has', () => {
  const read = Event.selectableFields!['source']!
  assert.is(read(event({ source: { component: 'kubelet' } })), 'kubelet')
  assert.is(read(event({ reportingComponent: 'scheduler' })), 'scheduler')
})

test.run()
