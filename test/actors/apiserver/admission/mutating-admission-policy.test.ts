import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Answer, startTestApiserver } from '../../../support/api-server.ts'
import { patching, startWebhookServer } from '../../../support/webhook-server.ts'

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
type Loose = any

const REGISTRATION = '/apis/admissionregistration.k8s.io/v1'
const POLICIES = `${REGISTRATION}/mutatingadmissionpolicies`
const BINDINGS = `${REGISTRATION}/mutatingadmissionpolicybindings`

const server = await startTestApiserver()
test.after(() => server.stop())

let count = 0

const created = async (path: string, body: object): Promise<Answer> => {
  const answer = await server.call('POST', path, body)
  assert.is(answer.code, 201, answer.text)
  return answer
}

const newNamespace = async (): Promise<string> => {
  const name = `mutated-${++count}`
  await created('/api/v1/namespaces', { metadata: { name, labels: { policy: name } } })
  return name
}

const apply = (expression: string) => ({
  patchType: 'ApplyConfiguration',
  applyConfiguration: { expression },
})
const patch = (expression: string) => ({ patchType: 'JSONPatch', jsonPatch: { expression } })

const inForce: string[] = []
test.after.each(async () => {
  for (const path of inForce.splice(0)) await server.call('DELETE', path)
})

const rules = (resource: string, group = '') => ({
  matchConstraints: {
    resourceRules: [
      {
        apiGroups: [group],
        apiVersions: ['v1'],
        operations: ['CREATE', 'UPDATE'],
        resources: [resource],
      },
    ],
  },
})

/** A policy with its binding for one namespace. */
const enforce = async (
  namespace: string,
  mutations: object[],
  more: object = rules('configmaps'),
  binding: object = {},
): Promise<string> => {
  const name = `mutating-${String(++count).padStart(3, '0')}`
  await created(POLICIES, {
    metadata: { name },
    spec: { reinvocationPolicy: 'Never', ...rules('configmaps'), mutations, ...more },
  })
  inForce.push(`${POLICIES}/${name}`)
  await created(BINDINGS, {
    metadata: { name },
    spec: {
      policyName: name,
      matchResources: { namespaceSelector: { matchLabels: { policy: namespace } } },
      ...binding,
    },
  })
  inForce.push(`${BINDINGS}/${name}`)
  return name
}

const mapsOf = (namespace: string): string => `/api/v1/namespaces/${namespace}/configmaps`
const map = (name: string, data: Record<string, string> = {}) => ({ metadata: { name }, data })

const pod = (name: string, containers: object[] = [{ name: 'main', image: 'app' }]): Loose => ({
  metadata: { name },
  spec: { containers },
})

test('a configuration is merged into the object as by server-side apply', async () => {
  const namespace = await newNamespace()
  await enforce(
    namespace,
    [
      apply(`Object{
        metadata: Object.metadata{labels: {"team": request.namespace}},
        spec: Object.spec{
          initContainers: [
            Object.spec.initContainers{
              name: "mesh", image: "mesh:1", restartPolicy: "Always",
              env: [Object.spec.initContainers.env{name: "PORT", value: string(8000 + 80)}]
            }
          ],
          ?hostname: has(object.spec.hostname) ? optional.none() : optional.of("given")
        }
      }`),
    ],
    rules('pods'),
  )
  const pods = `/api/v1/namespaces/${namespace}/pods`
  const { json } = await created(pods, {
    ...pod('one'),
    metadata: { name: 'one', labels: { own: 'yes' } },
  })
  assert.equal(json.metadata.labels, { own: 'yes', team: namespace })
  assert.is(json.spec.hostname, 'given')
  assert.is(json.spec.containers.length, 1)
  const [mesh] = json.spec.initContainers
  assert.is(mesh.restartPolicy, 'Always')
  assert.equal(mesh.env, [{ name: 'PORT', value: '8080' }])
  assert.is(mesh.terminationMessagePath, '/dev/termination-log')
})

test('a JSON patch may be computed, with escaped keys and objects as values', async () => {
  const namespace = await newNamespace()
  await enforce(
    namespace,
    [
      patch(`[
        JSONPatch{op: "test", path: "/data/kind", value: "plain"},
        JSONPatch{op: "add", path: "/metadata/labels", value: {}},
        JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("example.com/kind"), value: object.data.kind},
        JSONPatch{op: "move", from: "/data/kind", path: "/data/sort"}
      ]`),
    ],
    { ...rules('configmaps'), matchConditions: [{ name: 'c', expression: 'has(object.data)' }] },
  )
  const { json } = await created(mapsOf(namespace), map('one', { kind: 'plain' }))
  assert.equal(json.metadata.labels, { 'example.com/kind': 'plain' })
  assert.equal(json.data, { sort: 'plain' })
  // A test that fails leaves the object alone.
  const other = await created(mapsOf(namespace), map('two', { kind: 'fancy' }))
  assert.equal(other.json.data, { kind: 'fancy' })
})

