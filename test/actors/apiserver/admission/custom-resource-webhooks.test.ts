/**
 * Webhooks on custom resources and their definitions, and configurations that change, as Kubernetes' conformance
 * suite has them.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Answer, startTestApiserver } from '../../../support/api-server.ts'
import { patching, startWebhookServer } from '../../../support/webhook-server.ts'

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
type Loose = any

const REGISTRATION = '/apis/admissionregistration.k8s.io/v1'
const MUTATING = `${REGISTRATION}/mutatingwebhookconfigurations`
const VALIDATING = `${REGISTRATION}/validatingwebhookconfigurations`
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const GROUP = 'hooked.example.com'
const MERGE = { headers: { 'content-type': 'application/merge-patch+json' } }

const answers = new Map<string, (request: Loose) => Loose>()
const hooks = await startWebhookServer(
  (request, path) => answers.get(path)?.(request) ?? { allowed: true },
)
const api = await startTestApiserver()

test.after(async () => {
  await api.stop()
  await hooks.stop()
})

test.after.each(async () => {
  await api.call('DELETE', MUTATING)
  await api.call('DELETE', VALIDATING)
  answers.clear()
  hooks.reviews.length = 0
})

const created = async (path: string, body: object): Promise<Answer> => {
  const answer = await api.call('POST', path, body)
  assert.is(answer.code, 201, answer.text)
  return answer
}

const configure = (
  kind: string,
  path: string,
  rule: { group: string; versions: string[]; resource: string; operations?: string[] },
  more: object = {},
) =>
  created(kind, {
    metadata: { name: path.slice(1) },
    webhooks: [
      {
        name: `${path.slice(1)}.example.com`,
        clientConfig: { url: `${hooks.url}${path}`, caBundle: hooks.caBundle },
        rules: [
          {
            apiGroups: [rule.group],
            apiVersions: rule.versions,
            resources: [rule.resource],
            operations: rule.operations ?? ['CREATE', 'UPDATE', 'DELETE'],
          },
        ],
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        ...more,
      },
    ],
  })

const SCHEMA = {
  type: 'object',
  properties: {
    data: {
      type: 'object',
      properties: {
        start: { type: 'string' },
        one: { type: 'string' },
        size: { type: 'integer', default: 3 },
      },
    },
  },
}

const define = async (plural: string, kind: string): Promise<void> => {
  const version = (name: string, storage: boolean) => ({
    name,
    served: true,
    storage,
    schema: { openAPIV3Schema: SCHEMA },
  })
  await created(CRDS, {
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { plural, kind, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [version('v1', true), version('v2', false)],
    },
  })
  for (let tries = 0; tries < 100; tries++) {
    if ((await api.call('GET', `/apis/${GROUP}/v2/${plural}`)).code === 200) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const pathOf = (version: string, plural: string) =>
  `/apis/${GROUP}/${version}/namespaces/default/${plural}`

const custom = (version: string, kind: string, name: string, data: object) => ({
  apiVersion: `${GROUP}/${version}`,
  kind,
  metadata: { name },
  data,
})

test('custom objects are refused when they are made, changed and deleted', async () => {
  await define('refusals', 'Refusal')
  const path = pathOf('v1', 'refusals')
  answers.set('/deny', ({ object, oldObject }) => ({
    allowed: (object ?? oldObject).data.start !== 'no',
  }))
  await configure(VALIDATING, '/deny', { group: GROUP, versions: ['v1'], resource: 'refusals' })
  assert.is((await api.call('POST', path, custom('v1', 'Refusal', 'a', { start: 'no' }))).code, 400)
  await created(path, custom('v1', 'Refusal', 'b', { start: 'yes' }))
  const change = await api.call('PATCH', `${path}/b`, { data: { start: 'no' } }, MERGE)
  assert.is(change.code, 400)
  assert.match(change.json.message, /"deny\.example\.com" denied the request without explanation/)
  answers.set('/deny', ({ operation }) => ({ allowed: operation !== 'DELETE' }))
  assert.is((await api.call('DELETE', `${path}/b`)).code, 400)
  assert.is((await api.call('DELETE', path)).code, 400)
  assert.is((await api.call('GET', `${path}/b`)).code, 200)
})

test('what webhooks add to custom objects is pruned and given defaults', async () => {
  await define('prunings', 'Pruning')
  const stage = (from: string, to: string) => (request: Loose) =>
    request.object.data[from] === 'yes'
      ? patching({ op: 'add', path: `/data/${to}`, value: 'yes' })
      : { allowed: true }
  answers.set('/a', stage('start', 'one'))
  answers.set('/b', stage('one', 'two'))
  const rule = { group: GROUP, versions: ['v1'], resource: 'prunings' }
  await configure(MUTATING, '/a', rule)
  await configure(MUTATING, '/b', rule)
  const { json } = await created(
    pathOf('v1', 'prunings'),
    custom('v1', 'Pruning', 'a', { start: 'yes' }),
  )
  assert.equal(json.data, { start: 'yes', one: 'yes', size: 3 })
})

test('custom objects of another version are shown in the one that the rule names', async () => {
  await define('versions', 'Version')
  answers.set('/versions', (request) => {
    assert.is(request.object.apiVersion, `${GROUP}/v1`)
    return patching({ op: 'add', path: '/data/one', value: request.requestKind.version })
  })
  await configure(MUTATING, '/versions', { group: GROUP, versions: ['v1'], resource: 'versions' })
  const { json } = await created(
    pathOf('v2', 'versions'),
    custom('v2', 'Version', 'a', { start: 'yes' }),
  )
  assert.is(json.apiVersion, `${GROUP}/v2`)
  assert.is(json.data.one, 'v2')
  // The stored version may be another one afterwards.
  await api.call(
    'PATCH',
    `${CRDS}/versions.${GROUP}`,
    {
      spec: {
        versions: [
          { name: 'v1', served: true, storage: false, schema: { openAPIV3Schema: SCHEMA } },
          { name: 'v2', served: true, storage: true, schema: { openAPIV3Schema: SCHEMA } },
        ],
      },
    },
    MERGE,
  )
  const patched = await api.call(
    'PATCH',
    `${pathOf('v2', 'versions')}/a`,
    { data: { start: 'again' } },
    MERGE,
  )
  assert.is(patched.code, 200, patched.text)
  const last = hooks.reviews.at(-1)?.request
  assert.is(last.object.apiVersion, `${GROUP}/v1`)
  assert.is(last.oldObject.apiVersion, `${GROUP}/v1`)
})

test('definitions are refused like everything else', async () => {
  answers.set('/definitions', () => ({ allowed: false, status: { message: 'no more kinds' } }))
  await configure(VALIDATING, '/definitions', {
    group: 'apiextensions.k8s.io',
    versions: ['*'],
    resource: 'customresourcedefinitions',
  })
  const { json } = await api.call('POST', CRDS, {
    metadata: { name: `nevers.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { plural: 'nevers', kind: 'Never', singular: 'never', listKind: 'NeverList' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: SCHEMA } }],
    },
  })
  assert.match(json.message, /"definitions\.example\.com" denied the request: no more kinds$/)
})

test('a changed configuration counts at once', async () => {
  const maps = '/api/v1/namespaces/default/configmaps'
  answers.set('/changing', () => ({ allowed: false }))
  const rule = { group: '', versions: ['v1'], resource: 'configmaps' }
  await configure(VALIDATING, '/changing', rule)
  const attempt = async (name: string) =>
    (await api.call('POST', maps, { metadata: { name } })).code
  assert.is(await attempt('a'), 400)
  const operations = (value: string[]) =>
    api.call(
      'PATCH',
      `${VALIDATING}/changing`,
      [{ op: 'replace', path: '/webhooks/0/rules/0/operations', value }],
      { headers: { 'content-type': 'application/json-patch+json' } },
    )
  assert.is((await operations(['UPDATE'])).code, 200)
  assert.is(await attempt('a'), 201)
  assert.is((await operations(['*'])).code, 200)
  assert.is(await attempt('b'), 400)
  assert.is((await api.call('DELETE', VALIDATING)).code, 200)
  assert.is(await attempt('b'), 201)
})

test.run()
