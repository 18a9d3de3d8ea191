/**
 * What is said about unknown and duplicate fields: in every way of writing, in Kubernetes' order and words.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../support/api-server.ts'
import { memoryStorage } from '../../support/memory-storage.ts'

const api = await startTestApiserver(memoryStorage())
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'

const VALID = (name: string) => `{
  "apiVersion": "apps/v1", "kind": "Deployment",
  "metadata": { "name": "${name}", "labels": {"app": "nginx"} },
  "spec": {
    "selector": { "matchLabels": { "app": "nginx" } },
    "template": {
      "metadata": { "labels": { "app": "nginx" } },
      "spec": { "containers": [{ "name": "nginx", "image": "nginx:latest" }] }
    }
  }
}`

const JSON_BODY = (name: string) => `{
  "apiVersion": "apps/v1", "kind": "Deployment",
  "metadata": { "name": "dupename", "name": "${name}", "labels": {"app": "nginx"}, "unknownMeta": "metaVal" },
  "spec": {
    "unknown1": "val1", "unknownDupe": "valDupe", "unknownDupe": "valDupe2", "paused": true, "paused": false,
    "selector": { "matchLabels": { "app": "nginx" } },
    "template": {
      "metadata": { "labels": { "app": "nginx" } },
      "spec": {
        "containers": [{
          "name": "nginx", "image": "nginx:latest", "unknownNested": "val1",
          "imagePullPolicy": "Always", "imagePullPolicy": "Never"
        }]
      }
    }
  }
}`
const JSON_FAULTS = [
  'duplicate field "metadata.name"',
  'unknown field "metadata.unknownMeta"',
  'unknown field "spec.unknown1"',
  'unknown field "spec.unknownDupe"',
  'duplicate field "spec.paused"',
  'unknown field "spec.template.spec.containers[0].unknownNested"',
  'duplicate field "spec.template.spec.containers[0].imagePullPolicy"',
]

const YAML_BODY = (name: string) => `apiVersion: apps/v1
kind: Deployment
metadata:
  name: dupename
  name: ${name}
  unknownMeta: metaVal
  labels:
    app: nginx
spec:
  unknown1: val1
  unknownDupe: valDupe
  unknownDupe: valDupe2
  paused: true
  paused: false
  selector:
    matchLabels:
      app: nginx
  template:
    metadata:
      labels:
        app: nginx
    spec:
      containers:
      - name: nginx
        image: nginx:latest
        unknownNested: val1
        imagePullPolicy: Always
        imagePullPolicy: Never`
const YAML_LINES = [
  'line 5: key "name" already set in map',
  'line 12: key "unknownDupe" already set in map',
  'line 14: key "paused" already set in map',
  'line 28: key "imagePullPolicy" already set in map',
]
const YAML_UNKNOWN = [
  'unknown field "metadata.unknownMeta"',
  'unknown field "spec.template.spec.containers[0].unknownNested"',
  'unknown field "spec.unknown1"',
  'unknown field "spec.unknownDupe"',
]

const PATCH_BODY = `{
  "spec": {
    "unknown1": "val1", "unknownDupe": "valDupe", "unknownDupe": "valDupe2", "paused": true, "paused": false,
    "template": {
      "spec": {
        "containers": [{
          "name": "nginx", "image": "nginx:latest", "unknownNested": "val1",
          "imagePullPolicy": "Always", "imagePullPolicy": "Never"
        }]
      }
    }
  }
}`
const PATCH_FAULTS = [
  'duplicate field "spec.unknownDupe"',
  'duplicate field "spec.paused"',
  'duplicate field "spec.template.spec.containers[0].imagePullPolicy"',
  'unknown field "spec.template.spec.containers[0].unknownNested"',
  'unknown field "spec.unknown1"',
  'unknown field "spec.unknownDupe"',
]
const JSON_PATCH_BODY = `[
  {"op": "add", "path": "/spec/unknown1", "value": "val1", "foo":"bar"},
  {"op": "add", "path": "/spec/unknown2", "path": "/spec/unknown3", "value": "val1"},
  {"op": "add", "path": "/spec/unknownDupe", "value": "valDupe"},
  {"op": "add", "path": "/spec/template/spec/containers/0/unknownNested", "value": "val1"}
]`
const JSON_PATCH_FAULTS = [
  'json patch unknown field "[0].foo"',
  'json patch duplicate field "[1].path"',
  'unknown field "spec.template.spec.containers[0].unknownNested"',
  'unknown field "spec.unknown1"',
  'unknown field "spec.unknown3"',
  'unknown field "spec.unknownDupe"',
]

const warningsOf = (answer: { headers: NodeJS.Dict<string | string[]> }): string[] => {
  const { warning = [] } = answer.headers
  const text = Array.isArray(warning) ? warning.join(', ') : warning
  return [...text.matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(([, quoted]) =>
    quoted!.replace(/\\(.)/g, '$1'),
  )
}

const send = (method: string, path: string, mode: string, body: string, type: string) =>
  api.call(
    method,
    `${path}${path.includes('?') ? '&' : '?'}${mode && `fieldValidation=${mode}`}`,
    body,
    { headers: { 'content-type': type, 'content-length': String(Buffer.byteLength(body)) } },
  )

interface Way {
  name: string
  type: string
  method: string
  body(name: string): string
  warnings: string[]
  /** How the message of the refusal ends. */
  error: string
  code: number
}

