import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ConfigMap } from '../../../src/api/core/config-map.ts'
import { Event } from '../../../src/api/core/event.ts'
import { Pod } from '../../../src/api/core/pod.ts'
import { Secret } from '../../../src/api/core/secret.ts'
import { createDockerRuntime } from '../../../src/node/docker/docker-runtime.ts'
import { removeClusterFromEngine } from '../../../src/node/docker/removal.ts'
import { createVolumes } from '../../../src/node/host-volumes.ts'
import { createPodNetwork } from '../../../src/node/pod-network.ts'
import { systemClock } from '../../../src/std/clock.ts'
import { rootLog } from '../../../src/std/log.ts'
import { ensureTestImage, TEST_IMAGE } from '../../support/images.ts'
import { type Harness, startHarness } from './kubelet-harness.ts'

const test = suite('kubelet on Docker')
const node = 'n1'
const cluster = `test-kubelet-${process.pid}`
const log = rootLog.child({}, { level: process.env['KUBUS_LOG'] ?? 'silent' })
let dir = ''
let harness: Harness

test.before(async () => {
  await ensureTestImage()
  dir = await mkdtemp(join(tmpdir(), 'kubus-kubelet-'))
  const network = createPodNetwork({ node, cluster, log })
  harness = await startHarness([node], {
    cluster,
    runtime: createDockerRuntime({ node, cluster, log, network, stateDir: join(dir, 'state') }),
    volumes: createVolumes({ root: join(dir, 'kubelet'), log }),
    podCidr: '10.214.5.0/24',
    clusterCidr: '10.214.0.0/16',
  })
})

test.after(async () => {
  await harness.stop()
  await removeClusterFromEngine({ cluster, stateDir: join(dir, 'state') })
  await rm(dir, { recursive: true, force: true })
})

const box = (more: Record<string, unknown> = {}) =>
  ({
    name: 'main',
    image: TEST_IMAGE,
    imagePullPolicy: 'IfNotPresent',
    command: ['sh', '-c', 'trap "exit 0" TERM; sleep 600 & wait'],
    ...more,
  }) as never

const until = async (what: string, isTrue: () => unknown, limitMs = 20_000) => {
  const startedMs = systemClock.monotonic()
  while (!isTrue()) {
    if (systemClock.monotonic() - startedMs > limitMs)
      assert.unreachable(
        `never: ${what}; ${harness.cache
          .list(Event)
          .map(({ message }) => message)
          .join('; ')}`,
      )
    await harness.clock.advance(10)
  }
  return systemClock.monotonic() - startedMs
}

const isReady = (name: string) => harness.conditions(name).includes('Ready=True')
const main = (name: string) => harness.status(name)?.containerStatuses?.[0]

const exec = async (name: string, ...command: string[]) => {
  const channel = await harness.operator.open('kubus.node.n1.exec', {
    namespace: 'default',
    name,
    container: 'main',
    command,
    stdout: true,
    stderr: true,
  })
  let text = ''
  channel.onFrame((tag, payload) => {
    if (tag < 3) text += Buffer.from(payload).toString()
  })
  await channel.closed
  return text
}

const readLog = async (greeting: object) => {
  const channel = await harness.operator.open('kubus.node.n1.logs', {
    namespace: 'default',
    container: 'main',
    ...greeting,
  })
  let text = ''
  channel.onFrame((_tag, payload) => {
    text += Buffer.from(payload).toString()
  })
  await channel.closed
  return text
}

const remove = async (name: string, gracePeriodSeconds = 2) => {
  await harness.client.delete(Pod, 'default', name, { gracePeriodSeconds })
  return until(`${name} is gone`, () => harness.get(name) === undefined)
}

test('runs a real container with its environment and volumes, refreshed when they change', async () => {
  await harness.client.create(ConfigMap, {
    metadata: { name: 'cfg', namespace: 'default' },
    data: { color: 'green' },
  })
  await harness.client.create(Secret, {
    metadata: { name: 'key', namespace: 'default' },
    data: { password: Buffer.from('s3cret').toString('base64') },
  })
  await harness.run('web', {
    volumes: [
      { name: 'config', configMap: { name: 'cfg' } },
      { name: 'secret', secret: { secretName: 'key', defaultMode: 0o400 } },
      { name: 'scratch', emptyDir: {} },
      {
        name: 'info',
        downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] },
      },
    ],
    containers: [
      box({
        env: [
          { name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'cfg', key: 'color' } } },
          { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          { name: 'TEXT', value: '$(COLOR) on $(IP)' },
        ],
        volumeMounts: [
          { name: 'config', mountPath: '/config' },
          { name: 'secret', mountPath: '/secret' },
          { name: 'scratch', mountPath: '/scratch' },
          { name: 'info', mountPath: '/info' },
        ],
      }),
    ],
  })
  await until('web is ready', () => isReady('web'))
  const ip = harness.status('web')?.podIP ?? ''
  assert.match(ip, /^10\.214\.5\./)
  assert.is(await exec('web', 'sh', '-c', 'echo $TEXT'), `green on ${ip}\n`)
  assert.is(
    await exec(
      'web',
      'sh',
      '-c',
      'cat /config/color /secret/password /info/name; touch /scratch/a',
    ),
    'greens3cretweb',
  )
  await harness.client.patch(ConfigMap, 'default', 'cfg', 'merge', { data: { color: 'blue' } })
  let seen = ''
  for (let tries = 0; tries < 50 && seen !== 'blue'; tries++)
    seen = await exec('web', 'cat', '/config/color')
  assert.is(seen, 'blue')
  await remove('web')
  let left = ['web']
  for (let tries = 0; tries < 100 && left.length > 0; tries++) {
    left = await readdir(join(dir, 'kubelet', 'pods'))
    await harness.clock.advance(20)
  }
  assert.equal(left, [])
})

