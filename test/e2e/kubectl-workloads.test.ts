/**
 * Unmodified kubectl on workloads: rollouts, scaling, pods that fail or wait, deletion with dependents, drained nodes.
 *
 * Nodes are simulated: a container of an example image runs until it is stopped.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually, startCluster, type TestCluster } from '../support/cluster.ts'
import { deleted, deployment, follow, type Manifest, manifest, rows } from './support/kubectl.ts'

let cluster: TestCluster
const kubectl = (...args: string[]) => cluster.kubectl(args)
const apply = (...objects: Manifest[]) =>
  cluster.kubectl(['apply', '-f', '-'], manifest(...objects))
const refusal = async (...args: string[]) => {
  const { code, stdout, stderr } = await cluster.tryKubectl(args)
  assert.is.not(code, 0, stdout)
  return stderr
}
const value = (path: string, ...args: string[]) =>
  kubectl('get', ...args, '-o', `jsonpath={${path}}`)
const rolledOut = (name: string) =>
  kubectl('rollout', 'status', `deployment/${name}`, '--timeout=60s')

const pod = (name: string, spec: Record<string, unknown>, container = {}): Manifest => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { run: name } },
  spec: { containers: [{ name: 'main', image: 'example/app:1', ...container }], ...spec },
})

test.before(async () => {
  cluster = await startCluster(['--runtime', 'hollow', '--nodes', '3'])
})

test.after(async () => {
  await cluster?.stop()
})

/** What describe prints once it has the event too: events are written a little later than what they tell of. */
const describedWith = (event: RegExp, ...args: string[]) =>
  eventually(async () => {
    const described = await kubectl('describe', ...args)
    return event.test(described) && described
  }, `${event}`)

test('a Deployment rolls out, and get and describe tell of it', async () => {
  await apply(deployment('web', { replicas: 3 }))
  assert.match(await rolledOut('web'), /deployment "web" successfully rolled out\n$/)
  const [row] = rows(await kubectl('get', 'deployment', 'web', '-o', 'wide'))
  assert.equal(
    { ...row, AGE: '' },
    {
      NAME: 'web',
      READY: '3/3',
      'UP-TO-DATE': '3',
      AVAILABLE: '3',
      AGE: '',
      CONTAINERS: 'app',
      IMAGES: 'example/app:1',
      SELECTOR: 'app=web',
    },
  )
  const pods = rows(await kubectl('get', 'pods', '-l', 'app=web', '-o', 'wide'))
  assert.is(pods.length, 3)
  for (const { NAME = '', READY, STATUS, RESTARTS, IP = '', NODE = '' } of pods) {
    assert.match(NAME, /^web-[0-9a-z]{8,10}-[0-9a-z]{5}$/)
    assert.equal([READY, STATUS, RESTARTS], ['1/1', 'Running', '0'])
    assert.match(IP, /^10\.244\.\d+\.\d+$/)
    assert.match(NODE, /^node-\d$/)
  }
  assert.is(new Set(pods.map(({ NODE }) => NODE)).size, 3, 'spread over the nodes')
  const scaled =
    /Normal +ScalingReplicaSet +\S+ +deployment-controller +Scaled up replica set web-\w+ from 0 to 3/
  const described = await describedWith(scaled, 'deployment', 'web')
  for (const line of [
    /^Annotations: +deployment\.kubernetes\.io\/revision: 1$/m,
    /^Replicas: +3 desired \| 3 updated \| 3 total \| 3 available \| 0 unavailable$/m,
    /^RollingUpdateStrategy: +25% max unavailable, 25% max surge$/m,
    /^ +Available +True +MinimumReplicasAvailable$/m,
    /^ +Progressing +True +NewReplicaSetAvailable$/m,
    /^OldReplicaSets: +<none>$/m,
    /^NewReplicaSet: +web-\w+ \(3\/3 replicas created\)$/m,
  ])
    assert.match(described, line)
  const created = /SuccessfulCreate .* replicaset-controller +Created pod: web-/
  const replicaSet = await describedWith(created, 'replicaset', '-l', 'app=web')
  assert.match(replicaSet, /^Controlled By: +Deployment\/web$/m)
  assert.match(replicaSet, /^Replicas: +3 current \/ 3 desired$/m)
})