test('variables and parameters are there for mutations, too', async () => {
  const namespace = await newNamespace()
  await created(mapsOf('default'), map('mutation-values', { color: 'green' }))
  const paramRef = {
    name: 'mutation-values',
    namespace: 'default',
    parameterNotFoundAction: 'Deny',
  }
  await enforce(
    namespace,
    [apply('Object{data: {"color": variables.color, "old": string(oldObject != null)}}')],
    {
      ...rules('configmaps'),
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      variables: [{ name: 'color', expression: 'params.data.color' }],
    },
    { paramRef },
  )
  const one = await created(mapsOf(namespace), map('one', { a: '1' }))
  assert.equal(one.json.data, { a: '1', color: 'green', old: 'false' })
  const changed = await server.call('PUT', `${mapsOf(namespace)}/one`, map('one', { a: '2' }))
  assert.equal(changed.json.data, { a: '2', color: 'green', old: 'true' })
})

test('mutations of one policy run in their order, policies in that of their names', async () => {
  const namespace = await newNamespace()
  const append = (letter: string) =>
    apply(
      `Object{data: {"order": (has(object.data.order) ? object.data.order : "") + "${letter}"}}`,
    )
  await enforce(namespace, [append('a'), append('b')])
  await enforce(namespace, [append('c')])
  const { json } = await created(mapsOf(namespace), map('one', { x: '1' }))
  assert.is(json.data.order, 'abc')
})

test('a policy is asked again after others changed the object, if it wants to be', async () => {
  const namespace = await newNamespace()
  const copy = (from: string, to: string) =>
    apply(`Object{data: {"${to}": has(object.data.${from}) ? "copied" : "none"}}`)
  await enforce(namespace, [copy('late', 'again')], {
    ...rules('configmaps'),
    reinvocationPolicy: 'IfNeeded',
  })
  await enforce(namespace, [copy('late', 'once')])
  await enforce(namespace, [apply('Object{data: {"late": "yes"}}')])
  const { json } = await created(mapsOf(namespace), map('one', { x: '1' }))
  assert.equal(json.data, { x: '1', again: 'copied', once: 'none', late: 'yes' })
})

