/**
 * Which bodies are read, by their Content-Type.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mediaTypeOf } from '../../../src/actors/apiserver/media-type.ts'
import { startTestApiserver } from '../../support/api-server.ts'

for (const [header, type] of [
  [undefined, ''],
  ['', ''],
  ['Application/JSON', 'application/json'],
  ['application/json; charset=utf-8', 'application/json'],
  [' application/json ;charset="utf-8" ; v=1', 'application/json'],
  ['application/json;', 'application/json'],
  ['application/json; charset', undefined],
  ['application/json; charset=utf-8; Charset=latin1', undefined],
  ['application/json charset=utf-8', undefined],
  ['application/', undefined],
] as const)
  test(`${header} is ${type}`, () => assert.is(mediaTypeOf(header), type))

const api = await startTestApiserver()
const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
const WIDGETS = '/apis/example.com/v1/namespaces/default/widgets'
await api.call('POST', DEFINITIONS, {
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', kind: 'Widget' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        },
      },
    ],
  },
})

const sent = async (method: string, path: string, type: string, body: unknown) => {
  const { code, json } = await api.call(method, path, body, { headers: { 'content-type': type } })
  return code < 300 ? `${code}` : `${code} ${json.reason}: ${json.message}`
}
const UNKNOWN =
  '415 UnsupportedMediaType: the body of the request was in an unknown format - accepted media types include: '
const THREE = 'application/json, application/yaml, application/vnd.kubernetes.protobuf'

test('parameters of a type are accepted when they make sense', async () => {
  const object = (name: string) => ({ metadata: { name } })
  assert.is(await sent('POST', CONFIG_MAPS, 'application/json; charset=utf-8', object('a')), '201')
  assert.is(
    await sent('POST', CONFIG_MAPS, 'application/json; charset', object('b')),
    UNKNOWN + THREE,
  )
})

test('YAML has one name', async () => {
  const yaml = 'metadata: {name: y}'
  assert.is(await sent('POST', CONFIG_MAPS, 'text/yaml', yaml), UNKNOWN + THREE)
  assert.is(await sent('POST', CONFIG_MAPS, 'application/x-yaml', yaml), UNKNOWN + THREE)
  assert.is(await sent('POST', CONFIG_MAPS, 'application/yaml; charset=utf-8', yaml), '201')
})

test('custom objects have no protobuf', async () => {
  const widget = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'w' } }
  for (let tries = 0; tries < 50; tries++) {
    const { code } = await api.call('GET', WIDGETS)
    if (code === 200) break
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.is(await sent('POST', WIDGETS, 'application/json', widget), '201')
  const two = `${UNKNOWN}application/json, application/yaml`
  const type = 'application/vnd.kubernetes.protobuf'
  assert.is(await sent('POST', WIDGETS, type, 'k8s\0'), two)
  assert.is(await sent('PUT', `${WIDGETS}/w`, type, 'k8s\0'), two)
})

test('patches are told by the letters of their type', async () => {
  const merge = 'application/merge-patch+json'
  const patched = (path: string, type: string) => sent('PATCH', path, type, {})
  assert.is(await patched(`${CONFIG_MAPS}/a`, `${merge}; charset=utf-8`), '200')
  assert.is(await patched(`${CONFIG_MAPS}/a`, merge), '200')
  const four =
    'application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml'
  assert.is(await patched(`${CONFIG_MAPS}/a`, `${merge} ;v=1`), UNKNOWN + four)
  const unrouted = '415 UnsupportedMediaType: 415: Unsupported Media Type'
  for (const type of ['application/json', 'application/apply-patch+cbor', merge.toUpperCase()])
    assert.is(await patched(`${CONFIG_MAPS}/a`, type), unrouted)
  const three =
    'application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml'
  for (const type of ['application/strategic-merge-patch+json', 'application/apply-patch+cbor'])
    assert.is(await patched(`${WIDGETS}/w`, type), UNKNOWN + three)
})

test.after(() => api.stop())
test.run()