test('describe pod tells its state, conditions and events', async () => {
  const scheduled =
    /Normal +Scheduled +\S+ +default-scheduler +Successfully assigned default\/web-\S+ to node-\d/
  // By name: newer versions of kubectl leave the events out when they describe several objects.
  const [name = ''] = (await kubectl('get', 'pods', '-l', 'app=web', '-o', 'name')).split('\n')
  const described = await describedWith(scheduled, name)
  for (const line of [
    /^Node: +node-\d\/127\.0\.0\.1$/m,
    /^Status: +Running$/m,
    /^Controlled By: +ReplicaSet\/web-\w+$/m,
    /^ {4}State: +Running$/m,
    /^ {4}Ready: +True$/m,
    /^ {4}Restart Count: +0$/m,
    /^ {2}PodScheduled +True *$/m,
    /^QoS Class: +BestEffort$/m,
    /^Tolerations: +node\.kubernetes\.io\/not-ready:NoExecute op=Exists for 300s$/m,
    /Normal +Started +\S+ +kubelet /,
  ])
    assert.match(described, line)
})

test('scale changes the number of pods, when the current number is as told', async () => {
  assert.is(
    await kubectl('scale', 'deployment/web', '--replicas=5'),
    'deployment.apps/web scaled\n',
  )
  await kubectl(
    'wait',
    '--for=jsonpath={.status.readyReplicas}=5',
    'deployment/web',
    '--timeout=30s',
  )
  assert.is(
    await refusal('scale', 'deployment/web', '--current-replicas=2', '--replicas=1'),
    'error: Expected replicas to be 2, was 5\n',
  )
  await kubectl('scale', 'deployment', 'web', '--current-replicas=5', '--replicas=2')
  await eventually(
    async () => rows(await kubectl('get', 'pods', '-l', 'app=web')).length === 2,
    'two pods',
  )
  const scale = JSON.parse(
    await kubectl('get', '--raw', '/apis/apps/v1/namespaces/default/deployments/web/scale'),
  )
  assert.equal([scale.kind, scale.spec.replicas, scale.status.selector], ['Scale', 2, 'app=web'])
})

test('set image and set env change the template, each a new revision', async () => {
  assert.is(
    await kubectl('set', 'image', 'deployment/web', 'app=example/app:2'),
    'deployment.apps/web image updated\n',
  )
  assert.match(await rolledOut('web'), 'successfully rolled out')
  assert.is(
    await kubectl('set', 'env', 'deployment/web', 'COLOUR=red'),
    'deployment.apps/web env updated\n',
  )
  await rolledOut('web')
  assert.is(
    await kubectl('set', 'env', 'deployment/web', '--list'),
    '# Deployment web, container app\nCOLOUR=red\n',
  )
  assert.is(
    await kubectl('set', 'resources', 'deployment/web', '--requests=cpu=10m'),
    'deployment.apps/web resource requirements updated\n',
  )
  await rolledOut('web')
  assert.is(
    await value('.spec.template.spec.containers[0].resources', 'deployment', 'web'),
    '{"requests":{"cpu":"10m"}}',
  )
})

