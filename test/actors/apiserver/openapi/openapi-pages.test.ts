/**
 * OpenAPI over HTTPS: files of built-in kinds and documents of custom ones, compressed or not, JSON or protobuf.
 */
import { request } from 'node:https'
import { gunzipSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Reader } from '../../../../src/actors/apiserver/protobuf-reader.ts'
import { connection, startTestApiserver } from '../../../support/api-server.ts'

const api = await startTestApiserver()
const get = (path: string, headers: Record<string, string> = {}) =>
  api.call('GET', path, undefined, { headers })

/** The bytes as they come. */
const fetchBytes = (path: string, headers: Record<string, string>) =>
  new Promise<{ encoding: string | undefined; type: string | undefined; body: Buffer }>(
    (resolve, reject) => {
      request(
        { ...connection(api.pki, api.port, api.pki.admin), path, headers, agent: false },
        (answer) => {
          const parts: Buffer[] = []
          answer.on('data', (part: Buffer) => parts.push(part))
          answer.on('end', () =>
            resolve({
              encoding: answer.headers['content-encoding'],
              type: answer.headers['content-type'],
              body: Buffer.concat(parts),
            }),
          )
        },
      )
        .on('error', reject)
        .end()
    },
  )

const PLACE = '/openapi/v3/apis/stable.example.com/v1'
const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'

const until = async (holds: () => Promise<boolean>) => {
  for (let tries = 0; tries < 200; tries++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('it never held')
}

test('a document is named by its hash, tagged, and not sent twice', async () => {
  const url: string = (await get('/openapi/v3')).json.paths['apis/apps/v1'].serverRelativeURL
  const [, hash] = /\?hash=([0-9A-F]{128})$/.exec(url) ?? []
  const answer = await get(url)
  assert.is(answer.headers['etag'], `"${hash}"`)
  assert.is(answer.headers['cache-control'], 'public, immutable')
  assert.is((await get(url, { 'if-none-match': `"${hash}"` })).code, 304)
  const old = await get('/openapi/v3/apis/apps/v1?hash=OLD')
  assert.is(old.code, 301)
  assert.is(old.headers['location'], url)
  assert.is((await get('/openapi/v3/apis/nope/v1')).code, 404)
})

test('who takes gzip gets the files as they lie', async () => {
  for (const path of ['/openapi/v2', '/openapi/v3/api/v1']) {
    const packed = await fetchBytes(path, { 'accept-encoding': 'gzip' })
    assert.is(packed.encoding, 'gzip')
    const plain = await fetchBytes(path, {})
    assert.is(plain.encoding, undefined)
    assert.ok(gunzipSync(packed.body).equals(plain.body))
    assert.ok(packed.body.length * 4 < plain.body.length)
  }
})

test('v3 comes as protobuf to whoever likes that best', async () => {
  const accept = 'application/com.github.proto-openapi.spec.v3@v1.0+protobuf'
  const { type, body } = await fetchBytes('/openapi/v3/apis/apps/v1', { accept })
  assert.is(type, 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf')
  const document = new Reader(body, 0, body.length)
  assert.is(document.next(), 1)
  assert.is(document.text(), '3.0.0')
  assert.is(document.next(), 2)
  document.message()
  assert.is(document.next(), 4)
  const paths = document.message()
  assert.is(paths.next(), 1)
  const path = paths.message()
  path.next()
  assert.is(path.text(), '/apis/apps/v1/')
  const answer = await api.call('GET', '/openapi/v3/apis/apps/v1', undefined, {
    headers: { accept },
  })
  const own = String(answer.headers['etag']).slice(1, -1)
  const named = await get(`/openapi/v3/apis/apps/v1?hash=${own}`, { accept })
  assert.is(named.headers['cache-control'], 'public, immutable')
  assert.match(String(named.headers['expires']), / GMT$/)
  const json = await get('/openapi/v3/apis/apps/v1', { accept: `application/json,${accept}` })
  assert.is(json.json.openapi, '3.0.0')
  assert.is.not(json.headers['etag'], answer.headers['etag'])
  assert.is((await get('/openapi/v3/apis/apps/v1', { accept: 'text/html' })).code, 406)
})

test('what is above versions has documents of its own', async () => {
  const { paths } = (await get('/openapi/v3')).json
  for (const [place, model] of [
    ['api', 'APIVersions'],
    ['apis', 'APIGroupList'],
    ['apis/apps', 'APIGroup'],
  ] as const) {
    const { json } = await get(paths[place].serverRelativeURL)
    assert.equal(Object.keys(json.paths), [`/${place}/`])
    const { schema } = json.paths[`/${place}/`].get.responses['200'].content['application/json']
    assert.match(JSON.stringify(schema), `io.k8s.apimachinery.pkg.apis.meta.v1.${model}"`)
    assert.ok(json.components.schemas[`io.k8s.apimachinery.pkg.apis.meta.v1.${model}`])
  }
})

test('custom kinds are in all documents while they are served', async () => {
  const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
  const before = await fetchBytes('/openapi/v2', { accept })
  const tagged = (await get('/openapi/v2')).headers['etag']
  const created = await api.call('POST', DEFINITIONS, {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'crontabs.stable.example.com' },
    spec: {
      group: 'stable.example.com',
      scope: 'Namespaced',
      names: { plural: 'crontabs', kind: 'CronTab' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec: {
                  type: 'object',
                  properties: { cronSpec: { type: 'string', description: 'When.' } },
                },
              },
            },
          },
        },
      ],
    },
  })
  assert.is(created.code, 201)
  await until(async () => (await get(PLACE)).code === 200)
  const index = (await get('/openapi/v3')).json.paths['apis/stable.example.com/v1']
  const v3 = await get(index.serverRelativeURL)
  const schema = v3.json.components.schemas['com.example.stable.v1.CronTab']
  assert.is(schema.properties.spec.properties.cronSpec.description, 'When.')
  for (const [, name] of v3.text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
    assert.ok(v3.json.components.schemas[name ?? ''], name)
  assert.is((await get(PLACE, { 'if-none-match': String(v3.headers['etag']) })).code, 304)
  const v2 = await get('/openapi/v2')
  assert.is.not(v2.headers['etag'], tagged)
  assert.ok(v2.json.definitions['com.example.stable.v1.CronTab'])
  assert.ok(v2.json.paths['/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}'])
  const after = await fetchBytes('/openapi/v2', { accept })
  assert.is(after.type, 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf')
  assert.ok(after.body.subarray(0, before.body.length).equals(before.body))
  assert.ok(after.body.includes('com.example.stable.v1.CronTab'))
  await api.call('DELETE', `${DEFINITIONS}/crontabs.stable.example.com`)
  await until(async () => (await get(PLACE)).code === 404)
  assert.is((await get('/openapi/v2')).headers['etag'], tagged)
})

test.after(() => api.stop())

test.run()
