/**
 * APIServices of what the API serves itself: there from the start, and with every custom resource.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../support/api-server.ts'

const api = await startTestApiserver()
const APISERVICES = '/apis/apiregistration.k8s.io/v1/apiservices'
const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'

const until = async (what: string, isSo: () => Promise<boolean>) => {
  for (let tries = 0; tries < 200; tries++) {
    if (await isSo()) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  assert.unreachable(`never: ${what}`)
}

test('every built-in group but that of APIServices has one for each of its versions', async () => {
  const { json } = await api.call('GET', APISERVICES)
  const found = json.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)
  for (const name of ['v1.', 'v1.apps', 'v1.rbac.authorization.k8s.io', 'v1.authorization.k8s.io'])
    assert.ok(found.includes(name), name)
  assert.not.ok(found.includes('v1.apiregistration.k8s.io'))
  const groups = await api.call('GET', '/apis')
  for (const { name, versions } of groups.json.groups)
    for (const { version } of versions)
      assert.ok(name === 'apiregistration.k8s.io' || found.includes(`${version}.${name}`), name)
})

test('it is local, kept by the API, and available', async () => {
  const { json } = await api.call('GET', `${APISERVICES}/v1.apps`)
  assert.equal(json.metadata.labels, { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' })
  assert.equal(json.spec, {
    group: 'apps',
    version: 'v1',
    groupPriorityMinimum: 17800,
    versionPriority: 15,
  })
  const [{ type, status, reason, message }] = json.status.conditions
  assert.equal(
    [type, status, reason, message],
    ['Available', 'True', 'Local', 'Local APIServices are always available'],
  )
})

test('one of a custom resource comes and goes with its definition', async () => {
  const definition = {
    metadata: { name: 'cups.tea.example.com' },
    spec: {
      group: 'tea.example.com',
      scope: 'Namespaced',
      names: { plural: 'cups', singular: 'cup', kind: 'Cup', listKind: 'CupList' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object' } },
        },
      ],
    },
  }
  const created = await api.call('POST', DEFINITIONS, definition)
  assert.is(created.code, 201, created.text)
  const path = `${APISERVICES}/v1.tea.example.com`
  await until('its APIService is there', async () => (await api.call('GET', path)).code === 200)
  const { json } = await api.call('GET', path)
  assert.is(json.metadata.labels['kube-aggregator.kubernetes.io/automanaged'], 'true')
  assert.equal([json.spec.groupPriorityMinimum, json.spec.versionPriority], [1000, 100])
  await api.call('DELETE', `${DEFINITIONS}/cups.tea.example.com`)
  await until('its APIService is gone', async () => (await api.call('GET', path)).code === 404)
})

test('an APIService of somebody else stays', async () => {
  const { code } = await api.call('POST', APISERVICES, {
    metadata: { name: 'v1.other.example.com' },
    spec: {
      group: 'other.example.com',
      version: 'v1',
      groupPriorityMinimum: 1,
      versionPriority: 1,
      service: { namespace: 'default', name: 'other' },
    },
  })
  assert.is(code, 201)
  const { json } = await api.call('GET', `${APISERVICES}/v1.other.example.com`)
  assert.is(json.spec.service.name, 'other')
  assert.not.ok(JSON.stringify(json.status).includes('Local'))
})

test.after(() => api.stop())
test.run()
