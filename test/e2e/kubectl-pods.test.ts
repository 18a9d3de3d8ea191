/**
 * Unmodified kubectl on real containers: logs, exec, environment, volumes, probes, restarts, termination.
 *
 * The image is busybox, made on this machine. Pods that need time are created first, so that they take it together.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually, startCluster, type TestCluster } from '../support/cluster.ts'
import { ensureTestImage, TEST_IMAGE } from '../support/images.ts'
import { follow, followOnTerminal, type Manifest, manifest, rows } from './support/kubectl.ts'

let cluster: TestCluster
/** A folder of the host that pods write to. */
let shared: string
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
const row = async (name: string) => rows(await kubectl('get', 'pod', name))[0] ?? {}
const ready = async (name: string) => {
  const waited = await cluster.tryKubectl([
    'wait',
    '--for=condition=Ready',
    `pod/${name}`,
    '--timeout=60s',
  ])
  if (waited.code !== 0)
    throw new Error(`${waited.stderr}${await kubectl('describe', 'pod', name)}`)
}
const remove = (...names: string[]) =>
  kubectl('delete', 'pod', ...names, '--grace-period=1', '--wait=false')
const sh = (script: string) => ['sh', '-c', script]
/** Ends on SIGTERM, as well-behaved programs do. */
const STAY = 'trap "exit 0" TERM; while :; do sleep 0.1; done'

type Part = Record<string, unknown>
const container = (name: string, script: string, more: Part = {}): Part => ({
  name,
  image: TEST_IMAGE,
  command: sh(script),
  ...more,
})
const podOf = (name: string, containers: Part[], spec: Part = {}): Manifest => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: { containers, terminationGracePeriodSeconds: 2, ...spec },
})
const pod = (name: string, script: string, more: Part = {}, spec: Part = {}): Manifest =>
  podOf(name, [container('main', script, more)], spec)

test.before(async () => {
  await ensureTestImage()
  shared = mkdtempSync(join(tmpdir(), 'kubus-shared-'))
  cluster = await startCluster()
})

test.after(async () => {
  await cluster?.stop()
  rmSync(shared, { recursive: true, force: true })
})

test('logs prints what containers wrote, whole, its end, or since a time', async () => {
  await apply(
    podOf('talker', [
      container(
        'main',
        `for i in 1 2 3 4 5; do echo line $i; done; sleep 0.5; echo oops >&2; ${STAY}`,
      ),
      container('side', `echo from the side; ${STAY}`),
    ]),
  )
  await ready('talker')
  await eventually(
    async () => (await kubectl('logs', 'talker', '-c', 'main')).includes('oops'),
    'all lines',
  )
  const lines = 'line 1\nline 2\nline 3\nline 4\nline 5\noops\n'
  assert.is(await kubectl('logs', 'talker', '-c', 'main'), lines)
  const { stdout, stderr } = await cluster.tryKubectl(['logs', 'talker', '--tail=2'])
  assert.is(stdout, 'line 5\noops\n')
  assert.match(stderr, 'Defaulted container "main" out of: main, side')
  assert.is(await kubectl('logs', 'talker', '-c', 'main', '--limit-bytes=9'), 'line 1\nli')
  assert.match(
    await kubectl('logs', 'talker', '-c', 'main', '--tail=1', '--timestamps'),
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z oops\n$/,
  )
  assert.is(await kubectl('logs', 'talker', '-c', 'main', '--since=1h'), lines)
  assert.is(await kubectl('logs', 'talker', '-c', 'main', '--since-time=2999-01-01T00:00:00Z'), '')
  const everything = await kubectl('logs', 'talker', '--all-containers', '--prefix')
  assert.match(everything, '[pod/talker/main] line 1\n')
  assert.match(everything, '[pod/talker/side] from the side\n')
  assert.match(await kubectl('logs', '-l', 'app=talker', '-c', 'side'), 'from the side\n')
  assert.match(
    await refusal('logs', 'talker', '-c', 'none'),
    'container none is not valid for pod talker',
  )
  assert.is(
    await refusal('logs', 'talker', '-c', 'main', '--previous'),
    'Error from server (BadRequest): previous terminated container "main" in pod "talker" not found\n',
  )
})

