import { execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createDockerRuntime } from '../../src/node/docker/docker-runtime.ts'
import { removeClusterFromEngine } from '../../src/node/docker/removal.ts'
import { podRules } from '../../src/node/pod-firewall.ts'
import { bridgeName, createPodNetwork } from '../../src/node/pod-network.ts'
import type { Runtime, Sandbox } from '../../src/node/runtime.ts'
import { sleep } from '../../src/std/clock.ts'
import { rootLog } from '../../src/std/log.ts'
import { ensureTestImage, TEST_IMAGE } from '../support/images.ts'
import { containerSpec, podIdentity, sandboxSpec } from '../support/runtime-specs.ts'

const cluster = `test-network-${process.pid}`
const clusterCidr = '10.214.0.0/16'
const log = rootLog.child({}, { level: 'silent' })
const nodes = ['n1', 'n2'] as const
const runtimes = new Map<string, Runtime>()
let stateDir = ''

interface RunningPod {
  runtime: Runtime
  sandbox: Sandbox
  id: string
  ip: string
}

test.before(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'kubus-network-'))
  await ensureTestImage()
  for (const [index, node] of nodes.entries()) {
    const network = createPodNetwork({ node, cluster, log })
    const runtime = createDockerRuntime({ node, cluster, log, network, stateDir })
    await runtime.configureNetwork({ podCidr: `10.214.${index}.0/24`, clusterCidr })
    runtimes.set(node, runtime)
  }
})

test.after(async () => {
  await removeClusterFromEngine({ cluster, stateDir })
  await rm(stateDir, { recursive: true, force: true })
  for (const node of nodes)
    assert.not.match(execFileSync('ip', ['link']).toString(), bridgeName(cluster, node))
})

const runPod = async (node: string, script: string): Promise<RunningPod> => {
  const runtime = runtimes.get(node)!
  const pod = podIdentity(node, cluster)
  const sandbox = await runtime.createSandbox(sandboxSpec(pod))
  const id = await runtime.create(
    containerSpec(pod, sandbox.id, TEST_IMAGE, { command: ['sh', '-c', script] }),
  )
  await runtime.start(id)
  return { runtime, sandbox, id, ip: sandbox.ip! }
}

const serve = (text: string) =>
  `mkdir -p /www; echo ${text} > /www/index.html; exec httpd -f -p 80 -h /www`

const output = async ({ runtime, id }: RunningPod, ...command: string[]) => {
  let out = ''
  const take = (data: Uint8Array) => {
    out += Buffer.from(data).toString()
  }
  await runtime.exec(id, command, { onStdout: take, onStderr: take }, { tty: false })
  return out
}

/** The last line of the page: busybox's own wget needs a resolver that an empty image lacks. */
const fetchFrom = (pod: RunningPod, ip: string, port = 80) => {
  const request = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 ${ip} ${port} | tail -n 1`
  const script = `for i in 1 2 3 4 5 6 7 8 9 10; do page=$(${request}); [ "$page" ] && break; sleep 0.1; done; echo "$page"`
  return output(pod, 'sh', '-c', script)
}

test('pods of one node, of two nodes, and the host reach one another without NAT', async () => {
  const [a, b, c] = await Promise.all([
    runPod('n1', serve('from-a')),
    runPod('n1', serve('from-b')),
    runPod('n2', serve('from-c')),
  ])
  assert.match(a.ip, /^10\.214\.0\./)
  assert.match(c.ip, /^10\.214\.1\./)
  assert.is(await fetchFrom(a, b.ip), 'from-b\n')
  assert.is(await fetchFrom(a, c.ip), 'from-c\n')
  assert.is(await fetchFrom(c, b.ip), 'from-b\n')
  assert.is(await fetchFrom(a, a.ip), 'from-a\n')
  assert.match(await output(a, 'ping', '-c', '1', '-W', '2', c.ip), '1 packets received')
  const fromHost = await fetch(`http://${b.ip}/`)
  assert.is(await fromHost.text(), 'from-b\n')

  const sources: string[] = []
  const server = createServer((request, response) => {
    sources.push(request.socket.remoteAddress ?? '')
    response.end('host')
  })
  await new Promise<void>((resolve) => server.listen(0, '10.214.0.1', resolve))
  const { port } = server.address() as AddressInfo
  assert.is(await fetchFrom(c, '10.214.0.1', port), 'host\n')
  assert.equal(sources, [c.ip])
  server.close()
  await Promise.all([a, b, c].map((pod) => pod.runtime.removeSandbox(pod.sandbox.id)))
})

