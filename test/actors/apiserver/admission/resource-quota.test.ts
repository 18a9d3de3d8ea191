/**
 * What the API answers where quotas and limit ranges are.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../../support/api-server.ts'

const api = await startTestApiserver()

/** A namespace with a quota whose bounds are in effect. */
const namespaceWith = async (
  name: string,
  hard: Record<string, string>,
  used: Record<string, string> = Object.fromEntries(Object.keys(hard).map((each) => [each, '0'])),
  more: object = {},
) => {
  await api.call('POST', '/api/v1/namespaces', { metadata: { name } })
  const path = `/api/v1/namespaces/${name}`
  const quotas = `${path}/resourcequotas`
  const quota = await api.call('POST', quotas, { metadata: { name: 'q' }, spec: { hard, ...more } })
  assert.is(quota.code, 201, quota.text)
  const status = { ...quota.json, status: { hard, used } }
  assert.is((await api.call('PUT', `${quotas}/q/status`, status)).code, 200)
  return {
    path,
    create: (resource: string, object: object, query = '') =>
      api.call('POST', `${path}/${resource}${query}`, object),
    used: async () => (await api.call('GET', `${quotas}/q`)).json.status.used,
  }
}
const pod = (name: string, resources: object = {}, more: object = {}) => ({
  metadata: { name },
  spec: { containers: [{ name: 'c', image: 'i', resources }], ...more },
})

test('what is created is charged at once, until there is no room left', async () => {
  const { create, used, path } = await namespaceWith('a', { pods: '2', 'requests.cpu': '1' })
  const first = await create('pods', pod('one', { requests: { cpu: '600m' } }))
  assert.is(first.code, 201, first.text)
  assert.equal(await used(), { pods: '1', 'requests.cpu': '600m' })
  const second = await create('pods', pod('two', { requests: { cpu: '500m' } }))
  assert.is(second.code, 403)
  assert.is(second.json.reason, 'Forbidden')
  assert.is(
    second.json.message,
    'pods "two" is forbidden: exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=600m, limited: requests.cpu=1',
  )
  assert.equal(second.json.details, { name: 'two', kind: 'pods' })
  assert.is((await create('pods', pod('three', { requests: { cpu: '1m' } }))).code, 201)
  const full = await create('pods', pod('four', { requests: { cpu: '1' } }))
  assert.match(
    full.json.message,
    'exceeded quota: q, requested: pods=1,requests.cpu=1, used: pods=2,requests.cpu=601m, limited: pods=2,requests.cpu=1',
  )
  assert.is((await api.call('GET', `${path}/pods`)).json.items.length, 2)
})

test('a dry run and a create that fails charge nothing', async () => {
  const { create, used } = await namespaceWith('b', { 'count/configmaps': '2' })
  assert.is((await create('configmaps', { metadata: { name: 'x' } }, '?dryRun=All')).code, 201)
  assert.equal(await used(), { 'count/configmaps': '0' })
  assert.is((await create('configmaps', { metadata: { name: 'x' } })).code, 201)
  assert.is((await create('configmaps', { metadata: { name: 'x' } })).code, 409)
  assert.equal(await used(), { 'count/configmaps': '1' })
  assert.is((await create('configmaps', { metadata: { generateName: 'y-' } })).code, 201)
  const full = await create('configmaps', { metadata: { name: 'z' } }, '?dryRun=All')
  assert.match(full.json.message, 'exceeded quota: q, requested: count/configmaps=1')
})

test('what a quota bounds has to be stated, and known', async () => {
  const { create } = await namespaceWith('c', { 'limits.cpu': '2', memory: '1Gi' })
  const silent = await create('pods', pod('p', { requests: { memory: '1Mi' } }))
  assert.is(
    silent.json.message,
    'pods "p" is forbidden: failed quota: q: must specify limits.cpu for: c',
  )
  const unknown = await namespaceWith('d', { secrets: '2', 'count/secrets': '1' }, { secrets: '0' })
  assert.is(
    (await unknown.create('secrets', { metadata: { name: 's' } })).json.message,
    'secrets "s" is forbidden: status unknown for quota: q, resources: count/secrets,secrets',
  )
})

