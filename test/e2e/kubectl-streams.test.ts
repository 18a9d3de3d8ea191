/**
 * Unmodified kubectl and the JavaScript client on streams to real containers: exec, attach, port-forward, proxy, cp,
 * debug, in every protocol they speak.
 *
 * The image is busybox, made on this machine; one pod serves all tests but those that change it.
 */
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { V1Status } from '@kubernetes/client-node'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually, run, startCluster, type TestCluster } from '../support/cluster.ts'
import { ensureTestImage, TEST_IMAGE } from '../support/images.ts'
import { javascriptClient } from '../support/javascript-client.ts'
import { natsCommand } from '../support/nats-command.ts'
import { type Followed, follow, followCommand, type Manifest, manifest } from './support/kubectl.ts'

let cluster: TestCluster
let folder: string
const kubectl = (...args: string[]) => cluster.kubectl(args)
const apply = (...objects: Manifest[]) =>
  cluster.kubectl(['apply', '-f', '-'], manifest(...objects))

/** kubectl's own switches between WebSocket and SPDY. */
const PROTOCOLS = {
  WebSocket: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'true', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'true' },
  SPDY: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' },
}

/** Listens with a page, an echo, and a port on loopback only; says back what it is told. */
const SERVE = `
mkdir -p /www && echo '<a href="/other">from the pod</a>' > /www/index.html
httpd -p 8080 -h /www
httpd -p 127.0.0.1:8081 -h /www
nc -ll -p 7000 -e cat &
trap 'exit 0' TERM
while read line; do echo "heard $line"; done
while :; do sleep 0.1; done`

const serving = (name: string, more: object = {}, resources: object = {}): Manifest => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'main',
        image: TEST_IMAGE,
        command: ['sh', '-c', SERVE],
        stdin: true,
        ports: [{ containerPort: 8080, name: 'page' }],
        readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
        resources,
        ...more,
      },
    ],
  },
})

const ready = (name: string) =>
  kubectl('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s')

test.before(async () => {
  await ensureTestImage()
  folder = mkdtempSync(join(tmpdir(), 'kubus-streams-'))
  cluster = await startCluster()
  await apply(
    serving('server'),
    serving('neighbour', {}, { requests: { cpu: '200m' } }),
    serving('sized', {}, { requests: { cpu: '50m', memory: '16Mi' }, limits: { memory: '32Mi' } }),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'pages' },
      spec: { selector: { app: 'server' }, ports: [{ name: 'web', port: 80, targetPort: 8080 }] },
    },
  )
  await ready('server')
})

test.after(async () => {
  await cluster?.stop()
  rmSync(folder, { recursive: true, force: true })
})