test('a webhook’s change brings policies back that want to see it', async () => {
  const namespace = await newNamespace()
  const hooks = await startWebhookServer(() =>
    patching({ op: 'add', path: '/data/hook', value: 'was here' }),
  )
  const path = `${REGISTRATION}/mutatingwebhookconfigurations`
  await created(path, {
    metadata: { name: 'after' },
    webhooks: [
      {
        name: 'after.example.com',
        clientConfig: { url: hooks.url, caBundle: hooks.caBundle },
        rules: [
          {
            apiGroups: [''],
            apiVersions: ['v1'],
            resources: ['configmaps'],
            operations: ['CREATE'],
          },
        ],
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ],
  })
  inForce.push(`${path}/after`)
  await enforce(
    namespace,
    [apply('Object{data: {"seen": has(object.data.hook) ? object.data.hook : "nothing"}}')],
    { ...rules('configmaps'), reinvocationPolicy: 'IfNeeded' },
  )
  const { json } = await created(mapsOf(namespace), map('one', { x: '1' }))
  await hooks.stop()
  assert.equal(json.data, { x: '1', seen: 'was here', hook: 'was here' })
  assert.is(hooks.reviews.length, 1)
})

const refused = async (
  namespace: string,
  body: object = map('one', { a: '1' }),
  path = mapsOf(namespace),
): Promise<Loose> => {
  const { code, json } = await server.call('POST', path, body)
  assert.ok(code >= 400, json.message)
  return json
}

test('a mutation that fails refuses the write, unless failures are ignored', async () => {
  const namespace = await newNamespace()
  const expression = 'Object{data: {"x": object.data.missing}}'
  const name = await enforce(namespace, [apply(expression)])
  const json = await refused(namespace)
  const message = `policy '${name}' with binding '${name}' denied request: expression '${expression}' resulted in error: no such key: missing`
  assert.is(json.code, 403)
  assert.is(json.reason, 'Invalid')
  assert.is(json.message, message)
  assert.equal(json.details, { name: 'one', kind: 'configmaps', causes: [{ message }] })
  const lenient = await newNamespace()
  await enforce(lenient, [apply(expression)], { ...rules('configmaps'), failurePolicy: 'Ignore' })
  await created(mapsOf(lenient), map('one', { a: '1' }))
})

test('what would replace a list or a struct as a whole is refused', async () => {
  const namespace = await newNamespace()
  await enforce(
    namespace,
    [
      apply(`Object{spec: Object.spec{
        containers: [Object.spec.containers{name: "main", args: ["x"]}],
        nodeSelector: {"a": "b"},
        affinity: Object.spec.affinity{podAffinity: Object.spec.affinity.podAffinity{requiredDuringSchedulingIgnoredDuringExecution: []}}
      }}`),
    ],
    rules('pods'),
  )
  const json = await refused(namespace, pod('one'), `/api/v1/namespaces/${namespace}/pods`)
  assert.match(
    json.message,
    /denied request: error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: \.spec\.containers\[0\]\.args, \.spec\.nodeSelector, \.spec\.affinity\.podAffinity\.requiredDuringSchedulingIgnoredDuringExecution$/,
  )
})

test('objects are named by their place, and fields have to be declared', async () => {
  const namespace = await newNamespace()
  const message = async (expression: string): Promise<string> => {
    await enforce(namespace, [apply(expression)])
    const json = await refused(namespace)
    for (const path of inForce.splice(0)) await server.call('DELETE', path)
    return json.message.replace(/^.* denied request: /s, '')
  }
  assert.is(
    await message('Object{metadata: Object.wrong{labels: {"a": "b"}}}'),
    'type mismatch: unexpected type name "Object.wrong", expected "Object.metadata", which matches field name path from root Object type',
  )
  assert.match(
    await message('Object{nonsense: 1}'),
    /^error applying patch: failed to convert patch object to typed object: \.nonsense: field not declared in schema$/,
  )
  await enforce(namespace, [patch('[JSONPatch{op: "remove", path: "/data/none"}]')])
  assert.match((await refused(namespace)).message, /denied request: JSON Patch: remove operation/)
})

test('a mutation is looked at in the version that the rule names', async () => {
  const namespace = await newNamespace()
  await enforce(
    namespace,
    [apply('Object{spec: Object.spec{targetCPUUtilizationPercentage: 42}}')],
    rules('horizontalpodautoscalers', 'autoscaling'),
  )
  const { json } = await created(
    `/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers`,
    {
      metadata: { name: 'one' },
      spec: {
        maxReplicas: 3,
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      },
    },
  )
  assert.is(json.spec.metrics[0].resource.target.averageUtilization, 42)
})

test('what the object has become is validated like what a client sends', async () => {
  const namespace = await newNamespace()
  await enforce(namespace, [apply('Object{metadata: Object.metadata{labels: {"a": "b c"}}}')])
  const json = await refused(namespace)
  assert.is(json.code, 422)
  assert.match(json.message, /metadata\.labels: Invalid value: "b c"/)
})

test('custom resources are changed by their schema', async () => {
  const namespace = await newNamespace()
  const group = 'mutating.example.com'
  await created('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    metadata: { name: `gadgets.${group}` },
    spec: {
      group,
      names: { plural: 'gadgets', kind: 'Gadget', singular: 'gadget', listKind: 'GadgetList' },
      scope: 'Namespaced',
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
                  properties: {
                    parts: {
                      type: 'array',
                      items: {
                        type: 'object',
                        required: ['name'],
                        properties: {
                          name: { type: 'string' },
                          size: { type: 'integer', default: 7 },
                        },
                      },
                      'x-kubernetes-list-type': 'map',
                      'x-kubernetes-list-map-keys': ['name'],
                    },
                  },
                },
              },
            },
          },
        },
      ],
    },
  })
  for (let tries = 0; tries < 100; tries++) {
    if ((await server.call('GET', `/apis/${group}/v1/gadgets`)).code === 200) break
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await enforce(
    namespace,
    [
      apply(
        'Object{spec: Object.spec{parts: [Object.spec.parts{name: "a", size: 3}, Object.spec.parts{name: "c"}]}}',
      ),
    ],
    rules('gadgets', group),
  )
  const { json } = await created(`/apis/${group}/v1/namespaces/${namespace}/gadgets`, {
    apiVersion: `${group}/v1`,
    kind: 'Gadget',
    metadata: { name: 'one' },
    spec: {
      parts: [
        { name: 'a', size: 1 },
        { name: 'b', size: 2 },
      ],
    },
  })
  assert.equal(json.spec.parts, [
    { name: 'a', size: 3 },
    { name: 'b', size: 2 },
    { name: 'c', size: 7 },
  ])
})

test.run()