const ways: Way[] = [
  {
    name: 'create',
    type: 'application/json',
    method: 'POST',
    body: JSON_BODY,
    warnings: JSON_FAULTS,
    error: `strict decoding error: ${JSON_FAULTS.join(', ')}`,
    code: 400,
  },
  {
    name: 'create-yaml',
    type: 'application/yaml',
    method: 'POST',
    body: YAML_BODY,
    warnings: [...YAML_LINES, ...YAML_UNKNOWN],
    error: `strict decoding error: ${[`yaml: unmarshal errors:\n  ${YAML_LINES.join('\n  ')}`, ...YAML_UNKNOWN].join(', ')}`,
    code: 400,
  },
  {
    name: 'update',
    type: 'application/json',
    method: 'PUT',
    body: JSON_BODY,
    warnings: JSON_FAULTS,
    error: `strict decoding error: ${JSON_FAULTS.join(', ')}`,
    code: 400,
  },
  {
    name: 'merge-patch',
    type: 'application/merge-patch+json',
    method: 'PATCH',
    body: () => PATCH_BODY,
    warnings: PATCH_FAULTS,
    error: `strict decoding error: ${PATCH_FAULTS.join(', ')}`,
    code: 422,
  },
  {
    name: 'strategic-merge-patch',
    type: 'application/strategic-merge-patch+json',
    method: 'PATCH',
    body: () => PATCH_BODY,
    warnings: PATCH_FAULTS,
    error: `strict decoding error: ${PATCH_FAULTS.join(', ')}`,
    code: 422,
  },
  {
    name: 'json-patch',
    type: 'application/json-patch+json',
    method: 'PATCH',
    body: () => JSON_PATCH_BODY,
    warnings: JSON_PATCH_FAULTS,
    error: `strict decoding error: ${JSON_PATCH_FAULTS.join(', ')}`,
    code: 422,
  },
]

