import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Answer, startTestApiserver, type TestApiserver } from '../../../support/api-server.ts'

const REGISTRATION = '/apis/admissionregistration.k8s.io/v1'
const POLICIES = `${REGISTRATION}/validatingadmissionpolicies`
const BINDINGS = `${REGISTRATION}/validatingadmissionpolicybindings`

let server: TestApiserver
let count = 0

test.before(async () => {
  server = await startTestApiserver()
})
test.after(() => server.stop())

const post = async (path: string, body: object): Promise<Answer> => server.call('POST', path, body)

const created = async (path: string, body: object): Promise<Answer> => {
  const answer = await post(path, body)
  assert.is(answer.code, 201, answer.text)
  return answer
}

interface Given {
  spec: object
  binding?: object
}

/** A policy about ConfigMaps of a namespace of its own, in force; the namespace is given to `check`. */
const withPolicy = async (
  { spec, binding = {} }: Given,
  check: (namespace: string, policy: string) => Promise<void>,
): Promise<void> => {
  const name = `policy-${++count}`
  await created('/api/v1/namespaces', { metadata: { name, labels: { policy: name } } })
  await created(POLICIES, {
    metadata: { name },
    spec: {
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: [''],
            apiVersions: ['v1'],
            operations: ['CREATE', 'UPDATE', 'DELETE'],
            resources: ['configmaps'],
          },
        ],
      },
      ...spec,
    },
  })
  await created(BINDINGS, {
    metadata: { name },
    spec: {
      policyName: name,
      validationActions: ['Deny'],
      matchResources: { namespaceSelector: { matchLabels: { policy: name } } },
      ...binding,
    },
  })
  try {
    await check(name, name)
  } finally {
    await server.call('DELETE', `${BINDINGS}/${name}`)
    await server.call('DELETE', `${POLICIES}/${name}`)
  }
}

const configMap = (name: string, data: Record<string, string> = {}) => ({
  metadata: { name },
  data,
})

test('a write that a policy does not allow is refused with its message and reason', () =>
  withPolicy(
    {
      spec: {
        validations: [
          { expression: "object.data.size() < 2 && !('bad' in object.data)" },
          { expression: "object.data.color != 'red'", message: 'not red', reason: 'Forbidden' },
          {
            expression: "object.data.color != 'blue'",
            messageExpression: "'not ' + object.data.color + ' either'",
          },
        ],
      },
    },
    async (namespace, policy) => {
      const path = `/api/v1/namespaces/${namespace}/configmaps`
      await created(path, configMap('fine', { color: 'green' }))
      const bad = await post(path, configMap('bad', { color: 'green', bad: 'x' }))
      const refused = `configmaps "bad" is forbidden: ValidatingAdmissionPolicy '${policy}' with binding '${policy}' denied request: failed expression: object.data.size() < 2 && !('bad' in object.data)`
      assert.is(bad.code, 422)
      assert.is(bad.json.reason, 'Invalid')
      assert.is(bad.json.message, refused)
      assert.equal(bad.json.details, {
        name: 'bad',
        kind: 'configmaps',
        causes: [{ message: refused.slice(refused.indexOf('Validating')) }],
      })
      const red = await post(path, configMap('red', { color: 'red' }))
      assert.is(red.code, 403)
      assert.is(red.json.reason, 'Forbidden')
      assert.match(red.json.message, /denied request: not red$/)
      const blue = await post(path, configMap('blue', { color: 'blue' }))
      assert.match(blue.json.message, /denied request: not blue either$/)
    },
  ))

const refused = async (path: string, body: object): Promise<string> => {
  const { code, json } = await post(path, body)
  assert.ok(code >= 400, `${code}`)
  return json.message.replace(/^.* denied request: /s, '')
}

const mapsOf = (namespace: string): string => `/api/v1/namespaces/${namespace}/configmaps`

