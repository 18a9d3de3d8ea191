import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ConfigMap } from '../../../src/api/core/config-map.ts'
import { Node } from '../../../src/api/core/node.ts'
import { Pod } from '../../../src/api/core/pod.ts'
import { container, startHarness } from './kubelet-harness.ts'

const test = suite('kubelet')

test('registers its node, becomes ready with a pod CIDR and sends heartbeats', async () => {
  const harness = await startHarness()
  await harness.clock.advance(3_500)
  const { status, metadata } = harness.node()
  assert.is(metadata.labels?.['kubernetes.io/hostname'], 'n1')
  assert.equal(
    status?.conditions?.map(({ type, status, reason }) => `${type}=${status} ${reason}`),
    [
      'MemoryPressure=False KubeletHasSufficientMemory',
      'DiskPressure=False KubeletHasNoDiskPressure',
      'PIDPressure=False KubeletHasSufficientPID',
      'Ready=True KubeletReady',
    ],
  )
  assert.is(status?.allocatable?.['pods'], '110')
  assert.ok(harness.beats.length >= 3)
  assert.ok(harness.events('n1').includes('Normal NodeReady: Node n1 status is now: NodeReady'))
  await harness.stop()
})

test('runs a pod and reports it ready', async () => {
  const harness = await startHarness()
  await harness.run('web', { containers: [container('main')] })
  await harness.clock.advance(200)
  const status = harness.status('web')
  assert.is(status?.phase, 'Running')
  assert.match(status?.podIP ?? '', /^10\.64\.0\./)
  assert.is(status?.hostIP, '192.168.1.1')
  assert.equal(harness.conditions('web'), [
    'PodReadyToStartContainers=True',
    'Initialized=True',
    'Ready=True',
    'ContainersReady=True',
    'PodScheduled=True',
  ])
  const [main] = status?.containerStatuses ?? []
  assert.is(main?.restartCount, 0)
  assert.is(main?.started, true)
  assert.match(main?.containerID ?? '', /^hollow:\/\//)
  assert.equal(
    harness.events('web').map((line) => line.replace(/ in .*/, '')),
    [
      'Normal Pulling: Pulling image "main:1"',
      'Normal Pulled: Successfully pulled image "main:1"',
      'Normal Created: Container created',
      'Normal Started: Container started',
    ],
  )
  const writes = harness.client.calls.filter((call) => call === 'patch Pod default/web/status')
  assert.ok(writes.length <= 2, `${writes.length} writes`)
  await harness.stop()
})

test('restarts a crashed container at once, then with back-off', async () => {
  const harness = await startHarness()
  await harness.run('crash', {
    containers: [container('main', { command: ['sh', '-c', 'exit 3'] })],
  })
  await harness.clock.advance(500)
  const [second] = harness.status('crash')?.containerStatuses ?? []
  assert.is(second?.restartCount, 1)
  assert.is(second?.state?.waiting?.reason, 'CrashLoopBackOff')
  assert.match(
    second?.state?.waiting?.message ?? '',
    /^back-off 10s restarting failed container=main pod=crash_default\(/,
  )
  assert.is(second?.lastState?.terminated?.exitCode, 3)
  assert.is(second?.lastState?.terminated?.reason, 'Error')
  assert.is(harness.status('crash')?.phase, 'Running')
  await harness.clock.advance(11_000)
  const [third] = harness.status('crash')?.containerStatuses ?? []
  assert.is(third?.restartCount, 2)
  assert.match(third?.state?.waiting?.message ?? '', /^back-off 20s/)
  assert.ok(
    harness
      .events('crash')
      .some((line) =>
        line.startsWith(
          'Warning BackOff: Back-off restarting failed container main in pod crash_default(',
        ),
      ),
  )
  const { containers } = await harness.runtime().list()
  assert.ok(containers.length <= 2, 'dead containers are collected')
  await harness.stop()
})

test('runs init containers in order, and a job to its end', async () => {
  const harness = await startHarness()
  await harness.run('job', {
    restartPolicy: 'Never',
    initContainers: [
      container('first', { command: ['true'] }),
      container('second', { command: ['/migrate'] }),
      container('side', { restartPolicy: 'Always' }),
    ],
    containers: [container('main', { command: ['sleep', '2'] })],
  })
  await harness.clock.advance(1_000)
  assert.is(harness.status('job')?.phase, 'Running')
  assert.is(
    harness.status('job')?.initContainerStatuses?.[0]?.state?.terminated?.reason,
    'Completed',
  )
  assert.is(harness.status('job')?.initContainerStatuses?.[2]?.ready, true)
  await harness.clock.advance(5_000)
  assert.is(harness.status('job')?.phase, 'Succeeded')
  assert.equal(harness.conditions('job'), [
    'PodReadyToStartContainers=False',
    'Initialized=True(PodCompleted)',
    'Ready=False(PodCompleted)',
    'ContainersReady=False(PodCompleted)',
    'PodScheduled=True',
  ])
  await harness.stop()
})

test('ends a deleted pod gracefully and deletes it from the API', async () => {
  const harness = await startHarness()
  await harness.run('web', { containers: [container('main')] })
  await harness.clock.advance(200)
  await harness.client.delete(Pod, 'default', 'web', {
    gracePeriodSeconds: 30,
  })
  await harness.clock.advance(500)
  assert.is(harness.get('web'), undefined)
  assert.ok(harness.events('web').includes('Normal Killing: Stopping container main'))
  const { containers, sandboxes } = await harness.runtime().list()
  assert.is(containers.length + sandboxes.length, 0)
  await harness.stop()
})

test('removes a pod that was deleted by force', async () => {
  const harness = await startHarness()
  await harness.run('web', { containers: [container('main')] })
  await harness.clock.advance(200)
  harness.cache.remove(harness.get('web')!)
  await harness.clock.advance(2_000)
  const { containers, sandboxes } = await harness.runtime().list()
  assert.is(containers.length + sandboxes.length, 0)
  await harness.stop()
})

test('holds an image back that cannot be pulled', async () => {
  const harness = await startHarness()
  await harness.run('web', { containers: [container('main', { image: 'missing:1' })] })
  await harness.clock.advance(500)
  assert.is(harness.status('web')?.containerStatuses?.[0]?.state?.waiting?.reason, 'ErrImagePull')
  await harness.clock.advance(3_000)
  const waiting = harness.status('web')?.containerStatuses?.[0]?.state?.waiting
  assert.is(waiting?.reason, 'ImagePullBackOff')
  assert.match(waiting?.message ?? '', /^Back-off pulling image "missing:1": ErrImagePull: /)
  assert.is(harness.status('web')?.phase, 'Pending')
  await harness.stop()
})

test('waits for a missing ConfigMap with the words of Kubernetes', async () => {
  const harness = await startHarness()
  const env = [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'cfg', key: 'a' } } }]
  await harness.run('web', { containers: [container('main', { env })] })
  await harness.clock.advance(500)
  const waiting = harness.status('web')?.containerStatuses?.[0]?.state?.waiting
  assert.equal(waiting, {
    reason: 'CreateContainerConfigError',
    message: 'configmap "cfg" not found',
  })
  await harness.client.create(ConfigMap, {
    metadata: { name: 'cfg', namespace: 'default' },
    data: { a: '1' },
  })
  await harness.clock.advance(5_000)
  assert.is(harness.status('web')?.phase, 'Running')
  await harness.stop()
})

