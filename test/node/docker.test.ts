import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createDockerRuntime } from '../../src/node/docker/docker-runtime.ts'
import { connectEngine } from '../../src/node/docker/engine.ts'
import { removeClusterFromEngine } from '../../src/node/docker/removal.ts'
import { createPodNetwork } from '../../src/node/pod-network.ts'
import type { Runtime } from '../../src/node/runtime.ts'
import { rootLog } from '../../src/std/log.ts'
import { ensureTestImage, TEST_IMAGE } from '../support/images.ts'
import { containerSpec, podIdentity, sandboxSpec } from '../support/runtime-specs.ts'
import { runtimeCases } from './runtime.cases.ts'

const node = 'n1'
const cluster = `test-docker-${process.pid}`
const config = { podCidr: '10.213.7.0/24', clusterCidr: '10.213.0.0/16' }
const log = rootLog.child({}, { level: 'silent' })
const network = createPodNetwork({ node, cluster, log })
let stateDir = ''
let runtime: Runtime

const createRuntime = () => createDockerRuntime({ node, cluster, log, network, stateDir })

test.before(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'kubus-docker-'))
  await ensureTestImage()
  runtime = createRuntime()
  await runtime.configureNetwork(config)
})

test.after(async () => {
  await removeClusterFromEngine({ cluster, stateDir })
  await rm(stateDir, { recursive: true, force: true })
  const left = await connectEngine().listContainers({
    all: true,
    filters: { label: [`io.kubus.cluster=${cluster}`] },
  })
  assert.is(left.length, 0)
  assert.not.match(execFileSync('ip', ['link']).toString(), network.bridge)
  assert.not.match(execFileSync('nft', ['list', 'tables']).toString(), network.bridge)
  assert.not.match(execFileSync('iptables', ['-S']).toString(), network.bridge)
})

runtimeCases('docker', () => ({
  runtime,
  restarted: async () => {
    const second = createDockerRuntime({
      node,
      cluster,
      log,
      network: createPodNetwork({ node, cluster, log }),
      stateDir,
    })
    await second.configureNetwork(config)
    return second
  },
  node,
  cluster,
  image: TEST_IMAGE,
}))

const run = async (pod: ReturnType<typeof podIdentity>, changes = {}, sandboxChanges = {}) => {
  const sandbox = await runtime.createSandbox(sandboxSpec(pod, sandboxChanges))
  const id = await runtime.create(
    containerSpec(pod, sandbox.id, TEST_IMAGE, {
      command: ['sh', '-c', 'trap "exit 0" TERM; sleep 600 & wait'],
      ...changes,
    }),
  )
  await runtime.start(id)
  return { sandbox, id }
}

const output = async (id: string, ...command: string[]) => {
  let out = ''
  const take = (data: Uint8Array) => {
    out += Buffer.from(data).toString()
  }
  const code = await runtime.exec(id, command, { onStdout: take, onStderr: take }, { tty: false })
  return { code, out }
}

test('a container has Kubernetes names and labels, limits, user, hosts and resolver', async () => {
  const pod = podIdentity(node, cluster, 'facts')
  const { sandbox, id } = await run(
    pod,
    {
      runAsUser: 1000,
      runAsGroup: 2000,
      supplementalGroups: [3000],
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      workingDir: '/tmp',
      dropCapabilities: ['ALL'],
      env: [{ name: 'COLOUR', value: 'red=1' }],
      resources: { cpuRequestMillis: 100, cpuLimitMillis: 500, memoryLimitBytes: 64 << 20 },
      sharePodPID: true,
    },
    {
      hostAliases: [{ ip: '10.0.0.9', hostnames: ['db', 'db.local'] }],
      dns: { servers: ['10.96.0.10'], searches: ['default.svc'], options: ['ndots:5'] },
    },
  )
  const info = await connectEngine().getContainer(id).inspect()
  assert.is(info.Name, `/k8s_app_facts_default_${pod.uid}_0`)
  assert.is(info.Config.Labels['io.kubernetes.pod.name'], 'facts')
  assert.is(info.Config.Labels['io.kubernetes.pod.uid'], pod.uid)
  assert.is(info.Config.Labels['io.kubernetes.container.name'], 'app')
  assert.is(info.Config.Labels['io.kubernetes.sandbox.id'], sandbox.id)
  assert.is(info.HostConfig.CpuShares, 102)
  assert.is(info.HostConfig.CpuQuota, 50_000)
  assert.is(info.HostConfig.Memory, 64 << 20)
  assert.equal(info.HostConfig.LogConfig, {
    Type: 'json-file',
    Config: { 'max-file': '5', 'max-size': '10m' },
  })
  assert.match((await output(id, 'id')).out, /uid=1000 gid=2000 groups=(2000,)?3000/)
  assert.is((await output(id, 'hostname')).out, 'facts\n')
  assert.is((await output(id, 'pwd')).out, '/tmp\n')
  assert.is((await output(id, 'sh', '-c', 'echo $COLOUR')).out, 'red=1\n')
  assert.match((await output(id, 'touch', '/x')).out, /Read-only/)
  assert.match((await output(id, 'grep', 'NoNewPrivs', '/proc/self/status')).out, /1/)
  assert.match((await output(id, 'grep', 'CapEff', '/proc/self/status')).out, /0{16}/)
  assert.match((await output(id, 'ps')).out, /sleep 2147483647/)
  const hosts = (await output(id, 'cat', '/etc/hosts')).out
  assert.match(hosts, `${sandbox.ip}\tfacts\n`)
  assert.match(hosts, '10.0.0.9\tdb\tdb.local\n')
  assert.is(
    (await output(id, 'cat', '/etc/resolv.conf')).out,
    'search default.svc\nnameserver 10.96.0.10\noptions ndots:5\n',
  )
  const [stats] = (await runtime.stats()).filter((entry) => entry.containerId === id)
  assert.ok((stats?.memoryWorkingSetBytes ?? 0) > 0)
  assert.ok((stats?.cpuUsageCoreNanoSeconds ?? 0) > 0)
  await runtime.removeSandbox(sandbox.id)
})

