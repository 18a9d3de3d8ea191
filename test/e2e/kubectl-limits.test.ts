/**
 * Unmodified kubectl where there are limits, in a whole cluster: quotas, limit ranges, and a node that is drained
 * while a disruption budget holds.
 *
 * Nodes are simulated: what is tested is the API and the controllers as kubectl meets them.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { aloud } from '../support/aloud.ts'
import { eventually, startCluster, type TestCluster } from '../support/cluster.ts'
import { type Manifest, manifest } from './support/kubectl.ts'

let cluster: TestCluster
const kubectl = (...args: string[]) => cluster.kubectl(args)
const apply = (...objects: Manifest[]) =>
  cluster.kubectl(['apply', '-f', '-'], manifest(...objects))
const jsonPath = (path: string, ...args: string[]) =>
  kubectl('get', ...args, '-o', `jsonpath={${path}}`)

const deployment = (name: string, namespace: string, replicas: number, more: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'c', image: 'pause' }], ...more },
    },
  },
})

test.before(
  aloud(async () => {
    cluster = await startCluster(['--runtime', 'hollow', '--nodes', '3'])
  }),
)
test.after(() => cluster?.stop())

test('a Deployment grows as far as the quota of its namespace, and further when there is room', async () => {
  await kubectl('create', 'namespace', 'small')
  await kubectl('create', 'quota', 'q', '-n', 'small', '--hard=pods=3,count/deployments.apps=1')
  await eventually(
    async () => (await jsonPath('.status.used.pods', 'quota', 'q', '-n', 'small')) === '0',
    'a first count',
  )
  await apply(deployment('web', 'small', 5))
  const used = () => jsonPath('.status.used.pods', 'quota', 'q', '-n', 'small')
  await eventually(async () => (await used()) === '3', 'a full quota')
  const refused = await cluster.tryKubectl(
    ['apply', '-f', '-'],
    manifest(deployment('other', 'small', 1)),
  )
  assert.match(
    refused.stderr,
    'deployments.apps "other" is forbidden: exceeded quota: q, requested: count/deployments.apps=1, used: count/deployments.apps=1, limited: count/deployments.apps=1',
  )
  const failed = await eventually(
    () =>
      jsonPath(
        '.status.conditions[?(@.type=="ReplicaFailure")].message',
        'deployment',
        'web',
        '-n',
        'small',
      ),
    'the failure',
  )
  assert.match(failed, 'exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3')
  await kubectl('patch', 'quota', 'q', '-n', 'small', '-p', '{"spec":{"hard":{"pods":"4"}}}')
  await eventually(async () => (await used()) === '4', 'one pod more')
  await kubectl('scale', 'deployment', 'web', '-n', 'small', '--replicas=1')
  await eventually(async () => (await used()) === '1', 'what was given back')
  const described = await kubectl('describe', 'quota', 'q', '-n', 'small')
  assert.match(described, /pods +1 +4\n/)
})

test('containers get the defaults of their namespace', async () => {
  await kubectl('create', 'namespace', 'ranged')
  await apply({
    apiVersion: 'v1',
    kind: 'LimitRange',
    metadata: { name: 'l', namespace: 'ranged' },
    spec: {
      limits: [{ type: 'Container', default: { memory: '64Mi' }, max: { memory: '128Mi' } }],
    },
  })
  await kubectl('run', 'p', '-n', 'ranged', '--image=pause')
  const limit = await jsonPath(
    '.spec.containers[0].resources.limits.memory',
    'pod',
    'p',
    '-n',
    'ranged',
  )
  assert.is(limit, '64Mi')
  const overrides = JSON.stringify({
    spec: {
      containers: [{ name: 'c', image: 'pause', resources: { limits: { memory: '1Gi' } } }],
    },
  })
  const refused = await cluster.tryKubectl([
    ...['run', 'q', '-n', 'ranged', '--image=pause'],
    `--overrides=${overrides}`,
  ])
  assert.match(refused.stderr, 'maximum memory usage per Container is 128Mi, but limit is 1Gi')
})

test('kubectl drain waits for a disruption budget and empties the node', async () => {
  const spread = {
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: { app: 'guarded' } },
      },
    ],
  }
  await apply(deployment('guarded', 'default', 6, spread), {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'guard', namespace: 'default' },
    spec: { maxUnavailable: 1, selector: { matchLabels: { app: 'guarded' } } },
  })
  await kubectl('rollout', 'status', 'deployment/guarded', '--timeout=60s')
  const allowed = () => jsonPath('.status.disruptionsAllowed', 'pdb', 'guard')
  await eventually(async () => (await allowed()) === '1', 'a disruption that is allowed')
  assert.match(await kubectl('get', 'pdb', 'guard'), /guard +N\/A +1 +1 +/)
  const onNode = async () =>
    (await jsonPath('.items[*].metadata.name', 'pods', '--field-selector=spec.nodeName=node-1'))
      .split(' ')
      .filter(Boolean)
  assert.ok((await onNode()).length > 1)
  const drained = await kubectl('drain', 'node-1', '--force', '--timeout=90s')
  assert.match(drained, 'node/node-1 drained')
  assert.equal(await onNode(), [])
  await eventually(async () => (await allowed()) === '1', 'the budget at rest again')
  const healthy = await jsonPath('.status.currentHealthy', 'pdb', 'guard')
  assert.is(healthy, '6')
})

test('a budget without room holds a drain up for ever', async () => {
  await kubectl('patch', 'pdb', 'guard', '-p', '{"spec":{"maxUnavailable":0}}')
  await eventually(
    async () => (await jsonPath('.status.disruptionsAllowed', 'pdb', 'guard')) === '0',
    'no disruption allowed',
  )
  const { code, stderr } = await cluster.tryKubectl([
    ...['drain', 'node-2', '--force', '--timeout=3s'],
  ])
  assert.is.not(code, 0)
  assert.match(stderr, "Cannot evict pod as it would violate the pod's disruption budget.")
  const count = await jsonPath('.items[*].metadata.name', 'pods', '-l', 'app=guarded')
  assert.is(count.split(' ').length, 6)
})

test.run()