test('logs -f follows until the container ends', async () => {
  await apply(
    pod(
      'counter',
      `echo first; while [ ! -f /end ]; do sleep 0.1; done; echo last`,
      {},
      { restartPolicy: 'Never' },
    ),
  )
  await ready('counter')
  const following = follow(cluster, ['logs', '-f', 'counter'])
  try {
    await following.until(/^first\n$/)
    await kubectl('exec', 'counter', '--', 'touch', '/end')
    assert.is(await following.ended, 0)
    assert.is(following.output, 'first\nlast\n')
  } finally {
    await following.stop()
  }
})

test('logs --previous is of the container before, when one crashed', async () => {
  await apply(
    pod(
      'again',
      `if [ -f /data/once ]; then echo second; ${STAY}; fi; touch /data/once; echo about to fail; exit 4`,
      {
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      },
      { volumes: [{ name: 'data', emptyDir: {} }] },
    ),
  )
  await eventually(async () => (await kubectl('logs', 'again')) === 'second\n', 'the second life')
  assert.is(await kubectl('logs', 'again', '--previous'), 'about to fail\n')
  assert.match((await row('again'))['RESTARTS'] ?? '', /^1 \(\d+s ago\)$/)
  assert.is(
    await value('.status.containerStatuses[0].lastState.terminated.exitCode', 'pod', 'again'),
    '4',
  )
  await remove('again', 'counter')
})

test('exec runs a command with its output, its input and its exit code', async () => {
  const inTalker = (...command: string[]) =>
    cluster.tryKubectl(['exec', 'talker', '-c', 'side', '--', ...command])
  const both = await inTalker('sh', '-c', 'echo out; echo err >&2')
  assert.equal(both, { code: 0, stdout: 'out\n', stderr: 'err\n' })
  const failed = await inTalker('sh', '-c', 'exit 7')
  assert.equal([failed.code, failed.stderr], [7, 'command terminated with exit code 7\n'])
  const input = 'x'.repeat(200_000)
  assert.is(
    await cluster.kubectl(['exec', '-i', 'talker', '-c', 'main', '--', 'cat'], input),
    input,
  )
  assert.is(
    await cluster.kubectl(['exec', '-i', 'talker', '-c', 'main', '--', 'wc', '-c'], input),
    '200000\n',
  )
  const large = await inTalker('sh', '-c', 'yes kubus | head -n 200000')
  assert.is(large.stdout.length, 1_200_000)
  const missing = await inTalker('no-such-program')
  assert.is.not(missing.code, 0)
  assert.match(missing.stdout + missing.stderr, 'executable file not found in $PATH')
  assert.match(
    await refusal('exec', 'talker', '-c', 'none', '--', 'ls'),
    'container none is not valid for pod talker',
  )
})