for (const [protocol, switches] of Object.entries(PROTOCOLS)) {
  const env = () => ({ ...cluster.environment, ...switches })
  const command = (args: string[], input?: string) =>
    run(cluster.kubectlPath, args, { env: env(), ...(input === undefined ? {} : { input }) })

  test(`exec over ${protocol}: output, errors, input and the exit code`, async () => {
    const script = 'cat; echo oops >&2; exit 7'
    const done = await command(['exec', '-i', 'server', '--', 'sh', '-c', script], 'typed\n')
    assert.is(done.stdout, 'typed\n')
    assert.match(done.stderr, 'oops')
    assert.match(done.stderr, 'command terminated with exit code 7')
    assert.is(done.code, 7)
  })

  test(`exec over ${protocol} carries much in both directions`, async () => {
    const input = 'x'.repeat(3 * 1024 * 1024)
    const { stdout } = await command(['exec', '-i', 'server', '--', 'cat'], input)
    assert.is(stdout.length, input.length)
    assert.ok(stdout === input)
  })

  test(`exec over ${protocol} on a terminal knows its size`, async () => {
    const inner = [
      cluster.kubectlPath,
      'exec',
      '-it',
      'server',
      '--',
      'sh',
      '-c',
      '"sleep 1; stty size"',
    ]
    const shell = `stty rows 33 cols 101; ${inner.join(' ')}`
    const terminal = followCommand('script', ['-qefc', shell, '/dev/null'], env())
    await terminal.until(/33 101/)
    assert.is(await terminal.ended, 0)
  })

  test(`what cannot be run over ${protocol} is told as by Kubernetes`, async () => {
    const unknown = await command(['exec', 'nobody', '--', 'ls'])
    assert.match(unknown.stderr, 'Error from server (NotFound): pods "nobody" not found')
    const missing = await command(['exec', 'server', '-c', 'other', '--', 'ls'])
    assert.match(missing.stderr, 'container other is not valid for pod server')
    const nothing = await command(['exec', 'server', '--', '/no/such'])
    assert.is.not(nothing.code, 0)
    assert.match(`${nothing.stdout}${nothing.stderr}`, 'no such file')
  })

  test(`attach over ${protocol} writes to the container and reads it`, async () => {
    const attached = followCommand(cluster.kubectlPath, ['attach', '-i', 'server'], env())
    attached.type(`by ${protocol}\n`)
    await attached.until(new RegExp(`heard by ${protocol}`))
    await attached.stop()
    assert.match(await kubectl('logs', 'server'), `heard by ${protocol}`)
  })

  test(`port-forward over ${protocol}: several ports, several connections`, async () => {
    const forward = followCommand(
      cluster.kubectlPath,
      ['port-forward', 'pod/server', ':8080', ':8081', ':7000', ':7999'],
      env(),
    )
    try {
      await forward.until(/-> 7999/)
      const page = forwarded(forward, 8080)
      const texts = await Promise.all(
        [page, page, forwarded(forward, 8081)].map(async (port) =>
          (await fetch(`http://127.0.0.1:${port}/`)).text(),
        ),
      )
      for (const text of texts) assert.match(text, 'from the pod')
      assert.is(await halfClosed(forwarded(forward, 7000), 'said and done'), 'said and done')
      await halfClosed(forwarded(forward, 7999), 'anybody?').catch(() => '')
      await forward.until(/an error occurred forwarding \d+ -> 7999: error forwarding port 7999/)
      await forward.until(/connection refused/i)
    } finally {
      await forward.stop()
    }
  })

  test(`cp over ${protocol} there and back`, async () => {
    const file = join(folder, `${protocol}.txt`)
    writeFileSync(file, `${protocol}\n`.repeat(10_000))
    await command(['cp', file, 'server:/tmp/copy.txt'])
    await command(['cp', 'server:/tmp/copy.txt', `${file}.back`])
    assert.ok(readFileSync(file).equals(readFileSync(`${file}.back`)))
  })
}

/** The local port that kubectl chose for a pod's. */
const forwarded = ({ output }: Followed, port: number): number =>
  Number(new RegExp(`127\\.0\\.0\\.1:(\\d+) -> ${port}\\b`).exec(output)?.[1])

/** Sends, ends its side, and returns all that comes back. */
const halfClosed = async (port: number, text: string): Promise<string> => {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  await once(socket, 'connect')
  socket.end(text)
  let heard = ''
  for await (const chunk of socket) heard += chunk
  return heard
}

