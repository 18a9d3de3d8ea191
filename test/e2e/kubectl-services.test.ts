/**
 * Services and Deployments on real containers, with packets: load shared, node ports, affinity, rollouts without a
 * failed request, pods that crash, a kubelet that is killed.
 */
import { get } from 'node:http'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { aloud } from '../support/aloud.ts'
import { eventually, startCluster, type TestCluster } from '../support/cluster.ts'
import { ensureTestImage, TEST_IMAGE } from '../support/images.ts'
import { type Manifest, manifest, rows } from './support/kubectl.ts'

let cluster: TestCluster
const kubectl = (...args: string[]) => cluster.kubectl(args)
const apply = (...objects: Manifest[]) =>
  cluster.kubectl(['apply', '-f', '-'], manifest(...objects))
const value = (path: string, ...args: string[]) =>
  kubectl('get', ...args, '-o', `jsonpath={${path}}`)
const rolledOut = (name: string) =>
  kubectl('rollout', 'status', `deployment/${name}`, '--timeout=90s')

/** A web server that answers with its pod's name and ends on SIGTERM after its connections. */
const SERVE = [
  'mkdir -p /www && echo $HOSTNAME $VERSION > /www/index.html && echo ok > /www/ok',
  'trap "kill $server; exit 0" TERM',
  'httpd -f -p 8080 -h /www & server=$!',
  'wait $server',
].join('; ')

const web = (
  name: string,
  replicas: number,
  more: Record<string, unknown> = {},
  version = '1',
) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        terminationGracePeriodSeconds: 10,
        containers: [
          {
            name: 'web',
            image: TEST_IMAGE,
            command: ['sh', '-c', SERVE],
            env: [{ name: 'VERSION', value: version }],
            ports: [{ name: 'http', containerPort: 8080 }],
            readinessProbe: { httpGet: { path: '/ok', port: 'http' }, periodSeconds: 1 },
            ...more,
          },
        ],
      },
    },
  },
})

const service = (name: string, spec: Record<string, unknown> = {}, app = name): Manifest => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app }, ports: [{ port: 80, targetPort: 'http' }], ...spec },
})

/** The answer of a URL on a connection of its own. */
const fetchText = (url: string, timeoutMs = 5_000): Promise<string> =>
  new Promise((resolve, reject) => {
    const call = get(url, { agent: false, timeout: timeoutMs }, (answer) => {
      let text = ''
      answer.on('data', (data) => {
        text += data
      })
      answer.on('end', () => resolve(text.trim()))
      answer.on('error', reject)
    })
    call.on('timeout', () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)))
    call.on('error', reject)
  })

const clusterIp = (name: string) => value('.spec.clusterIP', 'service', name)
/** Who answers, in `count` requests. */
const answersOf = async (url: string, count: number): Promise<Map<string, number>> => {
  const seen = new Map<string, number>()
  for (let at = 0; at < count; at++) {
    const answer = await fetchText(url)
    seen.set(answer, (seen.get(answer) ?? 0) + 1)
  }
  return seen
}

const client = (name: string): Manifest => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image: TEST_IMAGE, command: ['sleep', '100000'] }],
  },
})
const fromPod = (pod: string, script: string) => kubectl('exec', pod, '--', 'sh', '-c', script)

test.before(
  aloud(async () => {
    await ensureTestImage()
    cluster = await startCluster(['--nodes', '2'])
    await apply(web('web', 3), service('web'), client('client'), client('client-2'))
    await rolledOut('web')
    await kubectl('wait', '--for=condition=Ready', 'pod/client', 'pod/client-2', '--timeout=60s')
  }),
)

test.after(async () => {
  await cluster?.stop()
})

test('a Service shares the load over its ready pods, seen from the host and from a pod', async () => {
  const url = `http://${await clusterIp('web')}/`
  await eventually(async () => (await answersOf(url, 20)).size === 3, 'all three to answer')
  const fromHost = await answersOf(url, 60)
  assert.is(fromHost.size, 3)
  for (const [, count] of fromHost) assert.ok(count > 5, `shared unevenly: ${[...fromHost]}`)
  const inside = await fromPod('client', `for i in $(seq 40); do wget -qO- ${url}; done`)
  assert.is(new Set(inside.trim().split('\n')).size, 3)
  assert.equal(
    [...fromHost.keys()].map((answer) => answer.split(' ')[0]).sort(),
    rows(await kubectl('get', 'pods', '-l', 'app=web'))
      .map(({ NAME }) => NAME)
      .sort(),
  )
})

