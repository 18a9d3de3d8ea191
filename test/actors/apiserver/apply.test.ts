/**
 * Server-side apply and the managers of fields over HTTPS, as Kubernetes shows them.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../support/api-server.ts'
import { memoryStorage } from '../../support/memory-storage.ts'

const api = await startTestApiserver(memoryStorage())
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'

const apply = (url: string, manager: string, body: unknown, more = '') =>
  api.call('PATCH', `${url}?fieldManager=${manager}${more}`, body, {
    headers: { 'content-type': 'application/apply-patch+yaml' },
  })

const configMap = (name: string, data: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
})

const deployment = (name: string, replicas?: number, image = 'i:1') => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, labels: { app: name } },
  spec: {
    ...(replicas === undefined ? {} : { replicas }),
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'c', image, ports: [{ containerPort: 80 }] }] },
    },
  },
})

interface Entry {
  manager: string
  operation: string
  subresource?: string
  apiVersion: string
  time?: string
  fieldsV1: Record<string, unknown>
}

/** Sorted: their own order tells which second came first. */
const entriesOf = (answer: { json: { metadata: { managedFields?: Entry[] } } }) =>
  (answer.json.metadata.managedFields ?? [])
    .map(({ manager, operation, subresource }) =>
      [manager, operation, ...(subresource ? [subresource] : [])].join(' '),
    )
    .sort()

const fieldsOf = (
  answer: { json: { metadata: { managedFields?: Entry[] } } },
  manager: string,
): unknown =>
  answer.json.metadata.managedFields?.find((entry) => entry.manager === manager)?.fieldsV1

test('a create makes its manager the owner of what it set, and of the defaults', async () => {
  const { json, text } = await api.call('POST', DEPLOYMENTS, deployment('made', 1), {
    headers: { 'user-agent': 'tool/v1 (linux)' },
  })
  assert.is(json.metadata.managedFields.length, 1, text)
  const [{ time, ...entry }] = json.metadata.managedFields
  assert.match(time, /^\d{4}-.*Z$/)
  assert.equal(entry, {
    manager: 'tool',
    operation: 'Update',
    apiVersion: 'apps/v1',
    fieldsType: 'FieldsV1',
    fieldsV1: {
      'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
      'f:spec': {
        'f:progressDeadlineSeconds': {},
        'f:replicas': {},
        'f:revisionHistoryLimit': {},
        'f:selector': {},
        'f:strategy': {
          'f:rollingUpdate': { '.': {}, 'f:maxSurge': {}, 'f:maxUnavailable': {} },
          'f:type': {},
        },
        'f:template': {
          'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
          'f:spec': {
            'f:containers': {
              'k:{"name":"c"}': {
                '.': {},
                'f:image': {},
                'f:imagePullPolicy': {},
                'f:name': {},
                'f:ports': {
                  '.': {},
                  'k:{"containerPort":80,"protocol":"TCP"}': {
                    '.': {},
                    'f:containerPort': {},
                    'f:protocol': {},
                  },
                },
                'f:resources': {},
                'f:terminationMessagePath': {},
                'f:terminationMessagePolicy': {},
              },
            },
            'f:dnsPolicy': {},
            'f:restartPolicy': {},
            'f:schedulerName': {},
            'f:securityContext': {},
            'f:terminationGracePeriodSeconds': {},
          },
        },
      },
    },
  })
})

test('an apply creates what is missing, and names its manager', async () => {
  const first = await apply(`${CONFIG_MAPS}/one`, 'me', configMap('one', { a: '1', b: '2' }))
  assert.is(first.code, 201, first.text)
  assert.equal(entriesOf(first), ['me Apply'])
  assert.equal(fieldsOf(first, 'me'), { 'f:data': { 'f:a': {}, 'f:b': {} } })
  const again = await apply(`${CONFIG_MAPS}/one`, 'me', configMap('one', { a: '1', b: '2' }))
  assert.is(again.code, 200)
  assert.equal(again.json, first.json)
})