test('restarts a container whose liveness probe fails', async () => {
  const harness = await startHarness()
  const livenessProbe = { exec: { command: ['false'] }, periodSeconds: 5, failureThreshold: 2 }
  await harness.run('web', { containers: [container('main', { livenessProbe })] })
  await harness.clock.advance(7_000)
  assert.is(harness.status('web')?.containerStatuses?.[0]?.restartCount, 1)
  const events = harness.events('web')
  assert.ok(events.includes('Warning Unhealthy: Liveness probe failed: '))
  assert.ok(
    events.includes('Normal Killing: Container main failed liveness probe, will be restarted'),
  )
  await harness.stop()
})

test('keeps a pod unready while its readiness probe fails', async () => {
  const harness = await startHarness()
  const readinessProbe = { exec: { command: ['false'] }, periodSeconds: 5 }
  await harness.run('web', { containers: [container('main', { readinessProbe })] })
  await harness.clock.advance(7_000)
  assert.is(harness.status('web')?.phase, 'Running')
  const ready = harness.status('web')?.conditions?.find(({ type }) => type === 'Ready')
  assert.is(ready?.reason, 'ContainersNotReady')
  assert.is(ready?.message, 'containers with unready status: [main]')
  await harness.stop()
})

test('rejects a pod for which it has no room', async () => {
  const harness = await startHarness()
  await harness.run('big', {
    containers: [container('main', { resources: { requests: { cpu: '5' } } })],
  })
  await harness.clock.advance(500)
  const status = harness.status('big')
  assert.is(status?.phase, 'Failed')
  assert.is(status?.reason, 'OutOfcpu')
  assert.is(
    status?.message,
    "Pod was rejected: Node didn't have enough resource: cpu, requested: 5000, used: 0, capacity: 4000",
  )
  await harness.stop()
})