test('the proxies of pods, services and nodes', async () => {
  const pods = '/api/v1/namespaces/default/pods'
  const page = await kubectl('get', '--raw', `${pods}/server/proxy/`)
  assert.is(page, `<a href="${pods}/server/proxy/other">from the pod</a>\n`)
  assert.match(
    await kubectl('get', '--raw', `${pods}/server:8080/proxy/index.html`),
    'from the pod',
  )
  const services = '/api/v1/namespaces/default/services'
  for (const name of ['pages:80', 'pages:web', 'http:pages:web'])
    await eventually(
      async () => (await kubectl('get', '--raw', `${services}/${name}/proxy/`)).includes('the pod'),
      `service ${name}`,
    )
  const unnamed = await cluster.tryKubectl(['get', '--raw', `${services}/pages/proxy/`])
  assert.match(unnamed.stderr, 'no endpoints available for service "pages"')
  const refused = await cluster.tryKubectl(['get', '--raw', `${pods}/server:9999/proxy/`])
  assert.match(
    refused.stderr,
    /error trying to reach service: dial tcp .*:9999: connect: connection refused/,
  )
  const [node] = (await kubectl('get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}')).split(
    ' ',
  )
  const ofNode = (path: string) => kubectl('get', '--raw', `/api/v1/nodes/${node}/proxy/${path}`)
  assert.is(await ofNode('healthz'), 'ok')
  assert.ok(
    JSON.parse(await ofNode('pods')).items.some(
      (pod: { metadata: { name: string } }) => pod.metadata.name === 'server',
    ),
  )
  assert.match(
    await ofNode('metrics/resource'),
    'container_memory_working_set_bytes{container="main"',
  )
  assert.match(await ofNode('stats/summary'), '"podRef":{"name":"server"')
  assert.match(await ofNode('logs/'), '<pre>')
  assert.match(await ofNode('containerLogs/default/server/main?tailLines=5'), 'heard')
})

test('what a container says goes out on the bus, once, to all who listen with the nats CLI', async () => {
  const talk = 'n=0; while :; do echo "tick $n"; n=$((n + 1)); sleep 0.2; done'
  await apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'talker' },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: TEST_IMAGE, command: ['sh', '-c', talk] }],
    },
  })
  await ready('talker')
  const ask = async () => {
    const subject = 'kubus.api.logs.pods.default.talker'
    const answer = await cluster.nats(['req', '--raw', subject, '{"follow": true}'])
    return JSON.parse(answer) as { subject: string; shared: boolean }
  }
  const nats = await natsCommand()
  const listeners = ['kubus.logs.default.>', 'kubus.logs.*.talker.main'].map((subject) =>
    followCommand(nats, ['sub', '--raw', subject], cluster.environment),
  )
  try {
    assert.equal(await ask(), { subject: 'kubus.logs.default.talker.main', shared: false })
    for (const listener of listeners) await listener.until(/tick 5\n/)
    assert.ok((await ask()).shared)
    for (const listener of listeners) {
      const ticks = (await listener.until(/tick 10\n/)).trimEnd().split('\n')
      const first = Number(ticks[0]?.slice(5))
      assert.equal(
        ticks,
        ticks.map((_, index) => `tick ${first + index}`),
      )
    }
    await kubectl('delete', 'pod', 'talker', '--wait=false')
    for (const listener of listeners) await listener.until(/\nthe log ended\n$/)
  } finally {
    for (const listener of listeners) await listener.stop()
  }
})

test('kubectl debug looks into a running container', async () => {
  const debugging = ['debug', 'server', `--image=${TEST_IMAGE}`, '--image-pull-policy=IfNotPresent']
  const options = ['--target=main', '-c', 'helper', '--profile=general', '-i']
  const looking = follow(cluster, [...debugging, ...options, '--', 'sh'])
  await looking.until(/try pressing enter/)
  looking.type('ps\n')
  await looking.until(/httpd -p 8080/)
  await looking.stop()
  const status = await kubectl(
    'get',
    'pod',
    'server',
    '-o',
    'jsonpath={.status.ephemeralContainerStatuses[0]}',
  )
  assert.match(status, '"name":"helper"')
  assert.match(await kubectl('logs', 'server', '-c', 'helper'), 'httpd -p 8080')
  const changed = await cluster.tryKubectl([
    'patch',
    'pod',
    'server',
    '--subresource=ephemeralcontainers',
    '-p',
    '{"spec":{"ephemeralContainers":[{"name":"helper","image":"other"}]}}',
  ])
  assert.match(changed.stderr, 'existing ephemeral containers "helper" may not be changed')
})