test('exec -it gives a terminal of the size it is shown in', async () => {
  const shell = followOnTerminal(cluster, ['exec', '-it', 'talker', '-c', 'main', '--', 'sh'])
  try {
    await shell.until(/# /)
    shell.type('echo $((6 * 7)) is the answer; tty\n')
    await shell.until(/42 is the answer\r\n\/dev\/pts\/0/)
    shell.type('exit 3\n')
    assert.is(await shell.ended, 3)
  } finally {
    await shell.stop()
  }
})

test('run -i attaches to a new pod, and --rm removes it', async () => {
  const output = await cluster.kubectl(
    [
      'run',
      'once',
      '-i',
      '--rm',
      '--restart=Never',
      `--image=${TEST_IMAGE}`,
      '--',
      'sh',
      '-c',
      'read word; echo got $word',
    ],
    'kubus\n',
  )
  assert.match(output, /^got kubus$/m)
  assert.match(output, /pod "once" deleted/)
  assert.match(await refusal('get', 'pod', 'once'), 'pods "once" not found')
})

test('cp copies files into a container and out of it', async () => {
  const file = join(shared, 'letter.txt')
  writeFileSync(file, 'dear reader\n')
  await kubectl('cp', file, 'talker:/tmp/letter.txt', '-c', 'main')
  assert.is(
    await kubectl('exec', 'talker', '-c', 'main', '--', 'cat', '/tmp/letter.txt'),
    'dear reader\n',
  )
  const back = join(shared, 'back.txt')
  await kubectl('cp', 'talker:/tmp/letter.txt', back, '-c', 'main')
  assert.is(readFileSync(back, 'utf8'), 'dear reader\n')
  await remove('talker')
})

test('the environment comes from values, ConfigMaps, Secrets and the pod itself', async () => {
  await kubectl(
    'create',
    'configmap',
    'settings',
    '--from-literal=colour=red',
    '--from-literal=shape=round',
  )
  await kubectl('create', 'secret', 'generic', 'keys', '--from-literal=code=1234')
  const field = (name: string, fieldPath: string) => ({
    name,
    valueFrom: { fieldRef: { fieldPath } },
  })
  await apply(
    pod('aware', `env | sort; ${STAY}`, {
      args: ['ignored'],
      env: [
        { name: 'PLAIN', value: 'as is' },
        { name: 'BUILT', value: '$(PLAIN), $(COLOUR), $$(PLAIN), $(UNKNOWN)' },
        { name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } },
        { name: 'CODE', valueFrom: { secretKeyRef: { name: 'keys', key: 'code' } } },
        {
          name: 'NONE',
          valueFrom: { configMapKeyRef: { name: 'settings', key: 'none', optional: true } },
        },
        field('NAME', 'metadata.name'),
        field('LABEL', "metadata.labels['app']"),
        field('NODE', 'spec.nodeName'),
        field('IP', 'status.podIP'),
        {
          name: 'LIMIT',
          valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } },
        },
        { name: 'LATER', value: '$(COLOUR) again' },
      ],
      envFrom: [
        { prefix: 'SET_', configMapRef: { name: 'settings' } },
        { secretRef: { name: 'keys' } },
      ],
      resources: { limits: { memory: '64Mi' } },
    }),
  )
  await ready('aware')
  const environment = new Map(
    (await kubectl('logs', 'aware'))
      .split('\n')
      .map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
  )
  const ip = await value('.status.podIP', 'pod', 'aware')
  for (const [name, expected] of Object.entries({
    PLAIN: 'as is',
    BUILT: 'as is, $(COLOUR), $(PLAIN), $(UNKNOWN)',
    COLOUR: 'red',
    CODE: '1234',
    NONE: undefined,
    NAME: 'aware',
    LABEL: 'aware',
    NODE: 'node-1',
    IP: ip,
    LIMIT: '64',
    LATER: 'red again',
    SET_colour: 'red',
    SET_shape: 'round',
    code: '1234',
    HOSTNAME: 'aware',
    KUBERNETES_SERVICE_HOST: await value('.spec.clusterIP', 'service', 'kubernetes'),
    KUBERNETES_SERVICE_PORT: '443',
  }))
    assert.is(environment.get(name), expected, name)
  await remove('aware')
})