test('an update is charged with what it adds', async () => {
  const { create, used, path } = await namespaceWith('e', {
    services: '1',
    'services.nodeports': '1',
    'services.loadbalancers': '0',
  })
  const ports = [
    { name: 'a', port: 1 },
    { name: 'b', port: 2 },
  ]
  const service = await create('services', { metadata: { name: 's' }, spec: { ports } })
  assert.is(service.code, 201, service.text)
  const { json } = service
  const put = (spec: object) =>
    api.call('PUT', `${path}/services/s`, {
      ...json,
      metadata: { name: 's' },
      spec: { ...json.spec, ...spec },
    })
  const both = await put({ type: 'NodePort' })
  assert.match(
    both.json.message,
    'services "s" is forbidden: exceeded quota: q, requested: services.nodeports=2, used: services.nodeports=0, limited: services.nodeports=1',
  )
  assert.is((await put({ type: 'NodePort', ports: [ports[0]] })).code, 200)
  assert.equal(await used(), {
    services: '1',
    'services.loadbalancers': '0',
    'services.nodeports': '1',
  })
  assert.match(
    (await put({ type: 'LoadBalancer', ports: [ports[0]] })).json.message,
    'requested: services.loadbalancers=1, used: services.loadbalancers=0, limited: services.loadbalancers=0',
  )
})

test('a quota with scopes bounds what is in them only', async () => {
  const { create } = await namespaceWith(
    'f',
    { pods: '0' },
    { pods: '0' },
    {
      scopeSelector: {
        matchExpressions: [{ scopeName: 'Terminating', operator: 'Exists' }],
      },
    },
  )
  assert.is((await create('pods', pod('long'))).code, 201)
  assert.is((await create('pods', pod('short', {}, { activeDeadlineSeconds: 5 }))).code, 403)
})

test('a pod that comes into the scope of a quota later is charged then', async () => {
  const { create, path, used } = await namespaceWith(
    'g',
    { pods: '1' },
    { pods: '0' },
    {
      scopes: ['Terminating'],
    },
  )
  for (const name of ['a', 'b']) assert.is((await create('pods', pod(name))).code, 201)
  const limit = (name: string) =>
    api.call(
      'PATCH',
      `${path}/pods/${name}`,
      { spec: { activeDeadlineSeconds: 5 } },
      {
        headers: { 'content-type': 'application/merge-patch+json' },
      },
    )
  assert.is((await limit('a')).code, 200)
  assert.equal(await used(), { pods: '1' })
  assert.match((await limit('b')).json.message, 'exceeded quota: q, requested: pods=1')
})

test('a resize is charged with what it adds, and limit ranges judge it', async () => {
  const { create, path, used } = await namespaceWith('r', { 'requests.cpu': '1' })
  assert.is((await create('pods', pod('p', { requests: { cpu: '400m' } }))).code, 201)
  const resize = (cpu: string) =>
    api.call(
      'PATCH',
      `${path}/pods/p/resize`,
      { spec: { containers: [{ name: 'c', resources: { requests: { cpu } } }] } },
      { headers: { 'content-type': 'application/strategic-merge-patch+json' } },
    )
  const grown = await resize('900m')
  assert.is(grown.code, 200, grown.text)
  assert.equal(await used(), { 'requests.cpu': '900m' })
  assert.match(
    (await resize('1100m')).json.message,
    'pods "p" is forbidden: exceeded quota: q, requested: requests.cpu=200m, used: requests.cpu=900m, limited: requests.cpu=1',
  )
  const limits = [{ type: 'Container', min: { cpu: '800m' } }]
  await create('limitranges', { metadata: { name: 'l' }, spec: { limits } })
  assert.match(
    (await resize('300m')).json.message,
    'minimum cpu usage per Container is 800m, but request is 300m',
  )
  assert.is((await resize('800m')).code, 200)
})

