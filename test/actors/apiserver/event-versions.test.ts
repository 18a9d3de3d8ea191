/**
 * One event under both of its names: core/v1 and events.k8s.io/v1.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../support/api-server.ts'

const api = await startTestApiserver()
const CORE = '/api/v1/namespaces/default/events'
const EVENTS = '/apis/events.k8s.io/v1/namespaces/default/events'

const created = await api.call('POST', EVENTS, {
  metadata: { name: 'new' },
  eventTime: '2026-01-01T00:00:00.123456Z',
  type: 'Normal',
  reason: 'Tested',
  action: 'Testing',
  note: 'a note',
  reportingController: 'example.com/tester',
  reportingInstance: 'tester-1',
  regarding: { kind: 'Pod', name: 'web', namespace: 'default' },
})
const old = await api.call('POST', CORE, {
  metadata: { name: 'old' },
  involvedObject: { kind: 'Node', name: 'n1', namespace: 'default' },
  message: 'a message',
  count: 3,
  firstTimestamp: '2026-01-01T00:00:00Z',
  source: { component: 'kubelet', host: 'n1' },
})

test('an event made as events.k8s.io/v1 is read as core/v1', async () => {
  assert.is(created.code, 201, created.text)
  const { json } = await api.call('GET', `${CORE}/new`)
  assert.is(json.apiVersion, 'v1')
  assert.is(json.message, 'a note')
  assert.equal(json.involvedObject, { kind: 'Pod', name: 'web', namespace: 'default' })
  assert.is(json.reportingComponent, 'example.com/tester')
  assert.is(json.note, undefined)
})

test('an event made as core/v1 is read as events.k8s.io/v1', async () => {
  assert.is(old.code, 201, old.text)
  const { json } = await api.call('GET', `${EVENTS}/old`)
  assert.is(json.apiVersion, 'events.k8s.io/v1')
  assert.is(json.note, 'a message')
  assert.is(json.deprecatedCount, 3)
  assert.is(json.deprecatedFirstTimestamp, '2026-01-01T00:00:00Z')
  assert.equal(json.deprecatedSource, { component: 'kubelet', host: 'n1' })
  assert.is(json.regarding.kind, 'Node')
})

test('each is selected by its own fields', async () => {
  const names = async (path: string, selector: string) => {
    const { json } = await api.call('GET', `${path}?fieldSelector=${selector}`)
    return json.items?.map(({ metadata }: { metadata: { name: string } }) => metadata.name)
  }
  assert.equal(await names(EVENTS, 'regarding.kind=Pod'), ['new'])
  assert.equal(await names(EVENTS, 'reportingController=example.com/tester'), ['new'])
  assert.equal(await names(CORE, 'involvedObject.kind=Node,source=kubelet'), ['old'])
  assert.is((await api.call('GET', `${EVENTS}?fieldSelector=involvedObject.kind=Pod`)).code, 400)
})

test('an older event is not changed under the newer name, a series of a newer one is', async () => {
  const patch = (name: string, body: object) =>
    api.call('PATCH', `${EVENTS}/${name}`, body, {
      headers: { 'content-type': 'application/merge-patch+json' },
    })
  assert.is((await patch('old', { deprecatedCount: 4 })).code, 422)
  const series = { count: 2, lastObservedTime: '2026-01-01T00:00:05.000000Z' }
  const { code, json } = await patch('new', { series })
  assert.is(code, 200)
  assert.equal(json.series, series)
  assert.equal((await api.call('GET', `${CORE}/new`)).json.series, series)
})

test.after(() => api.stop())
test.run()
