/**
 * What the HTTPS door serves besides resources, and to whom.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createAuthority, issueCertificate } from '../../../src/node/pki.ts'
import { startTestApiserver, TOKEN } from '../../support/api-server.ts'

const api = await startTestApiserver()
const get = (path: string, headers: Record<string, string> = {}) =>
  api.call('GET', path, undefined, { headers })

test('health is public, resources are not', async () => {
  for (const path of ['/healthz', '/livez', '/readyz']) {
    const answer = await api.call('GET', path, undefined, { anonymous: true })
    assert.is(answer.code, 200)
    assert.is(answer.text, 'ok')
  }
  const verbose = await get('/readyz?verbose')
  assert.match(verbose.text, /^\[\+\]ping ok\n\[\+\]log ok\n\[\+\]etcd ok\n/)
  assert.match(verbose.text, /\[\+\]shutdown ok\nreadyz check passed\n$/)
  assert.is((await get('/readyz/etcd')).text, 'ok')
  assert.is((await get('/livez/shutdown')).code, 404)
  const refused = await api.call('GET', '/api/v1/namespaces/default/pods', undefined, {
    anonymous: true,
  })
  assert.is(refused.code, 403)
  assert.is(
    refused.json.message,
    'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace "default"',
  )
  const metrics = await api.call('GET', '/metrics', undefined, { anonymous: true })
  assert.is(metrics.code, 403)
  assert.is(metrics.json.message, 'forbidden: User "system:anonymous" cannot get path "/metrics"')
})

test('a token is believed, a wrong one is refused', async () => {
  const asRobot = (token: string) =>
    api.call('GET', '/api/v1/namespaces', undefined, {
      anonymous: true,
      headers: { authorization: `Bearer ${token}` },
    })
  assert.is((await asRobot(TOKEN)).code, 200)
  const wrong = await asRobot('guess')
  assert.is(wrong.code, 401)
  assert.is(wrong.json.reason, 'Unauthorized')
  assert.is(wrong.json.message, 'Unauthorized')
})

test('a certificate of another authority is refused', async () => {
  const nowMs = Date.now()
  const foreign = await createAuthority('other', nowMs)
  const certificate = await issueCertificate(foreign, {
    subject: { commonName: 'admin', organizations: ['system:masters'] },
    usage: 'client',
    nowMs,
  })
  const answer = await api.call('GET', '/api/v1/namespaces', undefined, { certificate })
  assert.is(answer.code, 401)
})

test('the version is that of Kubernetes 1.36', async () => {
  const { json } = await get('/version')
  assert.is(`${json.major}.${json.minor}`, '1.36')
  assert.match(json.gitVersion, /^v1\.36\.0\+kubus/)
})

test('plain discovery lists groups, versions and resources', async () => {
  assert.equal((await get('/api')).json.versions, ['v1'])
  const groups = (await get('/apis')).json.groups.map(({ name }: { name: string }) => name)
  for (const group of ['apps', 'coordination.k8s.io', 'discovery.k8s.io'])
    assert.ok(groups.includes(group), group)
  assert.is((await get('/apis/apps')).json.preferredVersion.groupVersion, 'apps/v1')
  const { json } = await get('/api/v1')
  const byName = new Map(json.resources.map((each: { name: string }) => [each.name, each]))
  assert.equal(byName.get('pods/eviction'), {
    name: 'pods/eviction',
    singularName: '',
    namespaced: true,
    group: 'policy',
    version: 'v1',
    kind: 'Eviction',
    verbs: ['create'],
  })
  for (const name of ['pods/log', 'pods/exec', 'pods/binding', 'bindings', 'namespaces/finalize'])
    assert.ok(byName.has(name), name)
  const apps = (await get('/apis/apps/v1')).json.resources
  const scale = apps.find(({ name }: { name: string }) => name === 'deployments/scale')
  assert.is(`${scale.group}/${scale.version}/${scale.kind}`, 'autoscaling/v1/Scale')
  assert.is((await get('/apis/nothing/v1')).code, 404)
})

test('aggregated discovery says the same in one document', async () => {
  const accept =
    'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json'
  const answer = await get('/apis', { accept })
  assert.is(
    answer.headers['content-type'],
    'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  )
  const apps = answer.json.items.find(
    (item: { metadata: { name: string } }) => item.metadata.name === 'apps',
  )
  const names = apps.versions[0].resources.map(({ resource }: { resource: string }) => resource)
  assert.ok(names.includes('deployments'))
  const core = await get('/api', { accept })
  assert.is(core.json.items.length, 1)
})

test('OpenAPI is served in both versions, and not sent again to who has it', async () => {
  const v2 = await get('/openapi/v2')
  assert.is(v2.json.swagger, '2.0')
  assert.ok(v2.json.definitions['io.k8s.api.core.v1.Pod'])
  const { json } = await get('/openapi/v3')
  const { serverRelativeURL } = json.paths['apis/apps/v1']
  const v3 = await get(serverRelativeURL)
  assert.match(v3.json.openapi, /^3\./)
  const etag = String(v3.headers['etag'])
  const again = await get(serverRelativeURL, { 'if-none-match': etag })
  assert.is(again.code, 304)
})

test('metrics count requests in the format of Prometheus', async () => {
  const { text } = await get('/metrics')
  assert.match(
    text,
    /apiserver_request_total\{verb="LIST",group="",resource="namespaces",subresource="",code="200"\} \d+/,
  )
  assert.match(text, /process_resident_memory_bytes \d+/)
  assert.match(text, /apiserver_storage_objects\{resource="namespaces"\} 4/)
})

test('the system namespaces and the Service of the API are there from the start', async () => {
  const { json } = await get('/api/v1/namespaces')
  assert.is(
    json.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name).join(),
    'default,kube-node-lease,kube-public,kube-system',
  )
  const service = await get('/api/v1/namespaces/default/services/kubernetes')
  assert.is(service.json.spec.clusterIP, '10.96.0.1')
  assert.is(service.json.spec.ports[0].targetPort, api.port)
  const endpoints = await get('/api/v1/namespaces/default/endpoints/kubernetes')
  assert.equal(endpoints.json.subsets[0].addresses, [{ ip: '192.0.2.10' }])
})

test.after(() => api.stop())
test.run()
