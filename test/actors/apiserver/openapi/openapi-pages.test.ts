/**
 * OpenAPI over HTTPS: files of built-in kinds and documents of custom ones, compressed or not, JSON or protobuf.
 */
import { request } from 'node:https'
import { gunzipSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
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