test('runs a crashed container again within a second and keeps its last log', async () => {
  await harness.run('crash', {
    containers: [box({ command: ['sh', '-c', 'echo started; sleep 600'] })],
  })
  await until('crash is ready', () => isReady('crash'))
  const { containers } = await harness.runtime().list()
  const before = containers.find(({ pod }) => pod.name === 'crash')!
  const took = systemClock.monotonic()
  await harness.runtime().stop(before.id, 0)
  const died = systemClock.monotonic() - took
  await until('it runs again', () => main('crash')?.restartCount === 1 && isReady('crash'))
  const restarted = systemClock.monotonic() - took - died
  process.stdout.write(`crash to ready: ${Math.round(restarted)} ms\n`)
  assert.is(main('crash')?.lastState?.terminated?.exitCode, 137)
  assert.is(await readLog({ name: 'crash', previous: true }), 'started\n')
  assert.is(await readLog({ name: 'crash', tailLines: 1 }), 'started\n')
  await remove('crash', 0)
})

test('probes over HTTP and TCP in the pod network', async () => {
  await harness.run('http', {
    terminationGracePeriodSeconds: 1,
    containers: [
      box({
        command: [
          'sh',
          '-c',
          'mkdir /www; echo ok > /www/index.html; sleep 1; httpd -f -p 8080 -h /www',
        ],
        ports: [{ name: 'web', containerPort: 8080 }],
        startupProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, failureThreshold: 10 },
        readinessProbe: { httpGet: { path: '/', port: 'web' }, periodSeconds: 1 },
        livenessProbe: {
          httpGet: { path: '/missing', port: 'web' },
          periodSeconds: 1,
          failureThreshold: 3,
        },
      }),
    ],
  })
  await until('http is ready', () => isReady('http'))
  await until('liveness restarts it', () => (main('http')?.restartCount ?? 0) > 0)
  assert.ok(
    harness
      .events('http')
      .some(
        (line) =>
          line ===
          'Warning Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 404',
      ),
  )
  await remove('http', 0)
})

test('runs postStart and preStop, and tells why a container ended', async () => {
  await harness.run('hooks', {
    restartPolicy: 'Never',
    containers: [
      box({
        command: [
          'sh',
          '-c',
          'trap "exit 0" TERM; echo done > /dev/termination-log; sleep 600 & wait',
        ],
        lifecycle: {
          postStart: { exec: { command: ['sh', '-c', 'echo post > /post'] } },
          preStop: { exec: { command: ['sh', '-c', 'echo pre > /proc/1/fd/1'] } },
        },
      }),
    ],
  })
  await until('hooks is ready', () => isReady('hooks'))
  assert.is(await exec('hooks', 'cat', '/post'), 'post\n')
  const final: (Pod | undefined)[] = []
  harness.cache.subscribe(({ type, object }) => {
    if (type === 'DELETED' && object.metadata.name === 'hooks') final.push(object as Pod)
  })
  await remove('hooks', 10)
  const ended = final[0]?.status?.containerStatuses?.[0]?.state?.terminated
  assert.is(ended?.exitCode, 0)
  assert.is(ended?.message, 'done\n')
  assert.is(final[0]?.status?.phase, 'Succeeded')
})

test('adopts running containers after its own restart', async () => {
  await harness.run('kept', { containers: [box()] })
  await until('kept is ready', () => isReady('kept'))
  const id = main('kept')?.containerID
  await harness.kubelet.stop()
  const second = await harness.start()
  await second.ready
  await harness.clock.advance(1_000)
  assert.is(main('kept')?.containerID, id)
  assert.ok(isReady('kept'))
  assert.is(await exec('kept', 'echo', 'still here'), 'still here\n')
  await remove('kept')
  await second.stop()
})

test.run()