test('a volume claim is charged by its storage class, also when it grows', async () => {
  const name = 'gold.storageclass.storage.k8s.io/requests.storage'
  const { create, path, used } = await namespaceWith('v', { [name]: '2Gi' })
  const claim = (storage: string) => ({
    metadata: { name: 'c' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'gold',
      resources: { requests: { storage } },
    },
  })
  assert.match(
    (await create('persistentvolumeclaims', claim('3Gi'))).json.message,
    `exceeded quota: q, requested: ${name}=3Gi, used: ${name}=0, limited: ${name}=2Gi`,
  )
  assert.is((await create('persistentvolumeclaims', claim('1Gi'))).code, 201)
  assert.equal(await used(), { [name]: '1Gi' })
  const { json } = await api.call('GET', `${path}/persistentvolumeclaims/c`)
  const status = { ...json, status: { ...json.status, allocatedResources: { storage: '3Gi' } } }
  assert.is((await api.call('PUT', `${path}/persistentvolumeclaims/c/status`, status)).code, 200)
  assert.equal(await used(), { [name]: '3Gi' })
})

test('every quota of a namespace is asked and charged', async () => {
  const { create, path, used } = await namespaceWith('h', { configmaps: '5' })
  const quotas = `${path}/resourcequotas`
  const { json } = await api.call('POST', quotas, {
    metadata: { name: 'r' },
    spec: { hard: { 'count/configmaps': '1' } },
  })
  const status = { hard: { 'count/configmaps': '1' }, used: { 'count/configmaps': '0' } }
  await api.call('PUT', `${quotas}/r/status`, { ...json, status })
  const answers = await Promise.all(
    ['a', 'b', 'c'].map((name) => create('configmaps', { metadata: { name } })),
  )
  assert.equal(answers.map(({ code }) => code).sort(), [201, 403, 403])
  assert.equal(await used(), { configmaps: '1' })
  const other = await api.call('GET', `${quotas}/r`)
  assert.equal(other.json.status.used, { 'count/configmaps': '1' })
})

test('limit ranges complete pods, and refuse what is out of their bounds', async () => {
  await api.call('POST', '/api/v1/namespaces', { metadata: { name: 'i' } })
  const path = '/api/v1/namespaces/i'
  const limits = [
    {
      type: 'Container',
      default: { cpu: '200m' },
      defaultRequest: { cpu: '100m' },
      max: { cpu: '1' },
    },
    { type: 'PersistentVolumeClaim', max: { storage: '1Gi' } },
  ]
  const range = await api.call('POST', `${path}/limitranges`, {
    metadata: { name: 'l' },
    spec: { limits },
  })
  assert.is(range.code, 201, range.text)
  const completed = await api.call('POST', `${path}/pods`, pod('p'))
  assert.equal(completed.json.spec.containers[0].resources, {
    limits: { cpu: '200m' },
    requests: { cpu: '100m' },
  })
  assert.is(completed.json.status.qosClass, 'Burstable')
  assert.is(
    completed.json.metadata.annotations['kubernetes.io/limit-ranger'],
    'LimitRanger plugin set: cpu request for container c; cpu limit for container c',
  )
  const greedy = await api.call('POST', `${path}/pods`, pod('q', { limits: { cpu: '2' } }))
  assert.is(
    greedy.json.message,
    'pods "q" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
  )
  const claim = await api.call('POST', `${path}/persistentvolumeclaims`, {
    metadata: { name: 'v' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } } },
  })
  assert.is(
    claim.json.message,
    'persistentvolumeclaims "v" is forbidden: maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi',
  )
})

test.after(() => api.stop())
test.run()