test('rollout history lists revisions, undo goes back to any of them', async () => {
  const history = await kubectl('rollout', 'history', 'deployment/web')
  assert.is(
    history,
    'deployment.apps/web \nREVISION  CHANGE-CAUSE\n1         <none>\n2         <none>\n3         <none>\n4         <none>\n\n',
  )
  const second = await kubectl('rollout', 'history', 'deployment/web', '--revision=2')
  assert.match(second, 'deployment.apps/web with revision #2')
  assert.match(second, /Image:\s+example\/app:2/)
  assert.is(await kubectl('rollout', 'undo', 'deployment/web'), 'deployment.apps/web rolled back\n')
  await rolledOut('web')
  assert.is(await value('.spec.template.spec.containers[0].resources', 'deployment', 'web'), '{}')
  await kubectl('rollout', 'undo', 'deployment/web', '--to-revision=1')
  await rolledOut('web')
  assert.is(
    await value('.spec.template.spec.containers[0].image', 'deployment', 'web'),
    'example/app:1',
  )
  const revisions = rows(
    (await kubectl('rollout', 'history', 'deployment/web')).split('\n').slice(1).join('\n'),
  )
  assert.equal(revisions.map(({ REVISION }) => REVISION).filter(Boolean), ['2', '4', '5', '6'])
  assert.match(
    await refusal('rollout', 'undo', 'deployment/web', '--to-revision=99'),
    'error: unable to find specified revision 99 in history',
  )
  const active = rows(await kubectl('get', 'replicasets', '-l', 'app=web')).filter(
    ({ DESIRED }) => DESIRED !== '0',
  )
  assert.is(active.length, 1)
})

test('the cause of a change is kept with its revision', async () => {
  await kubectl('annotate', 'deployment/web', 'kubernetes.io/change-cause=a better colour')
  await eventually(
    async () => (await kubectl('rollout', 'history', 'deployment/web')).includes('a better colour'),
    'the cause in the history',
  )
})

test('a paused rollout holds changes back, resume carries them out at once', async () => {
  assert.is(await kubectl('rollout', 'pause', 'deployment/web'), 'deployment.apps/web paused\n')
  assert.is(
    await refusal('rollout', 'pause', 'deployment/web'),
    'error: deployments.apps "web" is already paused\n',
  )
  const before = await value('.metadata.annotations', 'deployment', 'web')
  await kubectl('set', 'image', 'deployment/web', 'app=example/app:7')
  await kubectl('set', 'env', 'deployment/web', 'PAUSED=yes')
  await eventually(async () => {
    const seen = await value('.status.observedGeneration', 'deployment', 'web')
    return seen === (await value('.metadata.generation', 'deployment', 'web'))
  }, 'the change to be seen')
  assert.is(await value('.metadata.annotations', 'deployment', 'web'), before)
  assert.is(
    await value('.status.conditions[?(@.type=="Progressing")].reason', 'deployment', 'web'),
    'DeploymentPaused',
  )
  assert.match(
    await refusal('rollout', 'restart', 'deployment/web'),
    `error: deployments.apps "web" can't restart paused deployment (run rollout resume first)`,
  )
  assert.is(await kubectl('rollout', 'resume', 'deployment/web'), 'deployment.apps/web resumed\n')
  await rolledOut('web')
  const images = await value('.items[*].spec.containers[0].image', 'pods', '-l', 'app=web')
  assert.is(images, 'example/app:7 example/app:7')
})

test('rollout restart replaces every pod', async () => {
  const uids = () => value('.items[*].metadata.uid', 'pods', '-l', 'app=web')
  const before = (await uids()).split(' ')
  assert.is(
    await kubectl('rollout', 'restart', 'deployment/web'),
    'deployment.apps/web restarted\n',
  )
  await rolledOut('web')
  await eventually(async () => (await uids()).split(' ').length === 2, 'the old pods to go')
  for (const uid of (await uids()).split(' ')) assert.is.not(before.includes(uid), true)
})

