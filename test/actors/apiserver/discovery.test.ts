/**
 * Discovery over HTTPS, plain and aggregated, with custom resources that come and go.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../support/api-server.ts'

const api = await startTestApiserver()
const get = (path: string, headers: Record<string, string> = {}) =>
  api.call('GET', path, undefined, { headers })

const accept = (version: string) =>
  `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList,application/json`

interface Resource {
  name: string
  verbs: string[]
  storageVersionHash?: string
}

const definition = (kind: string) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${kind.toLowerCase()}s.stable.example.com` },
  spec: {
    group: 'stable.example.com',
    scope: 'Namespaced',
    names: {
      plural: `${kind.toLowerCase()}s`,
      singular: kind.toLowerCase(),
      kind,
      shortNames: [kind.slice(0, 2).toLowerCase()],
      categories: ['all'],
    },
    versions: ['v1beta1', 'v1', 'v2'].map((name) => ({
      name,
      served: true,
      storage: name === 'v1',
      subresources: { status: {} },
      schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object' } } } },
    })),
  },
})
const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'

const until = async (holds: () => Promise<boolean>) => {
  for (let tries = 0; tries < 200; tries++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('it never held')
}

test('groups stand in the order of their priority', async () => {
  const { json } = await get('/apis')
  const names: string[] = json.groups.map(({ name }: { name: string }) => name)
  const expected = [
    'apiregistration.k8s.io',
    'apps',
    'events.k8s.io',
    'authentication.k8s.io',
    'authorization.k8s.io',
    'autoscaling',
    'batch',
    'certificates.k8s.io',
    'networking.k8s.io',
    'policy',
    'rbac.authorization.k8s.io',
    'storage.k8s.io',
    'admissionregistration.k8s.io',
    'apiextensions.k8s.io',
    'scheduling.k8s.io',
    'coordination.k8s.io',
    'node.k8s.io',
    'discovery.k8s.io',
  ]
  assert.equal(
    names.filter((name) => expected.includes(name)),
    expected,
  )
  const autoscaling = json.groups.find(({ name }: { name: string }) => name === 'autoscaling')
  assert.equal(
    autoscaling.versions.map(({ version }: { version: string }) => version),
    ['v2', 'v1'],
  )
})

test('resources have their verbs, and the hash of the version they are stored in', async () => {
  const resources: Resource[] = (await get('/api/v1')).json.resources
  const named = (name: string) => resources.find((each) => each.name === name)
  assert.is(named('pods')?.storageVersionHash, 'xPOwRZ+Yhw8=')
  assert.equal(named('pods')?.verbs, [
    'create',
    'delete',
    'deletecollection',
    'get',
    'list',
    'patch',
    'update',
    'watch',
  ])
  assert.is(named('pods/status')?.storageVersionHash, undefined)
  assert.equal(named('pods/proxy')?.verbs, ['create', 'delete', 'get', 'patch', 'update'])
  assert.equal(
    resources.filter(({ name }) => name.startsWith('pods/')).map(({ name }) => name),
    [
      'attach',
      'binding',
      'ephemeralcontainers',
      'eviction',
      'exec',
      'log',
      'portforward',
      'proxy',
      'resize',
      'status',
    ].map((name) => `pods/${name}`),
  )
  const apps: Resource[] = (await get('/apis/apps/v1')).json.resources
  assert.is(apps.find(({ name }) => name === 'deployments')?.storageVersionHash, '8aSe+NMegvE=')
})

test('the aggregated form says the same, is tagged and not sent twice', async () => {
  for (const version of ['v2', 'v2beta1'])
    for (const path of ['/api', '/apis']) {
      const answer = await get(path, { accept: accept(version) })
      assert.match(String(answer.headers['content-type']), new RegExp(`v=${version};`))
      assert.is(answer.json.apiVersion, `apidiscovery.k8s.io/${version}`)
      const etag = String(answer.headers['etag'])
      assert.match(etag, /^"[0-9A-F]{128}"$/)
      const again = await get(path, { accept: accept(version), 'if-none-match': etag })
      assert.is(again.code, 304)
      assert.is(again.text, '')
      for (const { metadata, versions } of answer.json.items)
        for (const { version: name, resources } of versions) {
          const place = metadata.name ? `/apis/${metadata.name}/${name}` : `/api/${name}`
          const plain: Resource[] = (await get(place)).json.resources
          assert.equal(
            resources.flatMap(
              ({
                resource,
                subresources = [],
              }: {
                resource: string
                subresources?: { subresource: string }[]
              }) => [resource, ...subresources.map((sub) => `${resource}/${sub.subresource}`)],
            ),
            plain.map(({ name: each }) => each),
            place,
          )
        }
    }
})

test('custom resources are there as soon as they are served, and gone with their definition', async () => {
  const before = await get('/apis', { accept: accept('v2') })
  assert.is((await api.call('POST', DEFINITIONS, definition('CronTab'))).code, 201)
  await until(async () => (await get('/apis/stable.example.com')).code === 200)
  const group = (await get('/apis/stable.example.com')).json
  assert.is(group.preferredVersion.groupVersion, 'stable.example.com/v2')
  assert.equal(
    group.versions.map(({ version }: { version: string }) => version),
    ['v2', 'v1', 'v1beta1'],
  )
  const { resources } = (await get('/apis/stable.example.com/v1')).json
  assert.equal(
    resources.map(({ name }: Resource) => name),
    ['crontabs', 'crontabs/status'],
  )
  assert.equal(resources[0].shortNames, ['cr'])
  assert.equal(resources[0].categories, ['all'])
  const after = await get('/apis', { accept: accept('v2') })
  assert.is.not(after.headers['etag'], before.headers['etag'])
  assert.is(after.json.items.at(-1).metadata.name, 'stable.example.com')
  await api.call('DELETE', `${DEFINITIONS}/crontabs.stable.example.com`)
  await until(async () => (await get('/apis/stable.example.com')).code === 404)
})

test('the root names what there is', async () => {
  const { paths } = (await get('/')).json
  for (const path of ['/api/v1', '/apis/apps', '/apis/apps/v1', '/openapi/v3', '/healthz'])
    assert.ok(paths.includes(path), path)
})

test.after(() => api.stop())

test.run()
