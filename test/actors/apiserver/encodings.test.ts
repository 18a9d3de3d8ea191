/**
 * One object, one list and one watch in every form that is offered.
 */
import { request } from 'node:https'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parse as parseYaml } from 'yaml'
import { decodeProtobuf } from '../../../src/actors/apiserver/protobuf.ts'
import { Reader } from '../../../src/actors/apiserver/protobuf-reader.ts'
import type { KubernetesObject } from '../../../src/api/meta.ts'
import { connection, startTestApiserver } from '../../support/api-server.ts'
import { memoryStorage } from '../../support/memory-storage.ts'
import { messageAt, textAt } from '../../support/protobuf-fields.ts'

const storage = memoryStorage()
const api = await startTestApiserver(storage)
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
const PROTOBUF = 'application/vnd.kubernetes.protobuf'
const META = 'g=meta.k8s.io;v=v1'

const get = (
  path: string,
  accept: string,
): Promise<{ code: number; type: string; bytes: Buffer }> =>
  new Promise((resolve, reject) => {
    const options = connection(api.pki, api.port, api.pki.admin)
    request({ ...options, path, headers: { accept }, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({
          code: response.statusCode ?? 0,
          type: response.headers['content-type'] ?? '',
          bytes: Buffer.concat(chunks),
        }),
      )
    })
      .on('error', reject)
      .end()
  })

