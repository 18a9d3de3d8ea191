/**
 * Pods and their subresources: binding, eviction, graceful deletion, scale.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../support/api-server.ts'

const api = await startTestApiserver()
const PODS = '/api/v1/namespaces/default/pods'

const createPod = async (name: string, node?: string) => {
  const created = await api.call('POST', PODS, {
    metadata: { name },
    spec: { containers: [{ name: 'c', image: 'i:1' }] },
  })
  assert.is(created.code, 201, created.text)
  if (node) await bind(name, node)
  return created.json
}
const bind = (name: string, node: string, uid?: string) =>
  api.call('POST', `${PODS}/${name}/binding`, {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name, ...(uid ? { uid } : {}) },
    target: { apiVersion: 'v1', kind: 'Node', name: node },
  })

test('a new pod gets an account and tolerates a failing node for five minutes', async () => {
  const { spec } = await createPod('new')
  assert.is(spec.serviceAccountName, 'default')
  assert.equal(
    spec.tolerations.map((each: { key: string }) => each.key),
    ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'],
  )
  assert.is(spec.tolerations[0].tolerationSeconds, 300)
})

test('a pod is bound once', async () => {
  const pod = await createPod('bound')
  const wrong = await bind('bound', 'n1', 'another-uid')
  assert.is(wrong.code, 409)
  const first = await bind('bound', 'n1', pod.metadata.uid)
  assert.is(first.code, 201, first.text)
  assert.is(first.json.status, 'Success')
  const { json } = await api.call('GET', `${PODS}/bound`)
  assert.is(json.spec.nodeName, 'n1')
  const scheduled = json.status.conditions.find(
    ({ type }: { type: string }) => type === 'PodScheduled',
  )
  assert.is(scheduled.status, 'True')
  const second = await bind('bound', 'n2')
  assert.is(second.code, 409)
  assert.is(
    second.json.message,
    'Operation cannot be fulfilled on pods/binding "bound": pod bound is already assigned to node "n1"',
  )
})

test('the collection of bindings binds too', async () => {
  await createPod('by-collection')
  const answer = await api.call('POST', '/api/v1/namespaces/default/bindings', {
    metadata: { name: 'by-collection' },
    target: { kind: 'Node', name: 'n1' },
  })
  assert.is(answer.code, 201, answer.text)
  const { json } = await api.call('GET', `${PODS}/by-collection`)
  assert.is(json.spec.nodeName, 'n1')
})

test('a pod that is on no node is deleted at once', async () => {
  await createPod('unscheduled')
  await api.call('DELETE', `${PODS}/unscheduled`)
  assert.is((await api.call('GET', `${PODS}/unscheduled`)).code, 404)
})

test('a pod on a node is deleted gracefully, and the period only gets shorter', async () => {
  await createPod('graceful', 'n1')
  const url = `${PODS}/graceful`
  const { json: marked } = await api.call('DELETE', url)
  assert.is(marked.metadata.deletionGracePeriodSeconds, 30)
  const after = Date.parse(marked.metadata.deletionTimestamp) - Date.now()
  assert.ok(after > 25_000 && after <= 31_000)
  const { json: longer } = await api.call('DELETE', `${url}?gracePeriodSeconds=60`)
  assert.is(longer.metadata.resourceVersion, marked.metadata.resourceVersion)
  const { json: shorter } = await api.call('DELETE', url, { gracePeriodSeconds: 5 })
  assert.is(shorter.metadata.deletionGracePeriodSeconds, 5)
  const last = await api.call('DELETE', `${url}?gracePeriodSeconds=0`)
  assert.is(last.code, 200)
  assert.is((await api.call('GET', url)).code, 404)
})

test('an eviction deletes the pod', async () => {
  await createPod('evicted', 'n1')
  const answer = await api.call('POST', `${PODS}/evicted/eviction`, {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name: 'evicted', namespace: 'default' },
    deleteOptions: { gracePeriodSeconds: 7 },
  })
  assert.is(answer.code, 201, answer.text)
  const { json } = await api.call('GET', `${PODS}/evicted`)
  assert.is(json.metadata.deletionGracePeriodSeconds, 7)
})

test('a scale is read, set and patched', async () => {
  const url = '/apis/apps/v1/namespaces/default/deployments'
  await api.call('POST', url, {
    metadata: { name: 's' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 's' } },
      template: {
        metadata: { labels: { app: 's' } },
        spec: { containers: [{ name: 'c', image: 'i' }] },
      },
    },
  })
  const { json: scale } = await api.call('GET', `${url}/s/scale`)
  assert.is(scale.kind, 'Scale')
  assert.is(scale.apiVersion, 'autoscaling/v1')
  assert.equal(scale.spec, { replicas: 2 })
  assert.is(scale.status.selector, 'app=s')
  scale.spec.replicas = 4
  const set = await api.call('PUT', `${url}/s/scale`, scale)
  assert.is(set.json.spec.replicas, 4, set.text)
  const stale = await api.call('PUT', `${url}/s/scale`, scale)
  assert.is(stale.code, 409)
  const patched = await api.call(
    'PATCH',
    `${url}/s/scale`,
    { spec: { replicas: 6 } },
    { headers: { 'content-type': 'application/merge-patch+json' } },
  )
  assert.is(patched.json.spec.replicas, 6)
  const negative = await api.call('PUT', `${url}/s/scale`, { spec: { replicas: -1 } })
  assert.is(negative.code, 422)
  const { json } = await api.call('GET', `${url}/s`)
  assert.is(json.spec.replicas, 6)
  assert.is(json.metadata.generation, 3)
})

test('a patch of the status changes and judges what it names, and keeps the rest', async () => {
  await createPod('patched', 'n1')
  const url = `${PODS}/patched`
  const { json: before } = await api.call('GET', url)
  for (const type of ['merge', 'strategic-merge'] as const) {
    const patch = (path: string, body: object) =>
      api.call('PATCH', path, body, {
        headers: { 'content-type': `application/${type}-patch+json` },
      })
    const status = await patch(`${url}/status`, {
      metadata: { labels: { by: type } },
      spec: { nodeName: 'n2' },
      status: { message: type },
    })
    assert.is(status.code, 200, status.text)
    assert.equal(status.json.spec, before.spec)
    assert.equal(status.json.status, { ...before.status, message: type })
    assert.is(status.json.metadata.labels.by, type)
    const main = await patch(url, { metadata: { labels: { by: null } }, status: { message: 'no' } })
    assert.is(main.code, 200, main.text)
    assert.equal(main.json.spec, before.spec)
    assert.is(main.json.status.message, type)
    assert.equal(main.json.metadata.labels, before.metadata.labels)
    const wrong = await patch(`${url}/status`, { spec: { hostNetwork: 'maybe' } })
    assert.is(wrong.code, 422, wrong.text)
    const unknown = await patch(`${url}/status`, { spec: { foo: 1 } })
    assert.is(unknown.headers['warning'], '299 - "unknown field \\"spec.foo\\""')
  }
})

test('exec asks for an upgrade', async () => {
  const answer = await api.call('GET', `${PODS}/bound/exec?command=ls&stdout=true`)
  assert.is(answer.code, 400)
  assert.is(answer.json.message, 'Upgrade request required')
})

test.after(() => api.stop())
test.run()