for (const { name, type, method, body, warnings, error, code } of ways) {
  const isCreate = method === 'POST'
  const urlOf = (object: string) => (isCreate ? DEPLOYMENTS : `${DEPLOYMENTS}/${object}`)
  const prepare = async (object: string) => {
    if (!isCreate) await send('POST', DEPLOYMENTS, 'Strict', VALID(object), 'application/json')
  }

  test(`${name}: Strict refuses`, async () => {
    const object = `${name}-strict`
    await prepare(object)
    const answer = await send(method, urlOf(object), 'Strict', body(object), type)
    assert.is(answer.code, code, answer.text)
    assert.ok(answer.json.message.endsWith(error), answer.json.message)
  })

  for (const mode of ['Warn', ''])
    test(`${name}: ${mode || 'nothing said'} warns`, async () => {
      const object = `${name}-warn${mode.length}`
      await prepare(object)
      const answer = await send(method, urlOf(object), mode, body(object), type)
      assert.ok(answer.code < 300, answer.text)
      assert.equal(warningsOf(answer), warnings)
    })

  test(`${name}: Ignore says nothing`, async () => {
    const object = `${name}-ignore`
    await prepare(object)
    const answer = await send(method, urlOf(object), 'Ignore', body(object), type)
    assert.ok(answer.code < 300, answer.text)
    assert.equal(warningsOf(answer), [])
  })
}

const APPLY_BODY = (name: string) => `{
  "apiVersion": "apps/v1", "kind": "Deployment",
  "metadata": { "name": "${name}" },
  "spec": {
    "paused": false,
    "paused": true,
    "selector": { "matchLabels": { "app": "nginx" } },
    "template": {
      "metadata": { "labels": { "app": "nginx" } },
      "spec": { "containers": [{ "name": "nginx", "image": "i", "image": "j" }] }
    }
  }
}`

test('an apply tells of duplicate keys by their lines, in JSON and in YAML', async () => {
  const type = 'application/apply-patch+yaml'
  const lines = [
    'line 6: key "paused" already set in map',
    'line 10: key "image" already set in map',
  ]
  const url = `${DEPLOYMENTS}/applied?fieldManager=me`
  const strict = await send('PATCH', url, 'Strict', APPLY_BODY('applied'), type)
  assert.is(strict.code, 400)
  assert.is(
    strict.json.message,
    `error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  ${lines.join('\n  ')}`,
  )
  const warned = await send('PATCH', url, '', APPLY_BODY('applied'), type)
  assert.is(warned.code, 201, warned.text)
  assert.equal(warningsOf(warned), lines)
  const yaml = 'apiVersion: v1\nkind: ConfigMap\nkind: ConfigMap\nmetadata: {name: applied}\n'
  const configMap = '/api/v1/namespaces/default/configmaps/applied?fieldManager=me'
  const again = await send('PATCH', configMap, 'Warn', yaml, type)
  assert.is(again.code, 201, again.text)
  assert.equal(warningsOf(again), ['line 3: key "kind" already set in map'])
})

test('an owner that is named twice is kept once, with a warning', async () => {
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'o', uid: 'u-1' }
  const body = JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'owned', ownerReferences: [owner, owner] },
  })
  const url = '/api/v1/namespaces/default/configmaps'
  const made = await send('POST', url, '', body, 'application/json')
  assert.equal(made.json.metadata.ownerReferences, [owner])
  assert.match(
    warningsOf(made)[0]!,
    /^\.metadata\.ownerReferences contains duplicate entries; .*: u-1$/,
  )
})

test('options that are no options are refused by name', async () => {
  const refused = await send('POST', DEPLOYMENTS, 'Maybe', VALID('x'), 'application/json')
  assert.is(refused.code, 422)
  assert.is(
    refused.json.message,
    'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Maybe": supported values: "", "Ignore", "Strict", "Warn"',
  )
  const dry = await send('POST', `${DEPLOYMENTS}?dryRun=some`, '', VALID('x'), 'application/json')
  assert.is(
    dry.json.message,
    'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: []string{"some"}: supported values: "All"',
  )
  const long = await send(
    'POST',
    `${DEPLOYMENTS}?fieldManager=${'m'.repeat(129)}`,
    '',
    VALID('x'),
    'application/json',
  )
  assert.match(long.json.message, /fieldManager: Too long: may not be more than 128 bytes$/)
})

test.after(() => api.stop())
test.run()