test('volumes of every kind are mounted, and follow their sources', async () => {
  const mount = (name: string, more: Part = {}) => ({ name, mountPath: `/${name}`, ...more })
  await apply(
    podOf(
      'reader',
      [
        container('main', STAY, {
          volumeMounts: [
            mount('settings'),
            mount('keys', { readOnly: true }),
            mount('about'),
            mount('scratch'),
            mount('host'),
            { name: 'settings', mountPath: '/etc/shape', subPath: 'shape' },
          ],
        }),
        container('side', `echo from the side > /scratch/note; ${STAY}`, {
          volumeMounts: [mount('scratch')],
        }),
      ],
      {
        volumes: [
          { name: 'settings', configMap: { name: 'settings' } },
          {
            name: 'keys',
            secret: {
              secretName: 'keys',
              defaultMode: 0o400,
              items: [{ key: 'code', path: 'deep/door' }],
            },
          },
          {
            name: 'about',
            downwardAPI: {
              items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }],
            },
          },
          { name: 'scratch', emptyDir: { medium: 'Memory' } },
          { name: 'host', hostPath: { path: shared, type: 'Directory' } },
        ],
      },
    ),
  )
  await ready('reader')
  const inside = (script: string) => kubectl('exec', 'reader', '-c', 'main', '--', ...sh(script))
  assert.is(await inside('cat /settings/colour /etc/shape /keys/deep/door'), 'redround1234')
  assert.is(await inside('stat -Lc %a /keys/deep/door'), '400\n')
  assert.is(await inside('cat /about/labels'), 'app="reader"')
  assert.is(await inside('cat /scratch/note'), 'from the side\n')
  assert.is(await inside('echo written > /host/by-pod; cat /host/letter.txt'), 'dear reader\n')
  assert.is(readFileSync(join(shared, 'by-pod'), 'utf8'), 'written\n')
  assert.match(await inside('touch /keys/x 2>&1; true'), 'Read-only file system')
  await kubectl(
    'patch',
    'configmap',
    'settings',
    '--type=merge',
    '-p',
    '{"data":{"colour":"blue"}}',
  )
  await kubectl('label', 'pod', 'reader', 'app=renamed', '--overwrite')
  await eventually(
    async () => (await inside('cat /settings/colour')) === 'blue',
    'the new colour',
    90_000,
  )
  await eventually(
    async () => (await inside('cat /about/labels')) === 'app="renamed"',
    'the new label',
    90_000,
  )
  assert.is(await inside('cat /etc/shape'), 'round', 'a subPath keeps what it had')
  await remove('reader')
})

test('init containers run one after the other before the others', async () => {
  const log = (name: string, script = '') =>
    container(name, `echo ${name} >> /shared/order; ${script}`, {
      volumeMounts: [{ name: 'work', mountPath: '/shared' }],
    })
  await apply(
    podOf('prepared', [log('main', STAY)], {
      initContainers: [log('first', 'sleep 1'), log('second')],
      volumes: [{ name: 'work', emptyDir: {} }],
    }),
    podOf('unprepared', [container('main', STAY)], {
      initContainers: [container('failing', 'exit 1')],
    }),
  )
  await eventually(
    async () => (await row('prepared'))['STATUS'] === 'Init:0/2',
    'the first one to run',
  )
  await ready('prepared')
  assert.is(
    await kubectl('exec', 'prepared', '--', 'cat', '/shared/order'),
    'first\nsecond\nmain\n',
  )
  await eventually(
    async () => (await row('unprepared'))['STATUS'] === 'Init:CrashLoopBackOff',
    'the back-off',
  )
  assert.is((await row('unprepared'))['READY'], '0/1')
  await remove('prepared', 'unprepared')
})

test('a sidecar runs before the others and ends after them', async () => {
  await apply(
    podOf(
      'assisted',
      [
        container('main', 'sleep 1; [ -f /shared/up ]', {
          volumeMounts: [{ name: 'work', mountPath: '/shared' }],
        }),
      ],
      {
        restartPolicy: 'Never',
        volumes: [{ name: 'work', emptyDir: {} }],
        initContainers: [
          container('helper', `touch /shared/up; ${STAY}`, {
            restartPolicy: 'Always',
            volumeMounts: [{ name: 'work', mountPath: '/shared' }],
          }),
        ],
      },
    ),
  )
  await eventually(async () => (await row('assisted'))['READY'] === '2/2', 'both to run')
  await eventually(async () => (await row('assisted'))['STATUS'] === 'Completed', 'the pod to end')
  await remove('assisted')
})