test('what a manager leaves out goes, unless somebody else has it', async () => {
  await apply(`${CONFIG_MAPS}/two`, 'me', configMap('two', { a: '1', b: '2', c: '3' }))
  await apply(`${CONFIG_MAPS}/two`, 'you', configMap('two', { b: '2', d: '4' }))
  const left = await apply(`${CONFIG_MAPS}/two`, 'me', configMap('two', { a: '1' }))
  assert.equal(left.json.data, { a: '1', b: '2', d: '4' })
  assert.equal(fieldsOf(left, 'me'), { 'f:data': { 'f:a': {} } })
  const none = await apply(`${CONFIG_MAPS}/two`, 'you', configMap('two', {}))
  assert.equal(none.json.data, { a: '1' })
})

test('a conflict names the manager and the field', async () => {
  const url = `${DEPLOYMENTS}/fought`
  await apply(url, 'me', deployment('fought', 1))
  const refused = await apply(url, 'you', deployment('fought', 2))
  assert.is(refused.code, 409)
  assert.equal(refused.json, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'Apply failed with 1 conflict: conflict with "me": .spec.replicas',
    reason: 'Conflict',
    details: {
      causes: [
        {
          reason: 'FieldManagerConflict',
          message: 'conflict with "me"',
          field: '.spec.replicas',
        },
      ],
    },
    code: 409,
  })
  await api.call(
    'PATCH',
    `${url}?fieldManager=hand`,
    { spec: { replicas: 5 } },
    {
      headers: { 'content-type': 'application/merge-patch+json' },
    },
  )
  const several = await apply(url, 'you', deployment('fought', 2, 'i:2'))
  assert.is(
    several.json.message,
    'Apply failed with 2 conflicts: conflicts with "hand" using apps/v1:\n- .spec.replicas\nconflicts with "me":\n- .spec.template.spec.containers[name="c"].image',
  )
  const forced = await apply(url, 'you', deployment('fought', 2, 'i:2'), '&force=true')
  assert.is(forced.code, 200, forced.text)
  assert.is(forced.json.spec.replicas, 2)
  assert.equal(entriesOf(forced), ['me Apply', 'you Apply'])
})

test('status and scale have entries of their own', async () => {
  const url = `${DEPLOYMENTS}/parts`
  await apply(url, 'me', deployment('parts', 1))
  const status = await api.call(
    'PATCH',
    `${url}/status?fieldManager=control`,
    { status: { observedGeneration: 1, replicas: 1 } },
    { headers: { 'content-type': 'application/merge-patch+json' } },
  )
  assert.equal(entriesOf(status), ['control Update status', 'me Apply'])
  assert.equal(fieldsOf(status, 'control'), {
    'f:status': { 'f:observedGeneration': {}, 'f:replicas': {} },
  })
  await api.call(
    'PATCH',
    `${url}/scale?fieldManager=scaler`,
    { spec: { replicas: 4 } },
    { headers: { 'content-type': 'application/merge-patch+json' } },
  )
  const scaled = await api.call('GET', url)
  assert.is(scaled.json.spec.replicas, 4)
  assert.equal(fieldsOf(scaled, 'scaler'), { 'f:spec': { 'f:replicas': {} } })
  assert.is(JSON.stringify(fieldsOf(scaled, 'me')).includes('f:replicas'), false)
  const refused = await apply(url, 'me', deployment('parts', 1))
  assert.is(
    refused.json.message,
    'Apply failed with 1 conflict: conflict with "scaler" with subresource "scale" using apps/v1: .spec.replicas',
  )
  const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'parts' } }
  const conflict = await apply(`${url}/scale`, 'other', { ...scale, spec: { replicas: 2 } })
  assert.match(
    conflict.json.message,
    /conflict with "scaler" with subresource "scale" using autoscaling\/v1: .spec.replicas$/,
  )
  const taken = await apply(
    `${url}/scale`,
    'other',
    { ...scale, spec: { replicas: 2 } },
    '&force=1',
  )
  assert.is(taken.json.spec?.replicas, 2, taken.text)
  const after = await api.call('GET', url)
  assert.ok(entriesOf(after).includes('other Apply scale'), entriesOf(after).join())
  assert.is(entriesOf(after).includes('scaler Update scale'), false)
})