test('pods reach each other by address, on their own node and on the other', async () => {
  const pods = rows(await kubectl('get', 'pods', '-l', 'app=web', '-o', 'wide'))
  assert.is(new Set(pods.map(({ NODE }) => NODE)).size, 2)
  for (const { NAME = '', IP } of pods)
    assert.match(await fromPod('client', `wget -qO- http://${IP}:8080/`), NAME)
})

test('a pod reaches itself through its own Service', async () => {
  await apply(web('hairpin', 1), service('hairpin'))
  await rolledOut('hairpin')
  const ip = await clusterIp('hairpin')
  const name = await value('.items[0].metadata.name', 'pods', '-l', 'app=hairpin')
  await eventually(
    async () => (await fromPod(name, `timeout 3 wget -qO- http://${ip}/`)).startsWith(name),
    'its own answer',
  )
  await kubectl('delete', 'deployment,service', 'hairpin')
})

test('a NodePort answers on the host', async () => {
  await apply(service('web-outside', { type: 'NodePort' }, 'web'))
  const port = await value('.spec.ports[0].nodePort', 'service', 'web-outside')
  assert.match(port, /^3[0-2]\d{3}$/)
  const ip = await value('.status.addresses[?(@.type=="InternalIP")].address', 'node', 'node-1')
  await eventually(
    async () => (await answersOf(`http://${ip}:${port}/`, 20)).size === 3,
    'all three',
  )
  await kubectl('delete', 'service', 'web-outside')
})

test('session affinity keeps a client with one pod', async () => {
  await apply(service('sticky', { sessionAffinity: 'ClientIP' }, 'web'))
  const url = `http://${await clusterIp('sticky')}/`
  await eventually(() => fetchText(url), 'an answer')
  assert.is((await answersOf(url, 20)).size, 1)
  const loop = `for i in $(seq 20); do wget -qO- ${url}; done`
  for (const pod of ['client', 'client-2'])
    assert.is(new Set((await fromPod(pod, loop)).trim().split('\n')).size, 1)
  await kubectl('delete', 'service', 'sticky')
})

test('a Service without ready pods refuses connections at once', async () => {
  await apply(service('empty', {}, 'nobody'))
  const url = `http://${await clusterIp('empty')}/`
  await eventually(
    () =>
      fetchText(url, 1_000).then(
        () => false,
        ({ code }) => code === 'ECONNREFUSED',
      ),
    'the refusal',
  )
  const inside = await cluster.tryKubectl([
    'exec',
    'client',
    '--',
    'timeout',
    '5',
    'wget',
    '-qO-',
    url,
  ])
  assert.match(inside.stderr, 'Connection refused')
  await kubectl('delete', 'service', 'empty')
})

test('only ready pods get traffic', async () => {
  const [name = ''] = (await value('.items[*].metadata.name', 'pods', '-l', 'app=web')).split(' ')
  const url = `http://${await clusterIp('web')}/`
  await kubectl('exec', name, '--', 'rm', '/www/ok')
  await kubectl('wait', '--for=condition=Ready=false', `pod/${name}`, '--timeout=30s')
  await eventually(async () => (await answersOf(url, 20)).size === 2, 'two to answer')
  const seen = await answersOf(url, 30)
  assert.is.not(
    [...seen.keys()].some((answer) => answer.startsWith(name)),
    true,
  )
  await kubectl('exec', name, '--', 'touch', '/www/ok')
  await kubectl('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=30s')
  await eventually(async () => (await answersOf(url, 20)).size === 3, 'all three again')
})

test('a host port leads to its pod', async () => {
  const port = cluster.apiPort + 6
  await apply(web('hosted', 1, { ports: [{ name: 'http', containerPort: 8080, hostPort: port }] }))
  await rolledOut('hosted')
  const ip = await value('.items[0].status.hostIP', 'pods', '-l', 'app=hosted')
  assert.match(await eventually(() => fetchText(`http://${ip}:${port}/`), 'an answer'), /^hosted-/)
  await kubectl('delete', 'deployment', 'hosted')
})