test('a program that is missing is an error of the start, and counts as exited', async () => {
  const pod = podIdentity(node, cluster, 'missing')
  const sandbox = await runtime.createSandbox(sandboxSpec(pod))
  const id = await runtime.create(
    containerSpec(pod, sandbox.id, TEST_IMAGE, { command: ['no-such-program'] }),
  )
  const failure = await runtime.start(id).catch((error: Error) => error)
  assert.match(String(failure), /executable file not found/)
  const container = await runtime.inspect(id)
  assert.is(container?.state, 'exited')
  assert.is(container?.exitCode, 127)
  assert.match(container?.error ?? '', /no-such-program/)
  await runtime.removeSandbox(sandbox.id)
})

test('too much memory ends a container, and it says so', async () => {
  const pod = podIdentity(node, cluster, 'hungry')
  const { sandbox, id } = await run(pod, {
    command: ['sh', '-c', 'x=$(head -c 200000000 /dev/zero | tr "\\0" x); echo $x'],
    resources: { memoryLimitBytes: 16 << 20 },
  })
  for (let tries = 0; tries < 200; tries++) {
    if ((await runtime.inspect(id))?.state === 'exited') break
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const container = await runtime.inspect(id)
  assert.is(container?.outOfMemory, true)
  assert.is(container?.exitCode, 137)
  await runtime.removeSandbox(sandbox.id)
})

test('a terminal has a size and one stream', async () => {
  const pod = podIdentity(node, cluster, 'tty')
  const { sandbox, id } = await run(pod)
  let out = ''
  let resize: ((size: { width: number; height: number }) => void) | undefined
  const input = (async function* () {
    await new Promise((resolve) => setTimeout(resolve, 300))
    resize?.({ width: 91, height: 37 })
    await new Promise((resolve) => setTimeout(resolve, 300))
    yield Buffer.from('stty size; exit 3\n')
    await new Promise((resolve) => setTimeout(resolve, 3000))
  })()
  const code = await runtime.exec(
    id,
    ['sh'],
    {
      stdin: input,
      onStdout: (data) => {
        out += Buffer.from(data).toString()
      },
      onStderr: () => undefined,
      onResize: (listener) => {
        resize = listener
      },
    },
    { tty: true },
  )
  assert.is(code, 3)
  assert.match(out, '37 91')
  await runtime.removeSandbox(sandbox.id)
})

test('attaching talks to the first process of a container', async () => {
  const pod = podIdentity(node, cluster, 'attached')
  const { sandbox, id } = await run(pod, { command: ['cat'], stdin: true, stdinOnce: true })
  let out = ''
  const input = (async function* () {
    yield Buffer.from('to cat')
  })()
  await runtime.attach(
    id,
    {
      stdin: input,
      onStdout: (data) => {
        out += Buffer.from(data).toString()
      },
      onStderr: () => undefined,
    },
    { tty: false },
  )
  assert.is(out, 'to cat')
  const ended = await connectEngine().getContainer(id).wait()
  assert.is(ended.StatusCode, 0)
  await runtime.removeSandbox(sandbox.id)
})

test('a privileged container runs, with what this host grants', async () => {
  const pod = podIdentity(node, cluster, 'strong')
  const { sandbox, id } = await run(pod, { privileged: true, oomScoreAdj: -500 })
  assert.is((await runtime.inspect(id))?.state, 'running')
  assert.is((await output(id, 'mount', '-t', 'tmpfs', 'x', '/tmp')).code, 0)
  for (const warning of runtime.warnings()) assert.match(warning, /^This host refuses/)
  await runtime.removeSandbox(sandbox.id)
})

test('a pod on the host network sees the host', async () => {
  const pod = podIdentity(node, cluster, 'host')
  const { sandbox, id } = await run(pod, {}, { hostNetwork: true, hostPID: true })
  assert.is(sandbox.ip, undefined)
  assert.match((await output(id, 'ip', 'link')).out, network.bridge)
  assert.match((await output(id, 'ps')).out, /dockerd|init|systemd/)
  await runtime.removeSandbox(sandbox.id)
})

test('a sandbox that fails to start leaves neither container nor address', async () => {
  const pod = podIdentity(node, cluster, 'wrong')
  const failure = await runtime
    .createSandbox(sandboxSpec(pod, { sysctls: { 'no.such.sysctl': '1' } }))
    .catch((error: Error) => error)
  assert.instance(failure, Error)
  assert.is(
    (await runtime.list()).sandboxes.some((s) => s.pod.uid === pod.uid),
    false,
  )
})

test.run()