test('heeds labels that the node got after it was registered', async () => {
  const harness = await startHarness()
  await harness.client.patch(Node, undefined, 'n1', 'merge', {
    metadata: { labels: { disk: 'ssd' } },
  })
  await harness.run('here', { nodeSelector: { disk: 'ssd' }, containers: [container('main')] })
  await harness.run('not', { nodeSelector: { disk: 'hdd' }, containers: [container('main')] })
  await harness.clock.advance(500)
  assert.is(harness.status('here')?.phase, 'Running')
  assert.is(harness.status('not')?.reason, 'NodeAffinity')
  await harness.stop()
})

test('takes a forced end for an answer while a container ends slowly', async () => {
  const harness = await startHarness()
  await harness.run('slow', { containers: [container('main', { command: ['sleep', '1000'] })] })
  await harness.clock.advance(500)
  await harness.client.delete(Pod, 'default', 'slow', { gracePeriodSeconds: 30 })
  await harness.clock.advance(5_000)
  assert.ok(harness.get('slow'), 'it still has its grace')
  harness.cache.remove(harness.get('slow')!)
  await harness.clock.advance(31_000)
  assert.is((await harness.runtime().list()).containers.length, 0)
  await harness.stop()
})

test('fails a pod that was active for too long', async () => {
  const harness = await startHarness()
  await harness.run('late', { activeDeadlineSeconds: 5, containers: [container('main')] })
  await harness.clock.advance(4_000)
  assert.is(harness.status('late')?.phase, 'Running')
  await harness.clock.advance(2_000)
  assert.is(harness.status('late')?.phase, 'Failed')
  assert.is(harness.status('late')?.reason, 'DeadlineExceeded')
  await harness.stop()
})

test('adopts what runs after a restart and removes what nobody wants any more', async () => {
  const harness = await startHarness()
  await harness.run('kept', { containers: [container('main')] })
  await harness.run('gone', { containers: [container('main')] })
  await harness.clock.advance(500)
  const before = harness.status('kept')?.containerStatuses?.[0]?.containerID
  const stopping = harness.kubelet.stop()
  await harness.clock.advance(1_000)
  await stopping
  harness.cache.remove(harness.get('gone')!)
  const second = await harness.start()
  await harness.clock.advance(3_000)
  const status = harness.status('kept')?.containerStatuses?.[0]
  assert.is(status?.containerID, before)
  assert.is(status?.restartCount, 0)
  assert.is(status?.ready, true)
  const { sandboxes } = await harness.runtime().list()
  assert.equal(
    sandboxes.map(({ pod }) => pod.name),
    ['kept'],
  )
  const stopped = second.stop()
  await harness.clock.advance(1_000)
  await stopped
  await harness.stop()
})