/** Requests one after the other until stopped; each must be answered. */
const hammer = (url: string) => {
  const seen = new Map<string, number>()
  const failures: string[] = []
  let stopped = false
  const done = (async () => {
    while (!stopped) {
      try {
        const answer = await fetchText(url)
        seen.set(answer, (seen.get(answer) ?? 0) + 1)
      } catch (error) {
        failures.push(String(error))
      }
    }
  })()
  return {
    seen,
    failures,
    stop: async () => {
      stopped = true
      await done
    },
  }
}

test('a rolling update answers every request', async () => {
  const preStop = { lifecycle: { preStop: { exec: { command: ['sleep', '1'] } } } }
  await apply(web('steady', 3, preStop), service('steady'))
  await rolledOut('steady')
  const url = `http://${await clusterIp('steady')}/`
  await eventually(() => fetchText(url), 'an answer')
  const load = hammer(url)
  try {
    await apply(web('steady', 3, preStop, '2'))
    await rolledOut('steady')
    await eventually(
      async () => rows(await kubectl('get', 'pods', '-l', 'app=steady')).length === 3,
      'the old pods to go',
    )
  } finally {
    await load.stop()
  }
  assert.equal(load.failures, [])
  const versions = new Set([...load.seen.keys()].map((answer) => answer.split(' ')[1]))
  assert.equal([...versions].sort(), ['1', '2'])
  const after = await answersOf(url, 20)
  for (const answer of after.keys()) assert.match(answer, / 2$/)
  await kubectl('delete', 'deployment,service', 'steady')
})

test('a pod whose container crashes runs again, with the same address', async () => {
  const [name = ''] = (await value('.items[*].metadata.name', 'pods', '-l', 'app=web')).split(' ')
  const ip = await value('.status.podIP', 'pod', name)
  await cluster.tryKubectl(['exec', name, '--', 'sh', '-c', 'kill -TERM 1'])
  await eventually(
    async () => (await value('.status.containerStatuses[0].restartCount', 'pod', name)) === '1',
    'the restart',
  )
  await kubectl('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=30s')
  assert.is(await value('.status.podIP', 'pod', name), ip)
  assert.match(await fetchText(`http://${ip}:8080/`), name)
})

test('a killed kubelet comes back and adopts its pods without touching them', async () => {
  const containers = () =>
    value('.items[*].status.containerStatuses[0].containerID', 'pods', '-l', 'app=web')
  const restarts = () =>
    value('.items[*].status.containerStatuses[0].restartCount', 'pods', '-l', 'app=web')
  const before = [await containers(), await restarts()]
  const kubelet = cluster.processes().find(({ name }) => name === 'nodes')
  assert.ok(kubelet)
  const url = `http://${await clusterIp('web')}/`
  const load = hammer(url)
  try {
    process.kill(kubelet.pid, 'SIGKILL')
    await eventually(() => {
      const now = cluster.processes().find(({ name }) => name === 'nodes')
      return now && now.pid !== kubelet.pid && now.restarts === 1
    }, 'the supervisor to start it again')
    await kubectl('wait', '--for=condition=Ready', 'node', '--all', '--timeout=60s')
    await apply(client('after'))
    await kubectl('wait', '--for=condition=Ready', 'pod/after', '--timeout=60s')
  } finally {
    await load.stop()
  }
  assert.equal([await containers(), await restarts()], before)
  assert.equal(load.failures, [])
  assert.is(await fromPod('after', 'echo here'), 'here\n')
  await kubectl('delete', 'pod', 'after')
})

test('draining a node moves its pods, and the Service goes on', async () => {
  const url = `http://${await clusterIp('web')}/`
  await kubectl('delete', 'pod', 'client', 'client-2', '--force', '--grace-period=0')
  await kubectl('drain', 'node-2', '--timeout=90s')
  await rolledOut('web')
  const nodes = await value('.items[*].spec.nodeName', 'pods', '-l', 'app=web')
  assert.is.not(nodes.includes('node-2'), true)
  assert.ok(await fetchText(url))
  await kubectl('uncordon', 'node-2')
})

test.run()