test('a rollout that cannot go on says so after its deadline, and keeps the old pods', async () => {
  await apply(deployment('stuck', { replicas: 2, progressDeadlineSeconds: 3 }))
  await rolledOut('stuck')
  const unschedulable = { spec: { nodeSelector: { 'example.com/none': 'here' } } }
  await kubectl(
    'patch',
    'deployment',
    'stuck',
    '-p',
    JSON.stringify({ spec: { template: unschedulable } }),
  )
  assert.match(
    await refusal('rollout', 'status', 'deployment/stuck', '--timeout=30s'),
    'error: deployment "stuck" exceeded its progress deadline',
  )
  const [row] = rows(await kubectl('get', 'deployment', 'stuck'))
  assert.equal([row?.['READY'], row?.['UP-TO-DATE'], row?.['AVAILABLE']], ['2/2', '1', '2'])
  await kubectl('rollout', 'undo', 'deployment/stuck')
  assert.match(await rolledOut('stuck'), 'successfully rolled out')
})

test('a pod that fits nowhere waits, with the reason in an event', async () => {
  await apply(pod('huge', {}, { resources: { requests: { cpu: '1000' } } }))
  const [event] = await eventually(async () => {
    const seen = rows(await kubectl('events', '--for', 'pod/huge', '--types=Warning'))
    return seen.length > 0 && seen
  }, 'the refusal')
  assert.is(event?.['REASON'], 'FailedScheduling')
  assert.match(
    event?.['MESSAGE'] ?? '',
    /^0\/3 nodes are available: 3 Insufficient cpu\. (no new claims to deallocate, )?preemption: 0\/3 nodes are available: 3 (Preemption is not helpful for scheduling|No preemption victims found for incoming pod)\.$/,
  )
  const [row] = rows(await kubectl('get', 'pod', 'huge', '-o', 'wide'))
  assert.equal([row?.['STATUS'], row?.['NODE']], ['Pending', '<none>'])
  assert.match(await kubectl('describe', 'pod', 'huge'), /^ +cpu: +1k$/m)
  assert.match(
    await refusal('wait', '--for=condition=Ready', 'pod/huge', '--timeout=1s'),
    'error: timed out waiting for the condition on pods/huge',
  )
  await kubectl('delete', 'pod', 'huge')
})