test('a resize is given to the running container', async () => {
  await ready('sized')
  const resize = (resources: object) =>
    kubectl(
      'patch',
      'pod',
      'sized',
      '--subresource=resize',
      '-p',
      JSON.stringify({
        spec: { containers: [{ name: 'main', resources }] },
      }),
    )
  const status = async () => JSON.parse(await kubectl('get', 'pod', 'sized', '-o', 'json')).status
  await resize({ requests: { cpu: '100m' }, limits: { cpu: '400m', memory: '48Mi' } })
  await eventually(async () => {
    const { resources } = (await status()).containerStatuses[0]
    return resources.limits.memory === '48Mi' && resources.limits.cpu === '400m'
  }, 'the resize')
  assert.is((await status()).containerStatuses[0].restartCount, 0)
  const limit = await kubectl(
    'exec',
    'sized',
    '--',
    'sh',
    '-c',
    'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max',
  )
  assert.is(limit.trim(), String(48 << 20))
  const more = await resize({ requests: { cpu: '9999' }, limits: { cpu: '9999' } }).catch(String)
  assert.match(more, "node didn't have enough allocatable resources: cpu, requested: 9999000")
  await ready('neighbour')
  const cores = await kubectl('get', 'nodes', '-o', 'jsonpath={.items[0].status.allocatable.cpu}')
  const cpu = `${Number(cores) * 1000 - 100}m`
  await resize({ requests: { cpu }, limits: { cpu } })
  const pending = await eventually(async () => {
    const { conditions } = await status()
    return conditions.find(({ type }: { type: string }) => type === 'PodResizePending')
  }, 'a condition')
  assert.is(pending.reason, 'Deferred')
  assert.match(
    pending.message,
    `Node didn't have enough resource: cpu, requested: ${cpu.slice(0, -1)}`,
  )
})

test('the JavaScript client runs, attaches, forwards and follows', async () => {
  const { Attach, Exec, KubeConfig, Log, PortForward } = await javascriptClient()
  const config = new KubeConfig()
  config.loadFromFile(cluster.environment['KUBECONFIG']!)
  const collected = (stream: PassThrough) => {
    let text = ''
    stream.on('data', (chunk: Buffer) => {
      text += chunk
    })
    return () => text
  }
  const stdout = new PassThrough()
  const said = collected(stdout)
  const status = await new Promise<V1Status>((resolve, reject) => {
    new Exec(config)
      .exec(
        'default',
        'server',
        'main',
        ['sh', '-c', 'echo run; exit 4'],
        stdout,
        null,
        null,
        false,
        resolve,
      )
      .catch(reject)
  })
  assert.is(said(), 'run\n')
  assert.is(status.details?.causes?.[0]?.message, '4')

  const heard = new PassThrough()
  const hears = collected(heard)
  const typed = new PassThrough()
  const attached = await new Attach(config).attach(
    'default',
    'server',
    'main',
    heard,
    null,
    typed,
    false,
  )
  typed.write('by a program\n')
  await eventually(() => hears().includes('heard by a program'), 'what was typed')
  attached.close()

  const output = new PassThrough()
  const answers = collected(output)
  const input = new PassThrough()
  const forward = await new PortForward(config).portForward(
    'default',
    'server',
    [7000],
    output,
    null,
    input,
  )
  input.write('through a channel')
  await eventually(() => answers() === 'through a channel', 'the echo')
  if ('close' in forward) forward.close()

  await apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'brief' },
    spec: {
      restartPolicy: 'Never',
      containers: [
        {
          name: 'main',
          image: TEST_IMAGE,
          command: ['sh', '-c', 'echo one; until [ -e /end ]; do sleep 0.1; done; echo two'],
          readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
        },
      ],
    },
  })
  await ready('brief')
  const lines = new PassThrough()
  const follows = collected(lines)
  await new Log(config).log('default', 'brief', 'main', lines, { follow: true })
  await eventually(() => follows() === 'one\n', 'the first line')
  await kubectl('exec', 'brief', '--', 'touch', '/end')
  await eventually(() => follows() === 'one\ntwo\n', 'the last line')
})

test.run()
