import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Event } from '../../src/api/core/event.ts'
import { notFound, serviceUnavailable } from '../../src/api/status-error.ts'
import { createEventRecorder } from '../../src/client/event-recorder.ts'
import { rootLog } from '../../src/std/log.ts'
import { memoryCache } from '../support/memory-cache.ts'
import { memoryClient } from '../support/memory-client.ts'
import { virtualClock } from '../support/virtual-clock.ts'

const web = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default', uid: 'u1' },
}

const setUp = () => {
  const clock = virtualClock()
  const cache = memoryCache()
  const client = memoryClient(cache, clock.now)
  const recorder = createEventRecorder({
    client,
    clock,
    log: rootLog,
    component: 'kubelet',
    host: 'n1',
  })
  const events = () =>
    cache.list(Event).sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  return { clock, cache, client, recorder, events }
}

test('an event carries what it is about, who says so and when', async () => {
  const { recorder, events } = setUp()
  recorder.event(web, 'Normal', 'Pulled', 'Container image pulled', 'spec.containers{web}')
  await recorder.flush()
  const [event] = events()
  assert.equal(event!.involvedObject, {
    apiVersion: 'v1',
    kind: 'Pod',
    name: 'web',
    namespace: 'default',
    uid: 'u1',
    fieldPath: 'spec.containers{web}',
  })
  assert.equal(event!.source, { component: 'kubelet', host: 'n1' })
  assert.equal([event!.type, event!.reason, event!.count], ['Normal', 'Pulled', 1])
  assert.is(event!.firstTimestamp, '2026-01-01T00:00:00Z')
  assert.match(event!.metadata.name, /^web\.[0-9a-f]{16}$/)
})

test('the same report again raises the count of one event', async () => {
  const { recorder, events, clock } = setUp()
  recorder.event(web, 'Warning', 'BackOff', 'Back-off restarting')
  await recorder.flush()
  await clock.advance(5000)
  recorder.event(web, 'Warning', 'BackOff', 'Back-off restarting')
  recorder.event(web, 'Warning', 'BackOff', 'Back-off restarting')
  await recorder.flush()
  assert.equal(
    events().map(({ count, firstTimestamp, lastTimestamp }) => [
      count,
      firstTimestamp,
      lastTimestamp,
    ]),
    [[3, '2026-01-01T00:00:00Z', '2026-01-01T00:00:05Z']],
  )
})

test('more than nine reports that differ in their message only become one', async () => {
  const { recorder, events } = setUp()
  for (let i = 0; i < 20; i++)
    recorder.event(web, 'Normal', 'SuccessfulCreate', `Created pod: p${i}`)
  await recorder.flush()
  assert.is(events().length, 10)
  assert.is(events().at(-1)!.count, 11)
  assert.is(events().at(-1)!.message, '(combined from similar events): Created pod: p19')
})

test('a report that comes again while its event is written is counted', async () => {
  const { recorder, events, client, clock } = setUp()
  let release: () => void = () => undefined
  client.before = () =>
    new Promise((resolve) => {
      release = resolve
    })
  recorder.event(web, 'Normal', 'Pulled', 'x')
  await clock.advance(100)
  recorder.event(web, 'Normal', 'Pulled', 'x')
  client.before = undefined
  release()
  await recorder.flush()
  assert.equal(
    events().map(({ count }) => count),
    [2],
  )
  assert.equal(
    client.calls.map((call) => call.split(' ')[0]),
    ['create', 'patch'],
  )
})

test('one object reports at most twenty-five events at once', async () => {
  const { recorder, events } = setUp()
  for (let i = 0; i < 100; i++) recorder.event(web, 'Normal', `Reason${i}`, 'x')
  await recorder.flush()
  assert.is(events().length, 25)
})

test('a report is tried again while the apiserver is away, and given up when it is refused', async () => {
  const { recorder, events, client, clock } = setUp()
  client.failNext('create Event', serviceUnavailable('away'))
  recorder.event(web, 'Normal', 'Pulled', 'x')
  await clock.advance(1000)
  assert.is(events().length, 1)
  client.failNext('create Event', notFound({ group: '', resource: 'namespaces' }, 'default'))
  recorder.event(web, 'Normal', 'Created', 'y')
  await recorder.flush()
  assert.is(events().length, 1)
})

test('an event that expired is made again', async () => {
  const { recorder, events, cache } = setUp()
  recorder.event(web, 'Normal', 'Pulled', 'x')
  await recorder.flush()
  cache.remove(events()[0]!)
  recorder.event(web, 'Normal', 'Pulled', 'x')
  await recorder.flush()
  assert.equal(
    events().map(({ count }) => count),
    [2],
  )
})

test.run()
