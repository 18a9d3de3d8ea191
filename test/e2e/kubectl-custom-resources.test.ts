/**
 * Unmodified kubectl on custom resources, in a whole cluster: define, use, convert by name, collect, remove.
 *
 * Nodes are simulated: what is tested is the API and the controllers as kubectl meets them.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { aloud } from '../support/aloud.ts'
import { eventually, startCluster, type TestCluster } from '../support/cluster.ts'
import { type Manifest, manifest, rows } from './support/kubectl.ts'

let cluster: TestCluster
const kubectl = (...args: string[]) => cluster.kubectl(args)
const apply = (...objects: Manifest[]) =>
  cluster.kubectl(['apply', '-f', '-'], manifest(...objects))
const applyRefused = async (object: Manifest) => {
  const { code, stdout, stderr } = await cluster.tryKubectl(['apply', '-f', '-'], manifest(object))
  assert.is.not(code, 0, stdout)
  return stderr
}

const schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['schedule'],
      properties: {
        schedule: { type: 'string', pattern: '^(\\S+ ){4}\\S+$' },
        replicas: { type: 'integer', default: 1, minimum: 0, maximum: 10 },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
      },
      'x-kubernetes-validations': [
        { rule: 'self.replicas % 2 == 1', message: 'replicas must be odd' },
      ],
    },
    status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  },
}

const crontabs: Manifest = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'crontabs.stable.example.com' },
  spec: {
    group: 'stable.example.com',
    scope: 'Namespaced',
    names: { plural: 'crontabs', singular: 'crontab', kind: 'CronTab', shortNames: ['ct'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
        },
        additionalPrinterColumns: [
          { name: 'Schedule', type: 'string', jsonPath: '.spec.schedule' },
          { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
          { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
        ],
        schema: { openAPIV3Schema: schema },
      },
      {
        name: 'v1beta1',
        served: true,
        storage: false,
        schema: { openAPIV3Schema: { ...schema, description: 'older' } },
      },
    ],
  },
}

const crontab = (name: string, spec: object, metadata: object = {}): Manifest => ({
  apiVersion: 'stable.example.com/v1',
  kind: 'CronTab',
  metadata: { name, ...metadata },
  spec,
})

const EVERY_MINUTE = { schedule: '* * * * *' }

test.before(
  aloud(async () => {
    cluster = await startCluster(['--runtime', 'hollow', '--nodes', '1'])
  }),
)

test.after(async () => {
  await cluster?.stop()
})

test('a definition is established as soon as kubectl waits for it', async () => {
  assert.match(await apply(crontabs), /crontabs\.stable\.example\.com created/)
  await kubectl('wait', '--for=condition=Established', 'crd/crontabs.stable.example.com')
  const served = rows(await kubectl('api-resources', '--api-group=stable.example.com'))
  assert.equal(
    served.map((row) => `${row['NAME']} ${row['SHORTNAMES']} ${row['KIND']}`),
    ['crontabs ct CronTab'],
  )
  assert.match(await kubectl('api-versions'), /stable\.example\.com\/v1\n/)
})

test('objects are applied, defaulted and shown in the columns of their definition', async () => {
  assert.match(
    await apply(crontab('one', EVERY_MINUTE)),
    /crontab\.stable\.example\.com\/one created/,
  )
  const [row] = rows(await kubectl('get', 'ct'))
  assert.is(`${row!['NAME']} ${row!['SCHEDULE']} ${row!['REPLICAS']}`, 'one * * * * * 1')
  assert.match(await apply(crontab('one', EVERY_MINUTE)), /unchanged/)
  assert.match(await apply(crontab('one', { ...EVERY_MINUTE, replicas: 3 })), /configured/)
  await kubectl('patch', 'ct', 'one', '--type=merge', '-p', '{"spec":{"labels":{"a":"b"}}}')
  const labels = await kubectl('get', 'ct', 'one', '-o', 'jsonpath={.spec.labels.a}')
  assert.is(labels, 'b')
  await kubectl('scale', 'ct', 'one', '--replicas=5')
  assert.is(
    await kubectl(
      'get',
      'crontabs.v1.stable.example.com',
      'one',
      '-o',
      'jsonpath={.spec.replicas}',
    ),
    '5',
  )
})

test('server-side apply knows who manages what', async () => {
  const config = manifest(crontab('applied', EVERY_MINUTE))
  await cluster.kubectl(['apply', '--server-side', '-f', '-'], config)
  const other = manifest(crontab('applied', { schedule: '1 * * * *' }))
  const { code, stderr } = await cluster.tryKubectl(
    ['apply', '--server-side', '--field-manager=other', '-f', '-'],
    other,
  )
  assert.is.not(code, 0)
  assert.match(stderr, /conflict with "kubectl": \.spec\.schedule/)
})

test('what does not fit is refused: unknown fields by kubectl, the rest by the server', async () => {
  assert.match(
    await applyRefused(crontab('bad', { ...EVERY_MINUTE, other: 1 })),
    /unknown field "spec\.other"/,
  )
  assert.match(
    await applyRefused(crontab('bad', { schedule: 'never' })),
    /spec\.schedule: Invalid value: "never": spec\.schedule in body should match/,
  )
  assert.match(
    await applyRefused(crontab('bad', { ...EVERY_MINUTE, replicas: 2 })),
    /spec: Invalid value: "object": replicas must be odd/,
  )
  assert.match(await applyRefused(crontab('bad', {})), /spec\.schedule: Required value/)
})

test('every version shows the same objects', async () => {
  const path = 'apis/stable.example.com/v1beta1/namespaces/default/crontabs/one'
  const older = JSON.parse(await kubectl('get', '--raw', `/${path}`))
  assert.is(older.apiVersion, 'stable.example.com/v1beta1')
  assert.is(older.spec.replicas, 5)
})

test('what a custom object owns goes with it, and custom objects go with their owners', async () => {
  const uid = await kubectl('get', 'ct', 'one', '-o', 'jsonpath={.metadata.uid}')
  const ownerReferences = [
    { apiVersion: 'stable.example.com/v1', kind: 'CronTab', name: 'one', uid },
  ]
  await apply(
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owned', ownerReferences } },
    crontab('owned', EVERY_MINUTE, { ownerReferences }),
  )
  await kubectl('delete', 'ct', 'one')
  await eventually(async () => {
    const left = await kubectl('get', 'cm,ct', '-o', 'name')
    return !left.includes('owned')
  }, 'the dependents are collected')
})

test('a namespace takes its custom objects along', async () => {
  await kubectl('create', 'namespace', 'apart')
  await apply(crontab('inside', EVERY_MINUTE, { namespace: 'apart' }))
  await kubectl('delete', 'namespace', 'apart', '--timeout=30s')
  assert.not.match(await kubectl('get', 'ct', '-A', '-o', 'name'), /inside/)
})

test('the bus knows custom resources by every word for them', async () => {
  const answer = await cluster.nats(['request', '--raw', 'kubus.api.get.ct.default.applied', '{}'])
  assert.is(JSON.parse(answer).spec.schedule, '* * * * *')
})

test('a definition takes its objects along', async () => {
  await kubectl('delete', 'crd', 'crontabs.stable.example.com', '--timeout=30s')
  const { stderr } = await cluster.tryKubectl(['get', 'crontabs'])
  assert.match(stderr, /could not find the requested resource|doesn't have a resource type/)
  await apply(crontabs)
  await kubectl('wait', '--for=condition=Established', 'crd/crontabs.stable.example.com')
  assert.is(await kubectl('get', 'ct', '-o', 'name'), '')
})

test.run()
