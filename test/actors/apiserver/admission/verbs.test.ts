/**
 * Plug-ins on every way a write takes: create, update, patch, apply, delete, scale, bindings, evictions, dry runs.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../../support/api-server.ts'

const api = await startTestApiserver(undefined, undefined, 0, 1, {
  admission: {
    enable: ['AlwaysPullImages', 'DenyServiceExternalIPs'],
    disable: ['DefaultIngressClass'],
  },
})
test.after(() => api.stop())

const PODS = '/api/v1/namespaces/default/pods'
const SERVICES = '/api/v1/namespaces/default/services'
const container = (image: string) => ({ name: 'c', image, imagePullPolicy: 'IfNotPresent' })
const makePod = (name: string, more: object = {}, query = '') =>
  api.call('POST', `${PODS}${query}`, {
    metadata: { name },
    spec: { containers: [container('i:1')], ...more },
  })
const patch = (path: string, body: object, type = 'strategic-merge-patch+json') =>
  api.call('PATCH', path, body, { headers: { 'content-type': `application/${type}` } })
const DENIED = 'Use of external IPs is denied by admission control'

test('a create is completed before it is validated, and what is added is nobody’s', async () => {
  const { code, json } = await makePod('made')
  assert.is(code, 201)
  assert.is(json.spec.containers[0].imagePullPolicy, 'Always')
  assert.is(json.spec.priority, 0)
  assert.is(json.spec.tolerations.length, 2)
  const [{ fieldsV1 }] = json.metadata.managedFields
  assert.ok(fieldsV1['f:spec']['f:containers'])
  for (const field of ['f:tolerations', 'f:priority', 'f:preemptionPolicy', 'f:serviceAccount'])
    assert.is(fieldsV1['f:spec'][field], undefined, field)
})

test('a dry run goes the same way', async () => {
  const { json } = await makePod('dry', {}, '?dryRun=All')
  assert.is(json.spec.containers[0].imagePullPolicy, 'Always')
  assert.is((await api.call('GET', `${PODS}/dry`)).code, 404)
})

test('updates and patches are completed and judged with what is stored', async () => {
  const { json } = await makePod('changed')
  json.spec.containers[0].image = 'i:2'
  json.spec.tolerations = json.spec.tolerations.slice(0, 1)
  delete json.spec.priority
  const updated = await api.call('PUT', `${PODS}/changed`, json)
  assert.is(updated.code, 200, updated.text)
  assert.is(updated.json.spec.tolerations.length, 2)
  assert.is(updated.json.spec.priority, 0)
  const patched = await patch(`${PODS}/changed`, {
    spec: { containers: [{ name: 'c', image: 'i:3' }] },
  })
  assert.is(patched.json.spec.containers[0].image, 'i:3')
  assert.is(patched.json.spec.containers[0].imagePullPolicy, 'Always')
})

test('a Service is refused whichever way external addresses come', async () => {
  const ports = [{ port: 80 }]
  const create = await api.call('POST', SERVICES, {
    metadata: { name: 'a' },
    spec: { ports, externalIPs: ['1.1.1.1'] },
  })
  assert.equal([create.code, create.json.message], [403, `services "a" is forbidden: ${DENIED}`])
  const { json } = await api.call('POST', SERVICES, { metadata: { name: 'a' }, spec: { ports } })
  const spec = { ...json.spec, externalIPs: ['1.1.1.1'] }
  assert.is((await api.call('PUT', `${SERVICES}/a`, { ...json, spec })).code, 403)
  const change = { spec: { externalIPs: ['1.1.1.1'] } }
  assert.is((await patch(`${SERVICES}/a`, change)).code, 403)
  assert.is((await patch(`${SERVICES}/a?dryRun=All`, change, 'merge-patch+json')).code, 403)
  const configuration = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'b' }, ...change }
  const applied = await patch(
    `${SERVICES}/b?fieldManager=me`,
    { ...configuration, spec: { ports, ...change.spec } },
    'apply-patch+yaml',
  )
  assert.is(applied.code, 403, applied.text)
  const addresses = (await api.call('GET', SERVICES)).json.items
  assert.equal(
    addresses.map(({ metadata }: { metadata: { name: string } }) => metadata.name).sort(),
    ['a', 'kubernetes'],
  )
})

test('a binding is completed, and the pod carries the labels', async () => {
  const labels = { 'topology.kubernetes.io/zone': 'z1' }
  await api.call('POST', '/api/v1/nodes', { metadata: { name: 'n1', labels } })
  await makePod('bound')
  const binding = { target: { kind: 'Node', name: 'n1' } }
  assert.is((await api.call('POST', `${PODS}/bound/binding`, binding)).code, 201)
  const { json } = await api.call('GET', `${PODS}/bound`)
  assert.is(json.spec.nodeName, 'n1')
  assert.is(json.metadata.labels['topology.kubernetes.io/zone'], 'z1')
})

test('in a namespace on its way out nothing begins, evictions and bindings neither', async () => {
  const at = '/api/v1/namespaces/leaving'
  await api.call('POST', '/api/v1/namespaces', { metadata: { name: 'leaving' } })
  const body = { metadata: { name: 'p' }, spec: { containers: [container('i:1')] } }
  assert.is((await api.call('POST', `${at}/pods`, body)).code, 201)
  assert.is((await api.call('DELETE', at)).code, 200)
  const why = (name: string) =>
    `pods "${name}" is forbidden: unable to create new content in namespace leaving because it is being terminated`
  const eviction = { metadata: { name: 'p' } }
  const evicted = await api.call('POST', `${at}/pods/p/eviction`, eviction)
  assert.equal([evicted.code, evicted.json.message], [403, why('p')])
  assert.equal(evicted.json.details.causes, [
    {
      reason: 'NamespaceTerminating',
      message: 'namespace leaving is being terminated',
      field: 'metadata.namespace',
    },
  ])
  const binding = { target: { kind: 'Node', name: 'n1' } }
  assert.is((await api.call('POST', `${at}/pods/p/binding`, binding)).code, 403)
  const token = await api.call('POST', `${at}/serviceaccounts/default/token`, {})
  assert.is(token.json.details?.causes?.[0].reason, 'NamespaceTerminating', token.text)
  const named = await api.call('POST', `${at}/configmaps`, { metadata: { generateName: 'x-' } })
  assert.match(named.json.message, 'configmaps "x-" is forbidden')
})

test('whoever asks what they may do is not told which namespaces there are', async () => {
  const path = '/apis/authorization.k8s.io/v1/namespaces/nowhere/localsubjectaccessreviews'
  const spec = {
    user: 'jane',
    resourceAttributes: { namespace: 'nowhere', verb: 'get', resource: 'pods' },
  }
  const { code, text } = await api.call('POST', path, { metadata: { namespace: 'nowhere' }, spec })
  assert.is(code, 201, text)
})

test('three namespaces stay', async () => {
  for (const name of ['default', 'kube-system', 'kube-public']) {
    const { code, json } = await api.call('DELETE', `/api/v1/namespaces/${name}`)
    const message = `namespaces "${name}" is forbidden: this namespace may not be deleted`
    assert.equal([code, json.message], [403, message])
  }
  assert.is((await api.call('DELETE', '/api/v1/namespaces')).code, 405)
})

test('protected storage waits for its controller', async () => {
  const path = '/api/v1/namespaces/default/persistentvolumeclaims'
  const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }
  const { json } = await api.call('POST', path, { metadata: { name: 'data' }, spec })
  assert.equal(json.metadata.finalizers, ['kubernetes.io/pvc-protection'])
  const deleted = await api.call('DELETE', `${path}/data`)
  assert.ok(deleted.json.metadata.deletionTimestamp)
})

test('a plug-in that is switched off does nothing', async () => {
  const group = '/apis/networking.k8s.io/v1'
  await api.call('POST', `${group}/ingressclasses`, {
    metadata: {
      name: 'usual',
      annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' },
    },
    spec: { controller: 'example.com/x' },
  })
  const { json } = await api.call('POST', `${group}/namespaces/default/ingresses`, {
    metadata: { name: 'web' },
    spec: { defaultBackend: { service: { name: 'a', port: { number: 80 } } } },
  })
  assert.is(json.spec.ingressClassName, undefined)
})

test.run()