const COUNT = 1203
for (let at = 0; at < COUNT; at++)
  storage.cache.put({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: `c${String(at).padStart(4, '0')}`,
      namespace: 'default',
      uid: `uid-${at}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { part: `${at - (at % 100)}` },
    },
    data: { umlaut: 'ä', text: 'a\nb' },
  } as unknown as KubernetesObject)
/** Whatever else is written meanwhile. */
const { metadata: head } = (await api.call('GET', `${CONFIG_MAPS}?limit=1`)).json
const pinned = `resourceVersion=${head.resourceVersion}&resourceVersionMatch=Exact`
const plain = (await api.call('GET', `${CONFIG_MAPS}/c0007`)).json

test('an object is the same in JSON, YAML and protobuf', async () => {
  const yaml = await get(`${CONFIG_MAPS}/c0007`, 'application/yaml')
  assert.is(yaml.type, 'application/yaml')
  assert.equal(parseYaml(yaml.bytes.toString()), plain)
  const protobuf = await get(`${CONFIG_MAPS}/c0007`, `${PROTOBUF},application/json`)
  assert.is(protobuf.type, PROTOBUF)
  assert.equal(decodeProtobuf(protobuf.bytes), plain)
  const pretty = await get(`${CONFIG_MAPS}/c0007?pretty=true`, 'application/json')
  assert.is(pretty.bytes.toString(), JSON.stringify(plain, null, 2))
})

test('metadata alone comes in JSON and protobuf, in both versions', async () => {
  const as = `as=PartialObjectMetadata;${META}`
  const protobuf = await get(`${CONFIG_MAPS}/c0007`, `${PROTOBUF};${as}`)
  const envelope = new Reader(protobuf.bytes, 4, protobuf.bytes.length)
  assert.is(envelope.next(), 1)
  const type = envelope.message()
  type.next()
  assert.is(type.text(), 'meta.k8s.io/v1')
  type.next()
  assert.is(type.text(), 'PartialObjectMetadata')
  const beta = await get(`${CONFIG_MAPS}/c0007`, `application/json;${as}beta1`)
  assert.equal(JSON.parse(beta.bytes.toString()), {
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1beta1',
    metadata: plain.metadata,
  })
  const list = await get(CONFIG_MAPS, `application/json;${as}`)
  assert.is(list.code, 406)
  assert.is(
    JSON.parse(list.bytes.toString()).message,
    'you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)',
  )
})

/** The names in a list's protobuf. */
const namesIn = (bytes: Buffer): string[] => {
  const names: string[] = []
  const envelope = new Reader(bytes, 4, bytes.length)
  for (let field = envelope.next(); field !== 0; field = envelope.next()) {
    if (field !== 2) {
      envelope.skip()
      continue
    }
    const list = envelope.message()
    for (let inner = list.next(); inner !== 0; inner = list.next()) {
      const message = list.message()
      if (inner === 2) names.push(textAt(messageAt(message, 1), 1))
    }
  }
  return names
}

test('a list in pieces is whole in every form', async () => {
  const names = Array.from({ length: COUNT }, (_, at) => `c${String(at).padStart(4, '0')}`)
  const namesOf = (list: { items: { metadata: { name: string } }[] }) =>
    list.items.map(({ metadata }) => metadata.name)
  const json = await get(`${CONFIG_MAPS}?${pinned}`, 'application/json')
  const parsed = JSON.parse(json.bytes.toString())
  assert.equal(namesOf(parsed), names)
  const pretty = await get(`${CONFIG_MAPS}?pretty=1&${pinned}`, 'application/json')
  assert.is(pretty.bytes.toString(), JSON.stringify(parsed, null, 2))
  const some = `${CONFIG_MAPS}?labelSelector=part%3D300&${pinned}`
  const yaml = await get(some, 'application/yaml')
  assert.equal(
    parseYaml(yaml.bytes.toString()),
    JSON.parse((await get(some, 'application/json')).bytes.toString()),
  )
  const protobuf = await get(CONFIG_MAPS, PROTOBUF)
  assert.equal(namesIn(protobuf.bytes), names)
  const table = await get(`${CONFIG_MAPS}?${pinned}`, `application/json;as=Table;${META}`)
  const { rows, metadata } = JSON.parse(table.bytes.toString())
  assert.equal(
    rows.map(({ cells }: { cells: string[] }) => cells[0]),
    names,
  )
  assert.is(metadata.resourceVersion, parsed.metadata.resourceVersion)
  const partial = await get(CONFIG_MAPS, `${PROTOBUF};as=PartialObjectMetadataList;${META}`)
  assert.equal(namesIn(partial.bytes), names)
})

test('items of a list leave out what the list says of all', async () => {
  const path = `${CONFIG_MAPS}?labelSelector=part%3D300`
  const forms = ['application/json', 'application/yaml']
  for (const accept of forms) {
    const { kind, apiVersion, items } = parseYaml((await get(path, accept)).bytes.toString())
    assert.equal([kind, apiVersion], ['ConfigMapList', 'v1'])
    assert.ok(items.length > 0)
    for (const item of items) assert.equal([item.kind, item.apiVersion], [undefined, undefined])
  }
})

test('an empty list has its items, too', async () => {
  const path = `${CONFIG_MAPS}?labelSelector=part%3Dnone&${pinned}`
  const json = await get(path, 'application/json')
  const parsed = JSON.parse(json.bytes.toString())
  assert.equal(parsed.items, [])
  const yaml = await get(path, 'application/yaml')
  assert.equal(parseYaml(yaml.bytes.toString()), parsed)
  const pretty = await get(`${path}&pretty=true`, 'application/json')
  assert.is(pretty.bytes.toString(), JSON.stringify(parsed, null, 2))
  assert.equal(namesIn((await get(path, PROTOBUF)).bytes), [])
})

test('errors come in the form that was asked for', async () => {
  const missing = await get(`${CONFIG_MAPS}/none`, `${PROTOBUF},application/json`)
  assert.is(missing.code, 404)
  assert.is(missing.type, PROTOBUF)
  const status = decodeProtobuf(missing.bytes) as { reason: string; details: object }
  assert.is(status.reason, 'NotFound')
  assert.equal(status.details, { name: 'none', kind: 'configmaps' })
  const yaml = await get(`${CONFIG_MAPS}/none`, 'application/yaml')
  assert.is(parseYaml(yaml.bytes.toString()).reason, 'NotFound')
})

/** The frames of a watch that ends by itself. */
const framesOf = (bytes: Buffer): { type: string; object: Record<string, unknown> }[] => {
  const frames: { type: string; object: Record<string, unknown> }[] = []
  for (let at = 0; at < bytes.length; at += 4 + bytes.readUInt32BE(at)) {
    const event = new Reader(bytes, at + 4, at + 4 + bytes.readUInt32BE(at))
    event.next()
    const type = event.text()
    event.next()
    const raw = event.message()
    raw.next()
    frames.push({ type, object: decodeProtobuf(raw.bytes()) as Record<string, unknown> })
  }
  return frames
}

test('a watch in protobuf has the state, the mark of its end, and a bookmark before it stops', async () => {
  const { type, bytes } = await get(
    `${CONFIG_MAPS}?watch=1&labelSelector=part%3D1200&timeoutSeconds=2&allowWatchBookmarks=true`,
    `${PROTOBUF};stream=watch,application/json`,
  )
  assert.is(type, `${PROTOBUF};stream=watch`)
  const frames = framesOf(bytes)
  assert.equal(
    frames.map((frame) => frame.type),
    ['ADDED', 'ADDED', 'ADDED', 'BOOKMARK', 'BOOKMARK'],
  )
  const { metadata } = frames[3]!.object as { metadata: { annotations: object } }
  assert.equal(metadata.annotations, { 'k8s.io/initial-events-end': 'true' })
})

test('a watched table has its columns once', async () => {
  const { bytes } = await get(
    `${CONFIG_MAPS}?watch=1&labelSelector=part%3D1200&timeoutSeconds=2&allowWatchBookmarks=true&includeObject=None`,
    `application/json;as=Table;${META}`,
  )
  const events = bytes
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const columns = events.map(({ object }) => object.columnDefinitions)
  /** The state comes in one batch, which is one table a row. */
  assert.ok(columns[0].length > 0)
  assert.equal(columns.slice(1), [null, null, null, null])
  assert.is(events[0].object.rows[0].object, undefined)
})

test.after(() => api.stop())
test.run()
