/**
 * The scale of workloads: what its document shows, what it changes, and what it refuses.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../support/api-server.ts'

const api = await startTestApiserver()
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'
const URL = `${DEPLOYMENTS}/web/scale`

const created = await api.call('POST', DEPLOYMENTS, {
  metadata: { name: 'web' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'c', image: 'i:1' }] },
    },
  },
})

const put = (scale: object, query = '') => api.call('PUT', `${URL}${query}`, scale)
const merge = (scale: object) =>
  api.call('PATCH', URL, scale, { headers: { 'content-type': 'application/merge-patch+json' } })

test('a scale shows how many there should be, are, and which', async () => {
  const { json } = await api.call('GET', URL)
  const { name, namespace, uid, resourceVersion, creationTimestamp } = created.json.metadata
  assert.equal(json, {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: 2 },
    status: { replicas: 0, selector: 'app=web' },
  })
})

test('it changes the number and the generation, and nothing else', async () => {
  const scaled = await put({ metadata: { name: 'web' }, spec: { replicas: 4 } })
  assert.is(scaled.code, 200, scaled.text)
  const { json } = await api.call('GET', `${DEPLOYMENTS}/web`)
  assert.is(json.metadata.generation, 2)
  assert.equal(json.spec, { ...created.json.spec, replicas: 4 })
})

test('no replicas are zero', async () => {
  assert.equal((await put({ metadata: { name: 'web' }, spec: {} })).json.spec, {})
  const { json } = await api.call('GET', `${DEPLOYMENTS}/web`)
  assert.is(json.spec.replicas, 0)
  assert.is((await merge({ spec: { replicas: 3 } })).json.spec.replicas, 3)
})

test('a dry run stores nothing', async () => {
  const { json } = await put({ metadata: { name: 'web' }, spec: { replicas: 9 } }, '?dryRun=All')
  assert.is(json.spec.replicas, 9)
  assert.is((await api.call('GET', URL)).json.spec.replicas, 3)
})

test('fewer than none are refused, whichever way', async () => {
  for (const answer of [
    await put({ metadata: { name: 'web' }, spec: { replicas: -1 } }),
    await merge({ spec: { replicas: -1 } }),
  ]) {
    assert.is(answer.code, 422, answer.text)
    assert.is(
      answer.json.message,
      'Scale.autoscaling "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    )
  }
})

test('an old resourceVersion and another uid conflict', async () => {
  const { metadata } = created.json
  const { name, resourceVersion } = metadata
  const stale = await put({ metadata: { name, resourceVersion }, spec: { replicas: 1 } })
  assert.is(stale.code, 409, stale.text)
  const uid = '00000000-0000-0000-0000-000000000000'
  const other = await put({ metadata: { name, uid }, spec: { replicas: 1 } })
  assert.is(other.code, 409, other.text)
  assert.match(
    other.json.message,
    `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`,
  )
})

test('what is no Scale is refused, and unknown fields are warned about', async () => {
  const kind = await put({ kind: 'Deployment', apiVersion: 'apps/v1' })
  assert.is(kind.code, 400)
  assert.is(kind.json.message, 'Deployment in version "v1" cannot be handled as a Scale')
  const name = await put({ metadata: { name: 'db' }, spec: { replicas: 1 } })
  assert.is(name.code, 400)
  const text = await put({ metadata: { name: 'web' }, spec: { replicas: 'many' } })
  assert.is(text.code, 400)
  assert.match(text.json.message, /^Scale in version "v1" cannot be handled as a Scale: json: /)
  const unknown = { metadata: { name: 'web' }, spec: { replicas: 3, luck: 1 } }
  assert.match(String((await put(unknown)).headers['warning']), 'unknown field')
  assert.is((await put(unknown, '?fieldValidation=Strict')).code, 400)
  assert.is((await merge({ spec: { replicas: 'many' } })).code, 422)
})

test('what cannot be scaled has no scale', async () => {
  await api.call('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'a' } })
  const answer = await api.call('GET', '/api/v1/namespaces/default/configmaps/a/scale')
  assert.is(answer.code, 404)
})

test.after(() => api.stop())
test.run()