test('pods that end, fail and crash show it', async () => {
  await apply(
    pod('done', { restartPolicy: 'Never' }, { command: ['true'] }),
    pod('broken', { restartPolicy: 'Never' }, { command: ['sh', '-c', 'echo bad; exit 3'] }),
    pod('crashing', {}, { command: ['sh', '-c', 'exit 1'] }),
  )
  await kubectl('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/done', '--timeout=30s')
  await kubectl('wait', '--for=jsonpath={.status.phase}=Failed', 'pod/broken', '--timeout=30s')
  const status = async (name: string) => rows(await kubectl('get', 'pod', name))[0]
  assert.is((await status('done'))?.['STATUS'], 'Completed')
  assert.is((await status('broken'))?.['STATUS'], 'Error')
  assert.is(await kubectl('logs', 'broken'), 'bad\n')
  assert.is(
    await value('.status.containerStatuses[0].state.terminated.exitCode', 'pod', 'broken'),
    '3',
  )
  await eventually(
    async () => (await status('crashing'))?.['STATUS'] === 'CrashLoopBackOff',
    'the back-off',
  )
  assert.match((await status('crashing'))?.['RESTARTS'] ?? '', /^[1-9]\d* \(\d+s ago\)$/)
  const backOff =
    /Warning +BackOff .* kubelet +(spec\.containers\{main\}: )?Back-off restarting failed container main in pod crashing_default\(/
  const described = await describedWith(backOff, 'pod', 'crashing')
  assert.match(described, /Last State: +Terminated\n +Reason: +Error\n +Exit Code: +1/)
  await kubectl('delete', 'pods', 'done', 'broken', 'crashing', '--wait=false')
})

test('run makes a pod, expose a Service for it', async () => {
  assert.is(
    await kubectl('run', 'single', '--image=example/one:1', '--port=8080', '--labels=app=single'),
    'pod/single created\n',
  )
  assert.is(
    await kubectl('wait', '--for=condition=Ready', 'pod/single', '--timeout=30s'),
    'pod/single condition met\n',
  )
  assert.is(
    await kubectl('expose', 'pod', 'single', '--port=80', '--target-port=8080'),
    'service/single exposed\n',
  )
  const ip = await value('.status.podIP', 'pod', 'single')
  await eventually(
    async () =>
      (await value(
        '.endpoints[*].addresses',
        'endpointslices',
        '-l',
        'kubernetes.io/service-name=single',
      )) === '' ||
      (await kubectl('describe', 'service', 'single')).includes(
        `Endpoints: ${' '.repeat(15)}${ip}:8080`,
      ),
    'the endpoint',
  )
  assert.is(
    await kubectl('expose', 'deployment', 'web', '--port=80', '--type=NodePort'),
    'service/web exposed\n',
  )
  assert.is(await value('.spec.selector', 'service', 'web'), '{"app":"web"}')
  assert.match(await kubectl('logs', 'single'), 'single started')
  assert.is(await kubectl('exec', 'single', '--', 'echo', 'hello'), 'hello\n')
  assert.match(
    await kubectl('delete', 'pod,service', 'single'),
    deleted('pod "single"', 'service "single"'),
  )
})

test('wait also waits for conditions of Deployments, values and deletion', async () => {
  assert.is(
    await kubectl('wait', '--for=condition=Available', 'deployment/web', '--timeout=30s'),
    'deployment.apps/web condition met\n',
  )
  await kubectl('run', 'brief', '--image=example/one:1')
  const waiting = follow(cluster, ['wait', '--for=delete', 'pod/brief', '--timeout=30s'])
  try {
    await kubectl('delete', 'pod', 'brief', '--grace-period=1')
    assert.is(await waiting.ended, 0, waiting.output)
  } finally {
    await waiting.stop()
  }
})

test('delete --cascade says what becomes of the dependents', async () => {
  await apply(deployment('parent', { replicas: 2 }))
  await rolledOut('parent')
  const pods = () => kubectl('get', 'pods', '-l', 'app=parent', '-o', 'name')
  const before = await pods()
  assert.match(
    await kubectl('delete', 'deployment', 'parent', '--cascade=orphan'),
    deleted('deployment.apps "parent"'),
  )
  const [orphan] = rows(await kubectl('get', 'replicasets', '-l', 'app=parent'))
  assert.is(orphan?.['READY'], '2')
  assert.is(
    await value('.items[0].metadata.ownerReferences', 'replicasets', '-l', 'app=parent'),
    '',
  )
  assert.is(await pods(), before)
  await apply(deployment('parent', { replicas: 2 }))
  await rolledOut('parent')
  assert.is(await pods(), before, 'adopted again')
  await kubectl('delete', 'deployment', 'parent', '--cascade=foreground')
  assert.is(await kubectl('get', 'replicasets', '-l', 'app=parent', '-o', 'name'), '')
  assert.is(await pods(), '')
  await apply(deployment('parent'))
  await rolledOut('parent')
  await kubectl('delete', 'deployment', 'parent')
  await eventually(async () => (await pods()) === '', 'the garbage to be collected')
})

test('delete gives a pod time to end, unless told otherwise', async () => {
  const stubborn = { command: ['sleep', '3600'] }
  await apply(pod('slow', { terminationGracePeriodSeconds: 60 }, stubborn))
  await kubectl('wait', '--for=condition=Ready', 'pod/slow', '--timeout=30s')
  await kubectl('delete', 'pod', 'slow', '--wait=false')
  assert.is(rows(await kubectl('get', 'pod', 'slow'))[0]?.['STATUS'], 'Terminating')
  const { stdout, stderr } = await cluster.tryKubectl([
    'delete',
    'pod',
    'slow',
    '--grace-period=0',
    '--force',
  ])
  assert.match(
    stderr,
    'Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated.',
  )
  assert.match(stdout, /^pod "slow" force deleted/)
  assert.match(await refusal('get', 'pod', 'slow'), 'pods "slow" not found')
})

test('cordon keeps new pods away, uncordon lets them in', async () => {
  assert.is(await kubectl('cordon', 'node-1'), 'node/node-1 cordoned\n')
  assert.is(await kubectl('cordon', 'node-1'), 'node/node-1 already cordoned\n')
  assert.is(rows(await kubectl('get', 'node', 'node-1'))[0]?.['STATUS'], 'Ready,SchedulingDisabled')
  assert.is(
    await value('.spec.taints[*].key', 'node', 'node-1'),
    'node.kubernetes.io/unschedulable',
  )
  await apply(deployment('elsewhere', { replicas: 6 }))
  await rolledOut('elsewhere')
  const nodes = await value('.items[*].spec.nodeName', 'pods', '-l', 'app=elsewhere')
  assert.is.not(nodes.includes('node-1'), true)
  assert.is(await kubectl('uncordon', 'node-1'), 'node/node-1 uncordoned\n')
  await eventually(
    async () => (await value('.spec.taints', 'node', 'node-1')) === '',
    'no taint left',
  )
})

test('drain empties a node, and refuses what would be lost', async () => {
  await apply(pod('loner', { nodeName: 'node-2' }))
  await kubectl('wait', '--for=condition=Ready', 'pod/loner', '--timeout=30s')
  assert.match(
    await refusal('drain', 'node-2'),
    /cannot delete (cannot delete )?Pods that declare no controller \(use --force to override\): default\/loner/,
  )
  const drained = await kubectl('drain', 'node-2', '--force', '--timeout=60s')
  assert.match(drained, /^pod\/loner evicted$/m)
  assert.match(drained, /^pod\/elsewhere-\S+ evicted$/m)
  assert.match(drained, /node\/node-2 drained\n$/)
  assert.is(await kubectl('get', 'pods', '--field-selector=spec.nodeName=node-2', '-o', 'name'), '')
  await rolledOut('elsewhere')
  await kubectl('uncordon', 'node-2')
})

test('taints on a node move pods away', async () => {
  assert.is(
    await kubectl('taint', 'node', 'node-3', 'example.com/repair=now:NoExecute'),
    'node/node-3 tainted\n',
  )
  await eventually(
    async () =>
      (await kubectl('get', 'pods', '--field-selector=spec.nodeName=node-3', '-o', 'name')) === '',
    'the node to be left',
  )
  assert.is(
    await kubectl('taint', 'node', 'node-3', 'example.com/repair-'),
    'node/node-3 untainted\n',
  )
})

test('events lists what happened, of one object, of one type, and as it happens', async () => {
  const all = rows(await kubectl('events'))
  assert.equal(Object.keys(all[0] ?? {}), ['LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE'])
  const ofWeb = rows(await kubectl('events', '--for', 'deployment/web'))
  assert.ok(ofWeb.every(({ OBJECT }) => OBJECT === 'Deployment/web'))
  assert.ok(ofWeb.some(({ REASON }) => REASON === 'ScalingReplicaSet'))
  const warnings = rows(await kubectl('get', 'events', '--field-selector', 'type=Warning'))
  assert.ok(warnings.length > 0 && warnings.every(({ TYPE }) => TYPE === 'Warning'))
  const watching = follow(cluster, ['events', '--watch'])
  try {
    await watching.until(/Deployment\/web/)
    // A Deployment with fewer events: after 25 of one object its source is held back, as in Kubernetes.
    await kubectl('scale', 'deployment/elsewhere', '--replicas=4')
    await watching.until(/ScalingReplicaSet +Deployment\/elsewhere +.*from 6 to 4/)
  } finally {
    await watching.stop()
  }
})

test('get all and delete all work on every workload', async () => {
  const all = await kubectl('get', 'all')
  for (const name of ['pod/web-', 'deployment.apps/web', 'replicaset.apps/web-', 'service/web'])
    assert.match(all, name)
  await kubectl('delete', 'deployments', '--all')
  await eventually(async () => (await kubectl('get', 'pods', '-o', 'name')) === '', 'no pod left')
})

test.run()