test('variables are shared by expressions, and computed from those before them', () =>
  withPolicy(
    {
      spec: {
        variables: [
          { name: 'data', expression: 'has(object.data) ? object.data : {}' },
          { name: 'count', expression: 'variables.data.size()' },
          { name: 'bad', expression: 'object.data.missing' },
        ],
        validations: [
          {
            expression: 'variables.count < 2',
            messageExpression: "'too many: ' + string(variables.count)",
          },
          { expression: "!('a' in variables.data) || variables.bad == 'x'" },
        ],
      },
    },
    async (namespace) => {
      await created(mapsOf(namespace), configMap('none'))
      assert.is(
        await refused(mapsOf(namespace), configMap('two', { x: '1', y: '2' })),
        'too many: 2',
      )
      assert.is(
        await refused(mapsOf(namespace), configMap('bad', { a: '1' })),
        `expression '!('a' in variables.data) || variables.bad == 'x'' resulted in error: composited variable "bad" fails to evaluate: no such key: missing`,
      )
    },
  ))

test('an expression that fails lets the write pass where failures are ignored', () =>
  withPolicy(
    { spec: { failurePolicy: 'Ignore', validations: [{ expression: "object.data.x == '1'" }] } },
    async (namespace) => {
      await created(mapsOf(namespace), configMap('fails', { y: '1' }))
      assert.is(
        await refused(mapsOf(namespace), configMap('denied', { x: '2' })),
        "failed expression: object.data.x == '1'",
      )
    },
  ))

test('match conditions restrict a policy', () =>
  withPolicy(
    {
      spec: {
        matchConditions: [
          { name: 'named', expression: "request.name.startsWith('x')" },
          { name: 'not-robots', expression: "!('robots' in request.userInfo.groups)" },
        ],
        validations: [{ expression: 'false', message: 'never' }],
      },
    },
    async (namespace) => {
      await created(mapsOf(namespace), configMap('one'))
      assert.is(await refused(mapsOf(namespace), configMap('xone')), 'never')
    },
  ))

test('deletions show the object there was, and the namespace its labels', () =>
  withPolicy(
    {
      spec: {
        validations: [
          {
            expression:
              "request.operation != 'DELETE' || (object == null && oldObject.data.keep != 'yes')",
          },
          {
            expression:
              "namespaceObject.metadata.labels['policy'] == request.namespace && namespaceObject.status.phase == 'Active'",
          },
        ],
      },
    },
    async (namespace) => {
      await created(mapsOf(namespace), configMap('kept', { keep: 'yes' }))
      await created(mapsOf(namespace), configMap('free', { keep: 'no' }))
      assert.is((await server.call('DELETE', `${mapsOf(namespace)}/free`)).code, 200)
      assert.is((await server.call('DELETE', `${mapsOf(namespace)}/kept`)).code, 422)
      const all = await server.call('DELETE', mapsOf(namespace))
      assert.is(all.code, 422)
    },
  ))

test('bindings may warn instead, and write into the audit log', () =>
  withPolicy(
    {
      spec: { validations: [{ expression: 'false', message: 'not nice' }] },
      binding: { validationActions: ['Warn', 'Audit'] },
    },
    async (namespace, policy) => {
      const { headers } = await created(mapsOf(namespace), configMap('one'))
      assert.is(
        headers['warning'],
        `299 - "Validation failed for ValidatingAdmissionPolicy '${policy}' with binding '${policy}': not nice"`,
      )
    },
  ))

test('expressions may ask what the user may do', () =>
  withPolicy(
    {
      spec: {
        validations: [
          {
            expression:
              "authorizer.requestResource.check('create').allowed() && authorizer.path('/healthz').check('get').allowed()",
          },
          {
            expression: `!authorizer.serviceAccount('default', 'nobody').group('').resource('secrets').namespace('kube-system').check('get').allowed()`,
          },
        ],
      },
    },
    async (namespace) => {
      await created(mapsOf(namespace), configMap('one'))
    },
  ))

test('names and exclusions of rules restrict a policy', () =>
  withPolicy(
    {
      spec: {
        matchConstraints: {
          resourceRules: [
            {
              apiGroups: [''],
              apiVersions: ['v1'],
              operations: ['*'],
              resources: ['configmaps', 'secrets'],
              resourceNames: ['one', 'two'],
            },
          ],
          excludeResourceRules: [
            {
              apiGroups: [''],
              apiVersions: ['*'],
              operations: ['CREATE'],
              resources: ['*'],
              resourceNames: ['two'],
            },
          ],
        },
        validations: [{ expression: 'false' }],
      },
    },
    async (namespace) => {
      await created(mapsOf(namespace), configMap('two'))
      await created(mapsOf(namespace), configMap('three'))
      assert.is(await refused(mapsOf(namespace), configMap('one')), 'failed expression: false')
      const update = await server.call('PUT', `${mapsOf(namespace)}/two`, configMap('two'))
      assert.is(update.code, 422)
    },
  ))

