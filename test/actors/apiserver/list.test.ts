/**
 * list: selectors, pages, revisions, tables.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../support/api-server.ts'
import { memoryStorage } from '../../support/memory-storage.ts'

const storage = memoryStorage()
const api = await startTestApiserver(storage)
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
const namesOf = (json: { items: { metadata: { name: string } }[] }) =>
  json.items.map(({ metadata }) => metadata.name).join()

const create = (name: string, labels: Record<string, string> = {}, namespace = 'default') =>
  api.call('POST', `/api/v1/namespaces/${namespace}/configmaps`, { metadata: { name, labels } })

for (const name of ['d', 'a', 'c', 'e', 'b'])
  await create(name, { shard: name < 'c' ? 'low' : 'high' })
await create('z', {}, 'kube-system')

test('a list is in order and tells its revision', async () => {
  const { json } = await api.call('GET', CONFIG_MAPS)
  assert.is(json.kind, 'ConfigMapList')
  assert.is(namesOf(json), 'a,b,c,d,e')
  assert.is(json.metadata.resourceVersion, String(storage.cache.head))
})

test('a list over all namespaces goes namespace by namespace', async () => {
  const { json } = await api.call('GET', '/api/v1/configmaps')
  assert.is(namesOf(json), 'a,b,c,d,e,extension-apiserver-authentication,z')
})

test('labels and fields select', async () => {
  const { json: low } = await api.call('GET', `${CONFIG_MAPS}?labelSelector=shard%3Dlow`)
  assert.is(namesOf(low), 'a,b')
  const { json: one } = await api.call('GET', `${CONFIG_MAPS}?fieldSelector=metadata.name%3Dc`)
  assert.is(namesOf(one), 'c')
  const { json: not } = await api.call('GET', `${CONFIG_MAPS}?fieldSelector=metadata.name!%3Dc`)
  assert.is(namesOf(not), 'a,b,d,e')
  const unknown = await api.call('GET', `${CONFIG_MAPS}?fieldSelector=spec.x%3D1`)
  assert.is(unknown.code, 400)
  const broken = await api.call('GET', `${CONFIG_MAPS}?labelSelector=%3D%3D`)
  assert.is(broken.code, 400)
})

test('pages show one revision, whatever happens between them', async () => {
  const first = await api.call('GET', `${CONFIG_MAPS}?limit=2`)
  assert.is(namesOf(first.json), 'a,b')
  assert.is(first.json.metadata.remainingItemCount, 3)
  await api.call('DELETE', `${CONFIG_MAPS}/c`)
  await create('bb')
  await api.call('PUT', `${CONFIG_MAPS}/d`, { metadata: { name: 'd' }, data: { later: 'yes' } })
  const token = encodeURIComponent(first.json.metadata.continue)
  const second = await api.call('GET', `${CONFIG_MAPS}?limit=2&continue=${token}`)
  assert.is(namesOf(second.json), 'c,d')
  assert.is(second.json.items[1].data, undefined)
  assert.is(second.json.metadata.resourceVersion, first.json.metadata.resourceVersion)
  assert.is(second.json.metadata.remainingItemCount, 1)
  const rest = encodeURIComponent(second.json.metadata.continue)
  const third = await api.call('GET', `${CONFIG_MAPS}?limit=2&continue=${rest}`)
  assert.is(namesOf(third.json), 'e')
  assert.is(third.json.metadata.continue, undefined)
})

test('a list can be asked for at an exact revision', async () => {
  const before = String(storage.cache.head)
  await create('new')
  const { json } = await api.call(
    'GET',
    `${CONFIG_MAPS}?resourceVersion=${before}&resourceVersionMatch=Exact`,
  )
  assert.not.match(namesOf(json), 'new')
  assert.is(json.metadata.resourceVersion, before)
})

test('a page whose revision is forgotten is answered with 410', async () => {
  const first = await api.call('GET', `${CONFIG_MAPS}?limit=1`)
  await create('another')
  const { changesSince } = storage.cache
  storage.cache.changesSince = () => undefined
  const token = encodeURIComponent(first.json.metadata.continue)
  const second = await api.call('GET', `${CONFIG_MAPS}?limit=1&continue=${token}`)
  storage.cache.changesSince = changesSince
  assert.is(second.code, 410)
  assert.is(second.json.reason, 'Expired')
})

test('a nonsensical continue token is refused', async () => {
  const answer = await api.call('GET', `${CONFIG_MAPS}?limit=1&continue=xyz`)
  assert.is(answer.code, 400)
  assert.is(answer.json.message, 'invalid continue token: continue key is not valid')
})

test('a table has rows with the metadata of the objects', async () => {
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'
  const { json } = await api.call('GET', CONFIG_MAPS, undefined, { headers: { accept } })
  assert.is(json.kind, 'Table')
  assert.is(json.columnDefinitions[0].name, 'Name')
  assert.is(json.rows[0].cells[0], 'a')
  assert.is(json.rows[0].object.kind, 'PartialObjectMetadata')
  const one = await api.call('GET', `${CONFIG_MAPS}/a`, undefined, { headers: { accept } })
  assert.is(one.json.rows.length, 1)
})

test('metadata alone can be listed', async () => {
  const accept = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'
  const { json } = await api.call('GET', CONFIG_MAPS, undefined, { headers: { accept } })
  assert.is(json.kind, 'PartialObjectMetadataList')
  assert.is(json.items[0].data, undefined)
})

test('a large list is compressed for those who accept it', async () => {
  const body = (name: string) => ({ metadata: { name }, data: { pad: 'x'.repeat(70_000) } })
  for (const name of ['big1', 'big2']) await api.call('POST', CONFIG_MAPS, body(name))
  const headers = { 'accept-encoding': 'gzip' }
  const answer = await api.call('GET', `${CONFIG_MAPS}?labelSelector=`, undefined, {
    headers: { ...headers, accept: 'application/yaml' },
  })
  assert.is(answer.headers['content-encoding'], 'gzip')
})

test('a collection is deleted by selector', async () => {
  const answer = await api.call('DELETE', `${CONFIG_MAPS}?labelSelector=shard%3Dlow`)
  assert.is(answer.code, 200)
  const { json } = await api.call('GET', CONFIG_MAPS)
  assert.not.match(namesOf(json), /\ba\b/)
})

test.after(() => api.stop())
test.run()
