/**
 * ComponentStatus: read only, made up of what the apiserver knows.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../support/api-server.ts'
import { memoryStorage } from '../../support/memory-storage.ts'

const api = await startTestApiserver(memoryStorage())
const PATH = '/api/v1/componentstatuses'

const lease = (renewTime: string) => ({
  metadata: { name: 'scheduler' },
  spec: { holderIdentity: 'me', leaseDurationSeconds: 15, renewTime },
})

test('a component is healthy while somebody keeps its lease', async () => {
  const before = await api.call('GET', `${PATH}/scheduler`)
  assert.is(before.json.conditions[0].status, 'False')
  const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases'
  const now = new Date().toISOString().replace('Z', '000Z')
  assert.is((await api.call('POST', leases, lease(now))).code, 201)
  const after = await api.call('GET', `${PATH}/scheduler`)
  assert.equal(after.json.conditions, [{ type: 'Healthy', status: 'True', message: 'ok' }])
})

test('all are listed, selected and shown in a table, with a warning', async () => {
  const list = await api.call('GET', PATH)
  assert.equal(
    list.json.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name),
    ['controller-manager', 'scheduler', 'etcd-0'],
  )
  assert.match(String(list.headers['warning']), /v1 ComponentStatus is deprecated in v1.19\+/)
  const one = await api.call('GET', `${PATH}?fieldSelector=metadata.name%3Detcd-0`)
  assert.is(one.json.items.length, 1)
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io'
  const table = await api.call('GET', PATH, undefined, { headers: { accept } })
  assert.equal(table.json.rows[2].cells, ['etcd-0', 'Healthy', 'ok', ''])
})

test('nothing can be written or watched, and discovery says so', async () => {
  const created = await api.call('POST', PATH, { metadata: { name: 'mine' } })
  assert.is(created.code, 405, created.text)
  assert.is((await api.call('DELETE', `${PATH}/etcd-0`)).code, 405)
  assert.is((await api.call('GET', `${PATH}?watch=true`)).code, 405)
  assert.is((await api.call('GET', `${PATH}/nobody`)).code, 404)
  const { json } = await api.call('GET', '/api/v1')
  const found = json.resources.find(({ name }: { name: string }) => name === 'componentstatuses')
  assert.equal(found.verbs, ['get', 'list'])
})

test.after(() => api.stop())
test.run()