test('readiness decides about READY and the endpoints, not about restarts', async () => {
  const probe = { exec: { command: ['cat', '/tmp/ready'] }, periodSeconds: 1 }
  await apply(pod('shy', STAY, { readinessProbe: probe, ports: [{ containerPort: 80 }] }))
  await kubectl('expose', 'pod', 'shy', '--port=80')
  await eventually(
    async () =>
      /Unhealthy .*Readiness probe failed: cat: /.test(await kubectl('events', '--for', 'pod/shy')),
    'the failed probe in an event',
  )
  assert.equal([(await row('shy'))['READY'], (await row('shy'))['STATUS']], ['0/1', 'Running'])
  const isReady = () =>
    value(
      '.items[*].endpoints[*].conditions.ready',
      'endpointslices',
      '-l',
      'kubernetes.io/service-name=shy',
    )
  assert.is(await isReady(), 'false')
  await kubectl('exec', 'shy', '--', 'touch', '/tmp/ready')
  await eventually(async () => (await row('shy'))['READY'] === '1/1', 'the pod to be ready')
  await eventually(async () => (await isReady()) === 'true', 'the endpoint to be ready')
  await kubectl('exec', 'shy', '--', 'rm', '/tmp/ready')
  await eventually(async () => (await row('shy'))['READY'] === '0/1', 'the pod not to be ready')
  assert.is((await row('shy'))['RESTARTS'], '0')
  await kubectl('delete', 'service', 'shy')
  await remove('shy')
})

test('liveness and startup probes restart a container', async () => {
  const failing = { exec: { command: ['false'] }, periodSeconds: 1, failureThreshold: 1 }
  const web = (path: string) => ({
    httpGet: { path, port: 'web' },
    periodSeconds: 1,
    failureThreshold: 2,
  })
  const serve = 'mkdir -p /www && echo ok > /www/ok && exec httpd -f -p 8080 -h /www'
  const port = { ports: [{ name: 'web', containerPort: 8080 }] }
  await apply(
    pod('ill', STAY, { livenessProbe: { ...failing, initialDelaySeconds: 1 } }),
    pod('never-up', STAY, { startupProbe: failing }),
    pod('web', serve, { ...port, livenessProbe: web('/ok'), startupProbe: web('/ok') }),
    pod('lost', serve, { ...port, livenessProbe: web('/none') }),
    pod('socket', serve, {
      ...port,
      readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
    }),
  )
  for (const name of ['ill', 'never-up', 'lost'])
    await eventually(
      async () => /^[1-9]/.test((await row(name))['RESTARTS'] ?? ''),
      `${name} to be restarted`,
    )
  const events = async (name: string) => kubectl('events', '--for', `pod/${name}`)
  assert.match(await events('ill'), /Warning +Unhealthy +Pod\/ill +Liveness probe failed:/)
  assert.match(
    await events('ill'),
    /Normal +Killing +Pod\/ill +Container main failed liveness probe, will be restarted/,
  )
  assert.match(await events('never-up'), /Startup probe failed:/)
  assert.match(await events('never-up'), 'Container main failed startup probe, will be restarted')
  assert.match(
    await events('lost'),
    'Liveness probe failed: HTTP probe failed with statuscode: 404',
  )
  await ready('web')
  await ready('socket')
  assert.is((await row('web'))['RESTARTS'], '0')
  await remove('ill', 'never-up', 'web', 'lost', 'socket')
})

