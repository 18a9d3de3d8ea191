/**
 * create, get, update, patch and delete over HTTPS, with Kubernetes' answers and errors.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../support/api-server.ts'
import { memoryStorage } from '../../support/memory-storage.ts'

const storage = memoryStorage()
const api = await startTestApiserver(storage)
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'

const configMap = (name: string, data: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
})
const deployment = (name: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'c', image: 'i:1' }] },
    },
  },
})
const patchHeaders = (type: string) => ({
  headers: { 'content-type': `application/${type}` },
})

test('a created object comes back completed, and get returns it', async () => {
  const created = await api.call('POST', CONFIG_MAPS, configMap('a', { k: 'v' }))
  assert.is(created.code, 201, created.text)
  const { metadata } = created.json
  assert.match(metadata.uid, /^[0-9a-f-]{36}$/)
  assert.match(metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  assert.match(metadata.resourceVersion, /^\d+$/)
  const read = await api.call('GET', `${CONFIG_MAPS}/a`)
  assert.equal(read.json, created.json)
})

test('a second create of the same name is refused', async () => {
  const answer = await api.call('POST', CONFIG_MAPS, configMap('a'))
  assert.is(answer.code, 409)
  assert.is(answer.json.reason, 'AlreadyExists')
  assert.is(answer.json.message, 'configmaps "a" already exists')
  assert.equal(answer.json.details, { name: 'a', kind: 'configmaps' })
})

test('what does not exist is not found', async () => {
  const answer = await api.call('GET', `${DEPLOYMENTS}/none`)
  assert.is(answer.code, 404)
  assert.is(answer.json.message, 'deployments.apps "none" not found')
  assert.equal(answer.json.details, { name: 'none', group: 'apps', kind: 'deployments' })
})

test('an object in a namespace that does not exist is refused', async () => {
  const answer = await api.call('POST', '/api/v1/namespaces/nope/configmaps', configMap('a'))
  assert.is(answer.code, 404)
  assert.is(answer.json.message, 'namespaces "nope" not found')
})

test('generateName makes a name', async () => {
  const body = { metadata: { generateName: 'job-' } }
  const answer = await api.call('POST', CONFIG_MAPS, body)
  assert.match(answer.json.metadata.name, /^job-[a-z0-9]{5}$/)
  const nameless = await api.call('POST', CONFIG_MAPS, { metadata: {} })
  assert.is(nameless.code, 422)
  assert.match(nameless.json.message, 'name or generateName is required')
})

test('the namespace of the body must be the one of the URL', async () => {
  const body = { ...configMap('x'), metadata: { name: 'x', namespace: 'kube-system' } }
  const answer = await api.call('POST', CONFIG_MAPS, body)
  assert.is(answer.code, 400)
  assert.is(
    answer.json.message,
    'the namespace of the provided object does not match the namespace sent on the request',
  )
})

test('a body of another version or kind is refused', async () => {
  const version = await api.call('POST', CONFIG_MAPS, { ...configMap('x'), apiVersion: 'v2' })
  assert.is(
    version.json.message,
    'the API version in the data (v2) does not match the expected API version (v1)',
  )
  const kind = await api.call('POST', CONFIG_MAPS, { ...configMap('x'), kind: 'Pod' })
  assert.is(kind.code, 400)
  assert.match(kind.json.message, 'Pod in version "v1" cannot be handled as a ConfigMap')
})

test('unknown and duplicate fields are warned about, refused or ignored as fieldValidation says', async () => {
  const body = '{"metadata":{"name":"fv"},"data":{"a":"1","a":"2"},"dta":{}}'
  const warned = await api.call('POST', `${CONFIG_MAPS}?dryRun=All`, body)
  assert.is(warned.code, 201)
  assert.match(String(warned.headers['warning']), '299 - "unknown field \\"dta\\""')
  assert.match(String(warned.headers['warning']), 'duplicate field')
  const strict = await api.call('POST', `${CONFIG_MAPS}?fieldValidation=Strict`, body)
  assert.is(strict.code, 400)
  assert.match(
    strict.json.message,
    /^ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: /,
  )
  const ignored = await api.call('POST', `${CONFIG_MAPS}?dryRun=All&fieldValidation=Ignore`, body)
  assert.is(ignored.headers['warning'], undefined)
})

test('what is accepted and still odd is warned about when it is written', async () => {
  const odd = deployment('odd')
  const env = [
    { name: 'A', value: '1' },
    { name: 'A', value: '2' },
  ]
  Object.assign(odd.spec.template.spec.containers[0]!, { env })
  const warning =
    '299 - "spec.template.spec.containers[0].env[1]: hides previous definition of \\"A\\", which may be dropped when using apply"'
  const created = await api.call('POST', DEPLOYMENTS, odd)
  assert.is(created.code, 201, created.text)
  assert.is(created.headers['warning'], warning)
  const path = `${DEPLOYMENTS}/odd`
  const label = { metadata: { labels: { a: 'b' } } }
  const scaled = { spec: { replicas: 0 } }
  const headers = patchHeaders('merge-patch+json')
  const labelled = await api.call('PATCH', path, label, headers)
  assert.is(labelled.headers['warning'], undefined, 'the spec is as it was')
  const changed = await api.call('PATCH', path, scaled, headers)
  assert.is(changed.headers['warning'], warning)
  const read = await api.call('GET', path)
  assert.is(read.headers['warning'], undefined)
})

test('a dry run completes and checks, and stores nothing', async () => {
  const { writes } = storage
  const answer = await api.call('POST', `${CONFIG_MAPS}?dryRun=All`, configMap('dry'))
  assert.is(answer.code, 201)
  assert.is(storage.writes, writes)
  assert.is((await api.call('GET', `${CONFIG_MAPS}/dry`)).code, 404)
})

test('an update with an old resourceVersion conflicts, without one it overwrites', async () => {
  const { json: first } = await api.call('POST', CONFIG_MAPS, configMap('u', { v: '1' }))
  const second = await api.call('PUT', `${CONFIG_MAPS}/u`, { ...first, data: { v: '2' } })
  assert.is(second.code, 200, second.text)
  const stale = await api.call('PUT', `${CONFIG_MAPS}/u`, { ...first, data: { v: '3' } })
  assert.is(stale.code, 409)
  assert.is(
    stale.json.message,
    'Operation cannot be fulfilled on configmaps "u": the object has been modified; please apply your changes to the latest version and try again',
  )
  const blind = await api.call('PUT', `${CONFIG_MAPS}/u`, configMap('u', { v: '4' }))
  assert.is(blind.json.data.v, '4')
  assert.is(blind.json.metadata.uid, first.metadata.uid)
  assert.is(blind.json.metadata.creationTimestamp, first.metadata.creationTimestamp)
})

test('an update that changes nothing is not written', async () => {
  const { json } = await api.call('GET', `${CONFIG_MAPS}/u`)
  const { writes } = storage
  const same = await api.call('PUT', `${CONFIG_MAPS}/u`, json)
  assert.is(same.json.metadata.resourceVersion, json.metadata.resourceVersion)
  assert.is(storage.writes, writes)
})

test('an update under a faster writer is tried again when it named no resourceVersion', async () => {
  const { json } = await api.call('POST', CONFIG_MAPS, configMap('race', { mine: 'no' }))
  const faster = () => storage.cache.put({ ...json, data: { theirs: 'yes' } })
  storage.before = faster
  const answer = await api.call('PUT', `${CONFIG_MAPS}/race`, configMap('race', { mine: 'yes' }))
  assert.equal(answer.json.data, { mine: 'yes' })
  storage.before = faster
  const merged = await api.call(
    'PATCH',
    `${CONFIG_MAPS}/race`,
    { data: { more: 'yes' } },
    patchHeaders('merge-patch+json'),
  )
  assert.equal(merged.json.data, { theirs: 'yes', more: 'yes' })
  storage.before = faster
  const pinned = await api.call('PUT', `${CONFIG_MAPS}/race`, { ...merged.json, data: {} })
  assert.is(pinned.code, 409)
})

test('the generation counts changes of the spec only', async () => {
  const { json } = await api.call('POST', DEPLOYMENTS, deployment('gen'))
  assert.is(json.metadata.generation, 1)
  json.metadata.labels = { x: 'y' }
  const labelled = await api.call('PUT', `${DEPLOYMENTS}/gen`, json)
  assert.is(labelled.json.metadata.generation, 1)
  labelled.json.spec.replicas = 3
  const scaled = await api.call('PUT', `${DEPLOYMENTS}/gen`, labelled.json)
  assert.is(scaled.json.metadata.generation, 2)
})

test('spec and status never cross', async () => {
  const { json } = await api.call('GET', `${DEPLOYMENTS}/gen`)
  const wrong = { ...json, spec: { ...json.spec, replicas: 9 }, status: { replicas: 5 } }
  const { json: status } = await api.call('PUT', `${DEPLOYMENTS}/gen/status`, wrong)
  assert.is(status.status.replicas, 5)
  assert.is(status.spec.replicas, 3)
  status.status.replicas = 6
  status.spec.replicas = 4
  const { json: spec } = await api.call('PUT', `${DEPLOYMENTS}/gen`, status)
  assert.is(spec.status.replicas, 5)
  assert.is(spec.spec.replicas, 4)
})

test('the three patch formats change an object', async () => {
  await api.call('POST', DEPLOYMENTS, deployment('patched'))
  const url = `${DEPLOYMENTS}/patched`
  const json = await api.call(
    'PATCH',
    url,
    [{ op: 'replace', path: '/spec/replicas', value: 2 }],
    patchHeaders('json-patch+json'),
  )
  assert.is(json.json.spec.replicas, 2, json.text)
  const merge = await api.call(
    'PATCH',
    url,
    { metadata: { labels: { a: 'b' } } },
    patchHeaders('merge-patch+json'),
  )
  assert.equal(merge.json.metadata.labels, { a: 'b' })
  const strategic = await api.call(
    'PATCH',
    url,
    { spec: { template: { spec: { containers: [{ name: 'side', image: 's' }] } } } },
    patchHeaders('strategic-merge-patch+json'),
  )
  assert.is(strategic.json.spec.template.spec.containers.length, 2)
  const binary = await api.call('PATCH', url, {}, patchHeaders('apply-patch+cbor'))
  assert.is(binary.code, 415)
  assert.is(binary.json.message, '415: Unsupported Media Type')
})

test('a patch that does not apply, or makes nonsense, is refused', async () => {
  const url = `${DEPLOYMENTS}/patched`
  const missing = await api.call(
    'PATCH',
    url,
    [{ op: 'remove', path: '/spec/nothing' }],
    patchHeaders('json-patch+json'),
  )
  assert.is(missing.code, 422)
  assert.is(missing.json.message, 'the server rejected our request due to an error in our request')
  const nonsense = await api.call(
    'PATCH',
    url,
    { spec: { replicas: 'many' } },
    patchHeaders('merge-patch+json'),
  )
  assert.is(nonsense.code, 422)
  const invalid = await api.call(
    'PATCH',
    url,
    { spec: { replicas: -1 } },
    patchHeaders('merge-patch+json'),
  )
  assert.is(
    invalid.json.message,
    'Deployment.apps "patched" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  )
})

test('a deletion answers with a Status, and the object is gone', async () => {
  const { json } = await api.call('POST', CONFIG_MAPS, configMap('d'))
  const deleted = await api.call('DELETE', `${CONFIG_MAPS}/d`)
  assert.equal(deleted.json, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name: 'd', kind: 'configmaps', uid: json.metadata.uid },
  })
  assert.is((await api.call('GET', `${CONFIG_MAPS}/d`)).code, 404)
  assert.is((await api.call('DELETE', `${CONFIG_MAPS}/d`)).code, 404)
})

test('a finalizer keeps a deleted object until it is removed', async () => {
  await api.call('POST', CONFIG_MAPS, {
    metadata: { name: 'f', finalizers: ['example.com/hold'] },
  })
  const marked = await api.call('DELETE', `${CONFIG_MAPS}/f`)
  assert.ok(marked.json.metadata.deletionTimestamp)
  assert.is(marked.json.metadata.deletionGracePeriodSeconds, 0)
  const released = await api.call(
    'PATCH',
    `${CONFIG_MAPS}/f`,
    { metadata: { finalizers: null } },
    patchHeaders('merge-patch+json'),
  )
  assert.is(released.code, 200)
  assert.is((await api.call('GET', `${CONFIG_MAPS}/f`)).code, 404)
})

test('a propagation policy leaves its finalizer', async () => {
  await api.call('POST', DEPLOYMENTS, deployment('owner'))
  const orphaned = await api.call('DELETE', `${DEPLOYMENTS}/owner`, {
    kind: 'DeleteOptions',
    apiVersion: 'v1',
    propagationPolicy: 'Orphan',
  })
  assert.equal(orphaned.json.metadata.finalizers, ['orphan'])
  const query = `${DEPLOYMENTS}/owner?propagationPolicy=Foreground`
  const foreground = await api.call('DELETE', query)
  assert.equal(foreground.json.metadata.finalizers, ['foregroundDeletion'])
})

test('preconditions of a deletion are checked', async () => {
  await api.call('POST', CONFIG_MAPS, configMap('pre'))
  const answer = await api.call('DELETE', `${CONFIG_MAPS}/pre`, {
    preconditions: { uid: 'other' },
  })
  assert.is(answer.code, 409)
  assert.match(answer.json.message, 'the UID in the precondition (other) does not match the UID')
})

test('the namespaces the cluster needs are not deleted', async () => {
  const answer = await api.call('DELETE', '/api/v1/namespaces/default')
  assert.is(answer.code, 403)
  assert.is(
    answer.json.message,
    'namespaces "default" is forbidden: this namespace may not be deleted',
  )
})

test('a terminating namespace takes no new content, and goes when it is finalized', async () => {
  await api.call('POST', '/api/v1/namespaces', { metadata: { name: 'going' } })
  const marked = await api.call('DELETE', '/api/v1/namespaces/going')
  assert.is(marked.json.status.phase, 'Terminating')
  const refused = await api.call('POST', '/api/v1/namespaces/going/configmaps', configMap('x'))
  assert.is(refused.code, 403)
  assert.is(
    refused.json.message,
    'configmaps "x" is forbidden: unable to create new content in namespace going because it is being terminated',
  )
  assert.is(refused.json.details.causes[0].reason, 'NamespaceTerminating')
  const finalized = await api.call('PUT', '/api/v1/namespaces/going/finalize', {
    metadata: { name: 'going' },
    spec: { finalizers: [] },
  })
  assert.is(finalized.code, 200, finalized.text)
  assert.is((await api.call('GET', '/api/v1/namespaces/going')).code, 404)
})

test('answers about a deprecated kind warn, reads and watches too', async () => {
  const path = '/api/v1/namespaces/default/endpoints'
  const expected =
    '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"'
  const created = await api.call('POST', path, { metadata: { name: 'old' } })
  assert.is(created.headers['warning'], expected)
  assert.is((await api.call('GET', path)).headers['warning'], expected)
  const watched = await api.call(
    'GET',
    `${path}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dold`,
  )
  assert.is(watched.headers['warning'], expected)
  assert.is((await api.call('GET', CONFIG_MAPS)).headers['warning'], undefined)
})

test('what is no JSON is told where, with its first bytes', async () => {
  const sent = async (method: string, path: string, body: string) => {
    const { code, json } = await api.call(method, path, body)
    assert.is(code, 400)
    return json.message
  }
  const unread = (kind: string) =>
    `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: `
  const object = '{"metadata":{"name":"a" "namespace":"default"}}'
  assert.is(
    await sent('POST', CONFIG_MAPS, object),
    `${unread('ConfigMap')}invalid character '"' after object key:value pair ({"metadata":{"name":"a" "names ...)`,
  )
  assert.is(
    await sent('PUT', `${DEPLOYMENTS}/none/scale`, 'oops'),
    `${unread('Scale')}invalid character 'o' looking for beginning of value (6f6f7073)`,
  )
  assert.is(
    await sent('POST', CONFIG_MAPS, '[]'),
    `${unread('ConfigMap')}json: cannot unmarshal array into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" } (5b5d)`,
  )
})

test('YAML bodies are read, protobuf without its mark is refused, other types are unsupported', async () => {
  const yaml = await api.call('POST', CONFIG_MAPS, 'metadata: {name: y}\ndata: {a: "1"}\n', {
    headers: { 'content-type': 'application/yaml' },
  })
  assert.is(yaml.code, 201, yaml.text)
  const xml = await api.call('POST', CONFIG_MAPS, '<a/>', {
    headers: { 'content-type': 'text/xml' },
  })
  assert.is(xml.code, 415)
  const broken = await api.call('POST', CONFIG_MAPS, 'nonsense', {
    headers: { 'content-type': 'application/vnd.kubernetes.protobuf' },
  })
  assert.is(broken.code, 400)
})

test('answers come as YAML when that is asked for, and as nothing else', async () => {
  const yaml = await api.call('GET', `${CONFIG_MAPS}/y`, undefined, {
    headers: { accept: 'application/yaml' },
  })
  assert.match(yaml.text, 'kind: ConfigMap')
  const xml = await api.call('GET', `${CONFIG_MAPS}/y`, undefined, {
    headers: { accept: 'text/xml' },
  })
  assert.is(xml.code, 406)
})

test('a body larger than three mebibytes is refused', async () => {
  const body = configMap('big', { v: 'x'.repeat(3 * 1024 * 1024) })
  const answer = await api.call('POST', CONFIG_MAPS, body)
  assert.is(answer.code, 413)
})

test('unknown paths and methods are refused as Kubernetes does', async () => {
  const unknown = await api.call('GET', '/api/v1/namespaces/default/gadgets')
  assert.is(unknown.code, 404)
  assert.is(unknown.json.message, 'the server could not find the requested resource')
  for (const path of ['/gadgets', '/apis/gadgets.example/v1/gadgets']) {
    const page = await api.call('GET', path)
    assert.is(page.code, 404)
    assert.is(page.text, '404 page not found\n')
  }
  const method = await api.call('POST', `${CONFIG_MAPS}/a`, configMap('a'))
  assert.is(method.code, 405)
})

test.after(() => api.stop())
test.run()