test('a status is applied apart', async () => {
  const url = `${DEPLOYMENTS}/applied-status`
  await apply(url, 'me', deployment('applied-status', 1))
  const body = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'applied-status' } }
  const done = await apply(`${url}/status`, 'control', {
    ...body,
    spec: { replicas: 9 },
    status: { observedGeneration: 1 },
  })
  assert.is(done.code, 200, done.text)
  assert.is(done.json.spec.replicas, 1)
  assert.is(done.json.status.observedGeneration, 1)
  assert.equal(entriesOf(done), ['control Apply status', 'me Apply'])
  const missing = await apply(`${DEPLOYMENTS}/nobody/status`, 'control', {
    ...body,
    metadata: { name: 'nobody' },
  })
  assert.is(missing.code, 404)
})

test('options are checked', async () => {
  const url = `${CONFIG_MAPS}/options`
  const nobody = await api.call('PATCH', url, configMap('options', {}), {
    headers: { 'content-type': 'application/apply-patch+yaml' },
  })
  assert.is(nobody.code, 422)
  assert.is(
    nobody.json.message,
    'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
  )
  const forced = await api.call(
    'PATCH',
    `${url}?force=true`,
    {},
    {
      headers: { 'content-type': 'application/merge-patch+json' },
    },
  )
  assert.is(
    forced.json.message,
    'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
  )
  const unknown = await apply(url, 'me', { ...configMap('options', {}), foo: 1 })
  assert.is(unknown.code, 500)
  assert.is(
    unknown.json.message,
    'failed to create typed patch object (/options; /v1, Kind=ConfigMap): .foo: field not declared in schema',
  )
  const managed = configMap('options', {}) as Record<string, unknown>
  managed['metadata'] = { name: 'options', managedFields: [] }
  assert.is((await apply(url, 'me', managed)).json.message, 'metadata.managedFields must be nil')
  const other = await apply(url, 'me', { ...configMap('options', {}), kind: 'Secret' })
  assert.is(other.json.message, 'invalid object type: /v1, Kind=Secret')
  const dry = await apply(url, 'me', configMap('options', {}), '&dryRun=All')
  assert.is(dry.code, 201)
  assert.is((await api.call('GET', url)).code, 404)
})

test('managers are cleared, and from then on only applies count', async () => {
  const url = `${CONFIG_MAPS}/cleared`
  await api.call('POST', CONFIG_MAPS, configMap('cleared', { a: '1' }))
  const cleared = await api.call(
    'PATCH',
    url,
    { metadata: { managedFields: [{}] } },
    {
      headers: { 'content-type': 'application/merge-patch+json' },
    },
  )
  assert.is(cleared.json.metadata.managedFields, undefined)
  const updated = await api.call('PUT', url, configMap('cleared', { a: '2' }))
  assert.is(updated.json.metadata.managedFields, undefined)
  const applied = await apply(url, 'me', configMap('cleared', { b: '1' }))
  assert.equal(entriesOf(applied), ['before-first-apply Update', 'me Apply'])
  const again = await api.call('PUT', url, {
    ...configMap('cleared', { a: '3' }),
    metadata: { name: 'cleared', managedFields: [] },
  })
  assert.is(again.json.metadata.managedFields, undefined, again.text)
})

test('a JSON patch sees and changes managers', async () => {
  const url = `${CONFIG_MAPS}/hand`
  await api.call('POST', `${CONFIG_MAPS}?fieldManager=old`, configMap('hand', { a: '1' }))
  const patched = await api.call(
    'PATCH',
    url,
    [
      { op: 'test', path: '/metadata/managedFields/0/manager', value: 'old' },
      { op: 'replace', path: '/metadata/managedFields/0/operation', value: 'Apply' },
      { op: 'replace', path: '/metadata/managedFields/0/manager', value: 'new' },
    ],
    { headers: { 'content-type': 'application/json-patch+json' } },
  )
  assert.equal(entriesOf(patched), ['new Apply'])
  const removed = await apply(url, 'new', configMap('hand', { b: '1' }))
  assert.equal(removed.json.data, { b: '1' })
})