test('sends logs over the bus and refuses in the words of Kubernetes', async () => {
  const harness = await startHarness()
  await harness.run('web', {
    containers: [container('main', { command: ['sh', '-c', 'echo hello; sleep 100'] })],
  })
  await harness.run('slow', { containers: [container('main', { image: 'missing:1' })] })
  await harness.clock.advance(500)
  const read = async (greeting: object) => {
    const channel = await harness.operator.open('kubus.node.n1.logs', greeting)
    let text = ''
    channel.onFrame((tag, payload) => {
      if (tag === 1) text += Buffer.from(payload).toString()
    })
    await channel.closed
    return text
  }
  assert.is(await read({ namespace: 'default', name: 'web', container: 'main' }), 'hello\n')
  const refusal = (greeting: object) =>
    harness.operator.open('kubus.node.n1.logs', greeting).then(
      () => 'accepted',
      (error: { code: number; message: string }) => `${error.code} ${error.message}`,
    )
  assert.is(
    await refusal({ namespace: 'default', name: 'slow', container: 'main' }),
    `400 container "main" in pod "slow" is waiting to start: image can't be pulled`,
  )
  assert.is(
    await refusal({ namespace: 'default', name: 'web', container: 'main', previous: true }),
    '400 previous terminated container "main" in pod "web" not found',
  )
  assert.is(
    await refusal({ namespace: 'default', name: 'web', container: 'other' }),
    '400 container other is not valid for pod web',
  )
  const sole = { namespace: 'default', name: 'web', container: 'main', follow: true, sole: true }
  const only = await harness.operator.open('kubus.node.n1.logs', sole)
  assert.is(await refusal(sole), '409 pods/log "web" already exists')
  assert.is(await refusal({ ...sole, sole: false }), 'accepted')
  only.close()
  await harness.clock.advance(1)
  assert.is(await refusal(sole), 'accepted')
  await harness.stop()
})

test('runs a command in a container and reports its exit code', async () => {
  const harness = await startHarness()
  await harness.run('web', { containers: [container('main')] })
  await harness.clock.advance(500)
  const run = async (command: string[]) => {
    const channel = await harness.operator.open('kubus.node.n1.exec', {
      namespace: 'default',
      name: 'web',
      container: 'main',
      command,
      stdout: true,
      stderr: true,
    })
    const frames: string[] = []
    channel.onFrame((tag, payload) => {
      frames.push(`${tag} ${Buffer.from(payload).toString()}`)
    })
    await harness.clock.advance(100)
    await channel.closed
    return frames
  }
  const [output, status] = await run(['echo', 'hi'])
  assert.is(output, '1 hi\n')
  assert.is(JSON.parse(status!.slice(2)).status, 'Success')
  const failed = JSON.parse((await run(['false'])).at(-1)!.slice(2))
  assert.is(failed.reason, 'NonZeroExitCode')
  assert.is(failed.message, 'command terminated with exit code 1')
  assert.equal(failed.details.causes, [{ reason: 'ExitCode', message: '1' }])
  await harness.stop()
})

test('hosts many nodes with one watch and one service', async () => {
  const names = Array.from({ length: 20 }, (_, index) => `n${index + 1}`)
  const harness = await startHarness(names)
  for (const name of names)
    await harness.run(`pod-${name}`, { nodeName: name, containers: [container('main')] })
  await harness.clock.advance(1_000)
  for (const name of names) assert.is(harness.status(`pod-${name}`)?.phase, 'Running')
  await harness.stop()
})

test.run()