test('the restart policy decides what becomes of a container that ended', async () => {
  await apply(
    pod('done', 'exit 0', {}, { restartPolicy: 'OnFailure' }),
    pod('failed', 'echo because > /dev/termination-log; exit 3', {}, { restartPolicy: 'Never' }),
    pod('retried', 'exit 1', {}, { restartPolicy: 'OnFailure' }),
    pod('forever', 'exit 0'),
  )
  await eventually(async () => (await row('done'))['STATUS'] === 'Completed', 'done')
  await eventually(async () => (await row('failed'))['STATUS'] === 'Error', 'failed')
  for (const name of ['retried', 'forever'])
    await eventually(async () => (await row(name))['STATUS'] === 'CrashLoopBackOff', name)
  assert.is((await row('done'))['RESTARTS'], '0')
  assert.is(
    await value('.status.containerStatuses[0].state.terminated.message', 'pod', 'failed'),
    'because\n',
  )
  assert.match(
    await kubectl(
      'get',
      'pod',
      'retried',
      '-o',
      'jsonpath={.status.containerStatuses[0].state.waiting.message}',
    ),
    /^back-off (10|20)s restarting failed container=main pod=retried_default\([0-9a-f-]{36}\)$/,
  )
  await remove('done', 'failed', 'retried', 'forever')
})

test('a container killed from outside runs again at once', async () => {
  await apply(pod('victim', STAY))
  await ready('victim')
  const id = await value('.status.containerStatuses[0].containerID', 'pod', 'victim')
  await cluster.tryKubectl(['exec', 'victim', '--', 'kill', '-9', '1'])
  await cluster.tryKubectl(['exec', 'victim', '--', 'kill', '-TERM', '1'])
  await eventually(async () => {
    const now = await value('.status.containerStatuses[0].containerID', 'pod', 'victim')
    return now !== id && (await row('victim'))['STATUS'] === 'Running'
  }, 'another container to run')
  assert.match((await row('victim'))['RESTARTS'] ?? '', /^1 /)
  await remove('victim')
})

test('a deleted pod runs its preStop hook, gets SIGTERM, and time to end', async () => {
  const note = (text: string) => `echo ${text} >> /host/farewell`
  const mounts = { volumeMounts: [{ name: 'host', mountPath: '/host' }] }
  const volumes = [{ name: 'host', hostPath: { path: shared } }]
  await apply(
    pod(
      'polite',
      `trap '${note('term')}; sleep 0.5; ${note('bye')}; exit 0' TERM; while :; do sleep 0.1; done`,
      {
        ...mounts,
        lifecycle: {
          postStart: { exec: { command: sh(note('started')) } },
          preStop: { exec: { command: sh(`${note('stopping')}; sleep 0.5`) } },
        },
      },
      { volumes, terminationGracePeriodSeconds: 20 },
    ),
    pod(
      'deaf',
      'trap "" TERM; while :; do sleep 0.1; done',
      {},
      { terminationGracePeriodSeconds: 2 },
    ),
  )
  await ready('polite')
  await ready('deaf')
  const startedAt = performance.now()
  await kubectl('delete', 'pod', 'polite')
  assert.is(readFileSync(join(shared, 'farewell'), 'utf8'), 'started\nstopping\nterm\nbye\n')
  assert.ok(performance.now() - startedAt < 15_000, 'it did not wait for the whole period')
  await kubectl('delete', 'pod', 'deaf', '--wait=false')
  assert.is((await row('deaf'))['STATUS'], 'Terminating')
  await kubectl('wait', '--for=delete', 'pod/deaf', '--timeout=20s')
})

test('a container that takes more memory than its limit is killed for it', async () => {
  await apply(
    pod(
      'greedy',
      'a=x; while :; do a=$a$a; done',
      { resources: { limits: { memory: '16Mi', cpu: '500m' } } },
      { restartPolicy: 'Never' },
    ),
  )
  await eventually(async () => (await row('greedy'))['STATUS'] === 'OOMKilled', 'the kill')
  assert.is(await value('.status.qosClass', 'pod', 'greedy'), 'Guaranteed')
  await remove('greedy')
})