test('an update that changes nothing writes nothing', async () => {
  const url = `${CONFIG_MAPS}/still`
  const made = await api.call('POST', CONFIG_MAPS, configMap('still', { a: '1' }))
  const same = await api.call('PUT', `${url}?fieldManager=other`, configMap('still', { a: '1' }))
  assert.equal(same.json, made.json)
})

test('a client-side apply is taken over by kubectl', async () => {
  const url = `${CONFIG_MAPS}/moved`
  const last = `${JSON.stringify(configMap('moved', { a: '1' }))}\n`
  const made = configMap('moved', { a: '1' }) as ReturnType<typeof configMap> & {
    metadata: { annotations?: Record<string, string> }
  }
  made.metadata.annotations = { 'kubectl.kubernetes.io/last-applied-configuration': last }
  await api.call('POST', `${CONFIG_MAPS}?fieldManager=kubectl-client-side-apply`, made)
  assert.is((await apply(url, 'me', configMap('moved', { a: '2' }))).code, 409)
  const taken = await apply(url, 'kubectl', configMap('moved', { a: '2' }))
  assert.is(taken.code, 200, taken.text)
  assert.is(
    taken.json.metadata.annotations['kubectl.kubernetes.io/last-applied-configuration'],
    '{"apiVersion":"v1","data":{"a":"2"},"kind":"ConfigMap","metadata":{"name":"moved"}}\n',
  )
})

test('metadata alone and protobuf show managers, too', async () => {
  const url = `${CONFIG_MAPS}/forms`
  await apply(url, 'me', configMap('forms', { a: '1' }))
  const partial = await api.call('GET', url, undefined, {
    headers: { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' },
  })
  assert.equal(entriesOf(partial), ['me Apply'])
  const binary = await api.call('GET', url, undefined, {
    headers: { accept: 'application/vnd.kubernetes.protobuf' },
  })
  assert.ok(binary.text.includes('{"f:data":{"f:a":{}}}'))
  const { items } = (await api.call('GET', CONFIG_MAPS)).json
  const listed = items.find(
    (item: { metadata: { name: string } }) => item.metadata.name === 'forms',
  )
  assert.equal(entriesOf({ json: listed }), ['me Apply'])
})

test('no more than ten updaters are kept', async () => {
  const url = `${CONFIG_MAPS}/crowd`
  await api.call('POST', `${CONFIG_MAPS}?fieldManager=m0`, configMap('crowd', { k0: '0' }))
  let answer = await api.call('GET', url)
  for (let number = 1; number < 13; number++)
    answer = await api.call(
      'PATCH',
      `${url}?fieldManager=m${number}`,
      { data: { [`k${number}`]: 'x' } },
      { headers: { 'content-type': 'application/merge-patch+json' } },
    )
  assert.is(entriesOf(answer).length, 10)
  assert.ok(entriesOf(answer).includes('ancient-changes Update'))
})

test('managers of different versions meet in the words of each', async () => {
  const at = (version: string) =>
    `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers/h`
  const scaler = (version: string, spec: object) => ({
    apiVersion: `autoscaling/${version}`,
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'h' },
    spec,
  })
  const target = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' }
  const plain = { maxReplicas: 3, scaleTargetRef: target, targetCPUUtilizationPercentage: 50 }
  const made = await apply(at('v1'), 'me', scaler('v1', plain))
  assert.is(made.code, 201, made.text)
  const metrics = (averageUtilization: number) => [
    {
      type: 'Resource',
      resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
    },
  ]
  const refused = await apply(at('v2'), 'you', scaler('v2', { metrics: metrics(80) }))
  assert.is(
    refused.json.message,
    'Apply failed with 1 conflict: conflict with "me": .spec.targetCPUUtilizationPercentage',
  )
  const forced = await apply(at('v2'), 'you', scaler('v2', { metrics: metrics(80) }), '&force=true')
  assert.is(forced.code, 200, forced.text)
  assert.equal(fieldsOf(forced, 'me'), {
    'f:spec': { 'f:maxReplicas': {}, 'f:scaleTargetRef': {} },
  })
})

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'gadgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'gadgets', kind: 'Gadget' },
    versions: ['v1', 'v2'].map((name) => ({
      name,
      served: true,
      storage: name === 'v1',
      subresources: {
        status: {},
        scale: { specReplicasPath: '.spec.count', statusReplicasPath: '.status.count' },
      },
      schema: {
        openAPIV3Schema: {
          type: 'object',
          properties: {
            spec: {
              type: 'object',
              properties: {
                count: { type: 'integer' },
                parts: {
                  type: 'array',
                  'x-kubernetes-list-type': 'map',
                  'x-kubernetes-list-map-keys': ['name'],
                  items: {
                    type: 'object',
                    required: ['name'],
                    properties: { name: { type: 'string' }, size: { type: 'integer' } },
                  },
                },
                tags: {
                  type: 'array',
                  'x-kubernetes-list-type': 'set',
                  items: { type: 'string' },
                },
                order: { type: 'array', items: { type: 'string' } },
              },
            },
            status: { type: 'object', properties: { count: { type: 'integer' } } },
          },
        },
      },
    })),
  },
}
const GADGETS = '/apis/example.com/v1/namespaces/default/gadgets'