test('what costs more than its budget has failed', () =>
  withPolicy(
    {
      spec: {
        validations: [
          {
            expression:
              'object.data.all(a, object.data.all(b, object.data.all(c, object.data.all(d, size(a + b + c + d) > 0))))',
          },
        ],
      },
    },
    async (namespace) => {
      const data = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`key-${at}`, 'x']))
      assert.match(
        await refused(mapsOf(namespace), configMap('dear', data)),
        /resulted in error: operation cancelled: actual cost limit exceeded$/,
      )
    },
  ))

const paramsOf = (paramRef: object) => ({
  paramRef: { parameterNotFoundAction: 'Deny', ...paramRef },
})

test('parameters come from objects that a binding names', () =>
  withPolicy(
    {
      spec: {
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        validations: [
          {
            expression:
              "params == null || request.name == 'limits' || object.data.size() <= int(params.data.max)",
            messageExpression: "'at most ' + params.data.max",
          },
        ],
      },
      binding: paramsOf({ name: 'limits' }),
    },
    async (namespace, policy) => {
      const missing =
        'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction'
      assert.is(await refused(mapsOf(namespace), configMap('one')), missing)
      await created(mapsOf('default'), configMap(`limits-${policy}`, { max: '1' }))
      await server.call('DELETE', `${BINDINGS}/${policy}`)
      await created(BINDINGS, {
        metadata: { name: policy },
        spec: {
          policyName: policy,
          validationActions: ['Deny'],
          ...paramsOf({ name: `limits-${policy}`, namespace: 'default' }),
          matchResources: { namespaceSelector: { matchLabels: { policy } } },
        },
      })
      await created(mapsOf(namespace), configMap('one', { a: '1' }))
      assert.is(await refused(mapsOf(namespace), configMap('two', { a: '1', b: '2' })), 'at most 1')
    },
  ))

test('every parameter that a selector selects is checked; none is fine where that is allowed', () =>
  withPolicy(
    {
      spec: {
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        validations: [
          {
            expression: 'has(object.metadata.labels) || object.data.size() <= int(params.data.max)',
          },
        ],
      },
      binding: {
        paramRef: { selector: { matchLabels: { limit: 'yes' } }, parameterNotFoundAction: 'Allow' },
      },
    },
    async (namespace) => {
      await created(mapsOf(namespace), configMap('one', { a: '1', b: '2', c: '3' }))
      for (const max of ['4', '2'])
        await created(mapsOf(namespace), {
          metadata: { name: `limit-${max}`, labels: { limit: 'yes' } },
          data: { max },
        })
      const three = configMap('two', { a: '1', b: '2', c: '3' })
      assert.match(await refused(mapsOf(namespace), three), /^failed expression/)
      await created(mapsOf(namespace), configMap('three', { a: '1' }))
    },
  ))

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'

const define = async (plural: string, kind: string, spec: object): Promise<string> => {
  const group = 'policies.example.com'
  await created(CRDS, {
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: { plural, kind, singular: kind.toLowerCase(), listKind: `${kind}List` },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', ...spec } } },
          },
        },
      ],
    },
  })
  for (let tries = 0; tries < 100; tries++) {
    const { code } = await server.call('GET', `/apis/${group}/v1/${plural}`)
    if (code === 200) break
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return `/apis/${group}/v1/namespaces/default/${plural}`
}