test('a port is reached from the host also when it listens on the pod’s loopback only', async () => {
  const pod = await runPod(
    'n1',
    'mkdir -p /www; echo inside > /www/index.html; exec httpd -f -p 127.0.0.1:8081 -h /www',
  )
  /** The server in the pod takes a moment to listen. */
  const connect = async (port: number, tries: number) => {
    for (; tries > 1; tries--) {
      const stream = await pod.runtime.connect(pod.sandbox.id, port).catch(() => undefined)
      if (stream) return stream
      await sleep(100)
    }
    return pod.runtime.connect(pod.sandbox.id, port)
  }
  const ask = async (port: number): Promise<string> => {
    const stream = await connect(port, 50)
    stream.write('GET / HTTP/1.0\r\n\r\n')
    let answer = ''
    for await (const chunk of stream) answer += String(chunk)
    return answer
  }
  assert.match(await ask(8081), /inside/)
  const refused = await pod.runtime.connect(pod.sandbox.id, 9).catch((error: Error) => error)
  assert.match(String(refused), /failed to connect to localhost:9/)
  await pod.runtime.removeSandbox(pod.sandbox.id)
})

test('a freed address is not given to the next pod', async () => {
  const first = await runPod('n1', 'sleep 600')
  await first.runtime.removeSandbox(first.sandbox.id)
  const second = await runPod('n1', 'sleep 600')
  assert.is.not(second.ip, first.ip)
  await second.runtime.removeSandbox(second.sandbox.id)
})

test('configuring again keeps pods connected, and twice the same rules are one', async () => {
  const pod = await runPod('n1', serve('still'))
  await runtimes.get('n1')?.configureNetwork({ podCidr: '10.214.0.0/24', clusterCidr, mtu: 1400 })
  assert.is(await (await fetch(`http://${pod.ip}/`)).text(), 'still\n')
  const rules = execFileSync('iptables', ['-S']).toString()
  const bridge = bridgeName(cluster, 'n1')
  assert.is(rules.split('\n').filter((line) => line.includes(`-i ${bridge}`)).length, 1)
  await pod.runtime.removeSandbox(pod.sandbox.id)
})

test('configuring again leaves the right address alone and ends others', async () => {
  const bridge = bridgeName(cluster, 'n1')
  const monitor = spawn('ip', ['monitor', 'address'])
  let seen = ''
  monitor.stdout.on('data', (data) => {
    seen += data
  })
  const told = async (address: string) => {
    while (!seen.includes(address)) await sleep(10)
  }
  try {
    const stale = `10.214.99.${1 + (process.pid % 200)}`
    while (!seen.includes(stale)) {
      // Until the monitor listens.
      execFileSync('ip', ['address', 'replace', `${stale}/24`, 'dev', bridge])
      await sleep(20)
    }
    await runtimes.get('n1')?.configureNetwork({ podCidr: '10.214.0.0/24', clusterCidr, mtu: 1390 })
    await told(`Deleted`)
    assert.not.match(seen, '10.214.0.1')
    const addresses = execFileSync('ip', ['-4', 'address', 'show', 'dev', bridge]).toString()
    assert.match(addresses, '10.214.0.1/24')
    assert.not.match(addresses, stale)
  } finally {
    monitor.kill()
  }
})

test('a host port leads to the pod, from loopback too, until the pod ends', async () => {
  const runtime = runtimes.get('n2')!
  const hostPort = 20_000 + (process.pid % 10_000)
  const pod = podIdentity('n2', cluster, 'published')
  const sandbox = await runtime.createSandbox(
    sandboxSpec(pod, { ports: [{ containerPort: 80, hostPort, protocol: 'TCP' }] }),
  )
  const id = await runtime.create(
    containerSpec(pod, sandbox.id, TEST_IMAGE, { command: ['sh', '-c', serve('published')] }),
  )
  await runtime.start(id)
  const self = { runtime, sandbox, id, ip: sandbox.ip! }
  assert.is(await fetchFrom(self, '10.214.1.1', hostPort), 'published\n')
  const other = await runPod('n1', 'sleep 600')
  assert.is(await fetchFrom(other, '10.214.0.1', hostPort), 'published\n')
  const page = () => fetch(`http://127.0.0.1:${hostPort}/`).then((response) => response.text())
  assert.is(await page(), 'published\n')
  await runtimes.get('n2')?.configureNetwork({ podCidr: '10.214.1.0/24', clusterCidr, mtu: 1450 })
  assert.is(await page(), 'published\n')
  await runtime.removeSandbox(sandbox.id)
  assert.match(String(await page().catch((error: Error) => error.cause)), 'ECONNREFUSED')
  await other.runtime.removeSandbox(other.sandbox.id)
})

test('routes to other hosts come and go', async () => {
  const network = createPodNetwork({ node: 'n1', cluster, log })
  await network.setRoutes([{ podCidr: '10.214.77.0/24', via: '10.214.0.99' }])
  assert.match(execFileSync('ip', ['route']).toString(), '10.214.77.0/24 via 10.214.0.99')
  await network.setRoutes([])
  assert.not.match(execFileSync('ip', ['route']).toString(), '10.214.77.0/24')
})

test('only what leaves the cluster takes the host’s address', () => {
  const rules = podRules('kbs1', { podCidr: '10.1.2.0/24', clusterCidr: '10.1.0.0/16' })
  assert.match(rules, 'ip saddr 10.1.2.0/24 ip daddr != { 10.1.0.0/16, 224.0.0.0/4 }')
})

test.run()
