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
  const places = json.items.map(
    ({ metadata }: { metadata: { namespace: string; name: string } }) => [
      metadata.namespace,
      metadata.name,
    ],
  )
  assert.equal(places, [...places].sort())
  assert.ok(namesOf(json).startsWith('a,b,c,d,e,'))
  assert.ok(namesOf(json).endsWith(',z'))
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

test('pages that are minutes apart do not show one revision, and tell how many are left', async () => {
  const first = await api.call('GET', `${CONFIG_MAPS}?limit=1`)
  await create('late')
  const token = JSON.parse(Buffer.from(first.json.metadata.continue, 'base64url').toString())
  const ago = (minutes: number) => {
    const since = token.since - minutes * 60_000
    const text = Buffer.from(JSON.stringify({ ...token, since })).toString('base64url')
    return api.call('GET', `${CONFIG_MAPS}?limit=1&continue=${text}`)
  }
  assert.is((await ago(4)).code, 200)
  const { code, json } = await ago(6)
  assert.is(code, 410)
  const next = await api.call('GET', `${CONFIG_MAPS}?limit=1&continue=${json.metadata.continue}`)
  const { resourceVersion, remainingItemCount } = next.json.metadata
  assert.not.equal(resourceVersion, first.json.metadata.resourceVersion)
  assert.is(remainingItemCount, first.json.metadata.remainingItemCount - 1)
})

test('with the token of that answer the list goes on with what there is now', async () => {
  const first = await api.call('GET', `${CONFIG_MAPS}?limit=1`)
  await create('yet-another')
  const { changesSince } = storage.cache
  storage.cache.changesSince = () => undefined
  const old = encodeURIComponent(first.json.metadata.continue)
  const { json } = await api.call('GET', `${CONFIG_MAPS}?limit=1&continue=${old}`)
  storage.cache.changesSince = changesSince
  const token = encodeURIComponent(json.metadata.continue)
  const rest = await api.call('GET', `${CONFIG_MAPS}?continue=${token}`)
  assert.is(rest.code, 200)
  assert.match(namesOf(rest.json), 'yet-another')
  assert.not.ok(namesOf(rest.json).split(',').includes(namesOf(first.json)))
  assert.is(rest.json.metadata.resourceVersion, String(storage.cache.head))
})

test('a limit with a resourceVersion means exactly that', async () => {
  const before = String(storage.cache.head)
  await create('aa-later')
  const { json } = await api.call('GET', `${CONFIG_MAPS}?resourceVersion=${before}&limit=500`)
  assert.not.match(namesOf(json), 'aa-later')
  const { json: newer } = await api.call('GET', `${CONFIG_MAPS}?resourceVersion=${before}`)
  assert.match(namesOf(newer), 'aa-later')
})

test('options that contradict each other are refused in the words of Kubernetes', async () => {
  const refusal = async (query: string): Promise<string> => {
    const { code, json } = await api.call('GET', `${CONFIG_MAPS}?${query}`)
    return `${code} ${json.message}`
  }
  const invalid = '422 ListOptions.meta.k8s.io "" is invalid: '
  const TABLE = {
    'limit=ten': '400 strconv.ParseInt: parsing "ten": invalid syntax',
    'resourceVersion=abc':
      '400 invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax',
    'resourceVersionMatch=Exact': `${invalid}resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided`,
    'resourceVersionMatch=Exact&resourceVersion=0': `${invalid}resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"`,
    'resourceVersionMatch=Some&resourceVersion=1': `${invalid}resourceVersionMatch: Unsupported value: "Some": supported values: "Exact", "NotOlderThan", ""`,
    'sendInitialEvents=true': `${invalid}sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list`,
    'watch=1&sendInitialEvents=true': `${invalid}resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan`,
    'watch=1&resourceVersion=1&resourceVersionMatch=NotOlderThan': `${invalid}resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided`,
    'watch=1&resourceVersion=abc':
      '422 configmaps "" is invalid: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax',
    'fieldSelector=spec.x%3D1':
      '400 "spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
    'labelSelector=a%20in': "400 unable to parse requirement: found '' expected: '('",
  }
  for (const [query, expected] of Object.entries(TABLE)) assert.is(await refusal(query), expected)
  const get = await api.call('GET', `${CONFIG_MAPS}/d?resourceVersion=abc`)
  assert.is(get.code, 500)
})

test('paths may end with a slash; methods and paths there are not are refused', async () => {
  assert.is((await api.call('GET', `${CONFIG_MAPS}/`)).code, 200)
  for (const method of ['HEAD', 'OPTIONS', 'PUT', 'PATCH', 'TRACE'])
    assert.is((await api.call(method, CONFIG_MAPS)).code, 405, method)
  const refused = await api.call('POST', '/version')
  assert.is(refused.code, 405)
  assert.is(refused.json.reason, 'MethodNotAllowed')
})

test('a watch by its old path is one', async () => {
  const path = '/api/v1/watch/namespaces/default/configmaps?timeoutSeconds=1'
  const answer = await api.call('GET', path, undefined, {
    headers: { accept: 'application/vnd.kubernetes.protobuf' },
  })
  assert.is(answer.code, 200)
  assert.match(String(answer.headers['content-type']), 'stream=watch')
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