test('custom resources are parameters and are judged', async () => {
  const limits = await define('limits', 'Limit', { properties: { max: { type: 'integer' } } })
  const things = await define('things', 'Thing', { properties: { size: { type: 'integer' } } })
  await withPolicy(
    {
      spec: {
        paramKind: { apiVersion: 'policies.example.com/v1', kind: 'Limit' },
        matchConstraints: {
          resourceRules: [
            {
              apiGroups: ['policies.example.com'],
              apiVersions: ['v1'],
              operations: ['CREATE', 'UPDATE'],
              resources: ['things'],
            },
          ],
        },
        validations: [{ expression: 'object.spec.size <= params.spec.max' }],
      },
      binding: { matchResources: {}, ...paramsOf({ name: 'small' }) },
    },
    async () => {
      const thing = (name: string, size: number) => ({
        apiVersion: 'policies.example.com/v1',
        kind: 'Thing',
        metadata: { name },
        spec: { size },
      })
      assert.match(
        await refused(things, thing('one', 1)),
        /^failed to configure binding: no params/,
      )
      await created(limits, {
        apiVersion: 'policies.example.com/v1',
        kind: 'Limit',
        metadata: { name: 'small' },
        spec: { max: 3 },
      })
      await created(things, thing('small', 3))
      assert.is(
        await refused(things, thing('large', 4)),
        'failed expression: object.spec.size <= params.spec.max',
      )
    },
  )
})

test('a policy whose parameters are of no known kind refuses, unless failures are ignored', async () => {
  const spec = {
    paramKind: { apiVersion: 'nowhere.example.com/v1', kind: 'Nothing' },
    validations: [{ expression: 'true' }],
  }
  const binding = paramsOf({ name: 'x' })
  await withPolicy({ spec, binding }, async (namespace) => {
    const { json } = await post(mapsOf(namespace), configMap('one'))
    assert.match(
      json.message,
      /ValidatingAdmissionPolicy 'policy-\d+' denied request: failed to configure policy: failed to find resource referenced by paramKind: 'nowhere\.example\.com\/v1, Kind=Nothing'$/,
    )
  })
  await withPolicy({ spec: { ...spec, failurePolicy: 'Ignore' }, binding }, async (namespace) => {
    await created(mapsOf(namespace), configMap('one'))
  })
})

test('a policy that nothing binds, or that is gone, refuses nothing', async () => {
  const namespace = `unbound-${++count}`
  await created('/api/v1/namespaces', { metadata: { name: namespace } })
  const spec = { validations: [{ expression: 'false' }] }
  await withPolicy({ spec }, async (other) => {
    await server.call('DELETE', `${BINDINGS}/${other}`)
    await created(mapsOf(other), configMap('one'))
    await created(mapsOf(namespace), configMap('one'))
  })
})

test('scales, evictions and connections are judged by their documents', () =>
  withPolicy(
    {
      spec: {
        matchConstraints: {
          resourceRules: [
            {
              apiGroups: ['apps'],
              apiVersions: ['v1'],
              operations: ['UPDATE'],
              resources: ['deployments/scale'],
            },
            {
              apiGroups: [''],
              apiVersions: ['v1'],
              operations: ['CONNECT'],
              resources: ['pods/exec', 'pods/proxy'],
            },
          ],
        },
        validations: [
          {
            expression:
              "request.operation == 'CONNECT' || (request.kind.kind == 'Scale' && object.spec.replicas < 5 && oldObject.spec.replicas == 1)",
          },
          { expression: "request.operation != 'CONNECT'", message: 'stay out' },
        ],
      },
    },
    async (namespace) => {
      const labels = { app: 'web' }
      const path = `/apis/apps/v1/namespaces/${namespace}/deployments`
      await created(path, {
        metadata: { name: 'web' },
        spec: {
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
        },
      })
      const scale = (replicas: number) =>
        server.call(
          'PATCH',
          `${path}/web/scale`,
          { spec: { replicas } },
          {
            headers: { 'content-type': 'application/merge-patch+json' },
          },
        )
      assert.is((await scale(9)).code, 422)
      assert.is((await scale(4)).code, 200)
      const { json } = await server.call('GET', `/api/v1/namespaces/${namespace}/pods/x/proxy/y`)
      assert.match(json.message, /denied request: stay out$/)
    },
  ))

test('figures say how often policies refused', async () => {
  const { text } = await server.call('GET', '/metrics')
  assert.match(
    text,
    'apiserver_validating_admission_policy_check_total{policy="policy-1",policy_binding="policy-1",error_type="invalid_error",enforcement_action="deny"}',
  )
})

test.run()