const gadget = (spec: object, apiVersion = 'example.com/v1') => ({
  apiVersion,
  kind: 'Gadget',
  metadata: { name: 'g' },
  spec,
})

test('custom objects are applied as their schema says', async () => {
  const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
  await api.call('POST', crds, definition)
  const url = `${GADGETS}/g`
  const first = { parts: [{ name: 'a', size: 1 }], tags: ['x'], order: ['1'] }
  let made = await apply(url, 'me', gadget(first))
  for (let tries = 0; made.code === 404 && tries < 100; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    made = await apply(url, 'me', gadget(first))
  }
  assert.is(made.code, 201, made.text)
  assert.equal(fieldsOf(made, 'me'), {
    'f:spec': {
      'f:order': {},
      'f:parts': { 'k:{"name":"a"}': { '.': {}, 'f:name': {}, 'f:size': {} } },
      'f:tags': { 'v:"x"': {} },
    },
  })
  const second = { parts: [{ name: 'b', size: 2 }], tags: ['y'] }
  const shared = await apply(url, 'you', gadget(second))
  assert.equal(shared.json.spec, {
    parts: [
      { name: 'a', size: 1 },
      { name: 'b', size: 2 },
    ],
    tags: ['x', 'y'],
    order: ['1'],
  })
  const refused = await apply(url, 'you', gadget({ ...second, order: ['2'] }))
  assert.match(refused.json.message, 'conflict with "me": .spec.order')
  const left = await apply(url, 'me', gadget({ tags: ['x'] }))
  assert.equal(left.json.spec, { parts: [{ name: 'b', size: 2 }], tags: ['x', 'y'] })
  const unknown = await apply(url, 'me', gadget({ foo: 1 }))
  assert.match(unknown.json.message, /\.spec\.foo: field not declared in schema$/)
})

test('another version of a custom object is managed by the same managers', async () => {
  const url = '/apis/example.com/v2/namespaces/default/gadgets/g'
  const again = await apply(url, 'me', gadget({ tags: ['z'] }, 'example.com/v2'))
  assert.is(again.code, 200, again.text)
  assert.equal(again.json.spec.tags, ['y', 'z'])
  assert.equal(entriesOf(again).sort(), ['me Apply', 'you Apply'])
})

test('the scale of a custom object is managed where its definition says', async () => {
  const url = `${GADGETS}/g`
  const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'g' } }
  const scaled = await apply(`${url}/scale`, 'scaler', { ...scale, spec: { replicas: 3 } })
  assert.is(scaled.code, 200, scaled.text)
  const read = await api.call('GET', url)
  assert.is(read.json.spec.count, 3)
  assert.equal(fieldsOf(read, 'scaler'), { 'f:spec': { 'f:count': {} } })
})

test.after(() => api.stop())
test.run()