test('what keeps a container from starting is told', async () => {
  await apply(
    pod('no-image', STAY, { image: 'kubus/none:1', imagePullPolicy: 'Never' }),
    pod('no-settings', STAY, { envFrom: [{ configMapRef: { name: 'none' } }] }),
    pod('no-key', STAY, {
      env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'keys', key: 'none' } } }],
    }),
    pod('no-program', STAY, { command: ['/no/such'] }),
    pod(
      'no-volume',
      STAY,
      { volumeMounts: [{ name: 'v', mountPath: '/v' }] },
      { volumes: [{ name: 'v', configMap: { name: 'none' } }] },
    ),
  )
  const status = (name: string, expected: RegExp) =>
    eventually(async () => expected.test((await row(name))['STATUS'] ?? ''), `${name}: ${expected}`)
  await status('no-image', /^ErrImageNeverPull$/)
  await status('no-settings', /^CreateContainerConfigError$/)
  await status('no-key', /^CreateContainerConfigError$/)
  await status('no-program', /^(RunContainerError|CrashLoopBackOff)$/)
  await status('no-volume', /^ContainerCreating$/)
  const events = (name: string) => kubectl('events', '--for', `pod/${name}`)
  assert.match(
    await events('no-image'),
    'Container image "kubus/none:1" is not present with pull policy of Never',
  )
  assert.match(await events('no-settings'), 'Error: configmap "none" not found')
  assert.match(await events('no-key'), /Error: couldn't find key none in Secret default\/keys/)
  await eventually(
    async () =>
      /FailedMount .*MountVolume\.SetUp failed for volume "v" : configmap "none" not found/.test(
        await events('no-volume'),
      ),
    'the failed mount in an event',
  )
  await kubectl('create', 'configmap', 'none', '--from-literal=a=b')
  await kubectl(
    'wait',
    '--for=condition=Ready',
    'pod/no-settings',
    'pod/no-volume',
    '--timeout=60s',
  )
  await remove('no-image', 'no-settings', 'no-key', 'no-program', 'no-volume')
})

test('users, capabilities and a read-only root are as the security context says', async () => {
  await apply(
    pod(
      'careful',
      STAY,
      {
        securityContext: {
          runAsUser: 1234,
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
        },
        volumeMounts: [{ name: 'work', mountPath: '/shared' }],
        workingDir: '/shared',
      },
      {
        securityContext: { runAsGroup: 2345, fsGroup: 3456 },
        volumes: [{ name: 'work', emptyDir: {} }],
        hostname: 'somewhere',
      },
    ),
    pod('rooted', STAY, { securityContext: { runAsNonRoot: true } }),
  )
  await ready('careful')
  const inside = (script: string) => kubectl('exec', 'careful', '--', ...sh(script))
  assert.match(await inside('id'), /uid=1234 gid=2345 groups=(.*,)?3456/)
  assert.is(await inside('touch here && pwd && hostname'), '/shared\nsomewhere\n')
  assert.match(await inside('touch /no 2>&1; true'), 'Read-only file system')
  await eventually(
    async () => (await row('rooted'))['STATUS'] === 'CreateContainerConfigError',
    'the refusal',
  )
  assert.match(
    await kubectl('events', '--for', 'pod/rooted'),
    'container has runAsNonRoot and image will run as root',
  )
  await remove('careful', 'rooted')
})

test('a pod may share the network of its host', async () => {
  await apply(pod('host-net', STAY, {}, { hostNetwork: true }))
  await ready('host-net')
  assert.is(
    await value('.status.podIP', 'pod', 'host-net'),
    await value('.status.hostIP', 'pod', 'host-net'),
  )
  assert.match(await kubectl('exec', 'host-net', '--', 'ip', 'link'), / lo:/)
  await remove('host-net')
  await kubectl('wait', '--for=delete', 'pod', '--all', '--timeout=60s')
})

test.run()
