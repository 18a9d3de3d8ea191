/**
 * The compose file for real: three masters and two workers as containers on this host's engine.
 */
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ClusterConfig } from '../../src/cli/state-folder.ts'
import { connectEngine } from '../../src/node/docker/engine.ts'
import { ownedBy } from '../../src/node/docker/labels.ts'
import { type Engine, ensureEngine } from '../../src/node/docker-engine.ts'
import { HELLO_IMAGE } from '../../src/node/images.ts'
import { parseMountPoints } from '../../src/node/mounts.ts'
import { bridgesOf } from '../../src/node/pod-network.ts'
import { DOCKER_COMPOSE, ensureTool, KUBECTL } from '../../src/node/tools.ts'
import { aloud } from '../support/aloud.ts'
import { eventually, freePortBlock, run } from '../support/cluster.ts'
import { natsCommand } from '../support/nats-command.ts'

const TOOLS_DIR = resolve('.kubus/tools')
const project = `kubus-test-${process.pid}`
const image = `kubus:test-${process.pid}`
const data = realpathSync(mkdtempSync(join(tmpdir(), 'kubus-compose-')))
const apiPort = await freePortBlock(8)
const environment = {
  KUBUS_IMAGE: image,
  KUBUS_DATA: data,
  KUBUS_API_PORT: String(apiPort),
  KUBUS_NATS_PORT: String(apiPort + 4),
  KUBUS_NODE: 'worker',
  KUBECONFIG: join(data, 'kubeconfig'),
}
const docker = connectEngine()
let engine: Engine | undefined
let networksBefore: string[] = []

const must = async (program: string, args: readonly string[], input?: string): Promise<string> => {
  const options = { env: environment, ...(input === undefined ? {} : { input }) }
  const { code, stdout, stderr } = await run(program, args, options)
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}${stdout}`)
  return stdout
}

const compose = async (...args: string[]) =>
  must(await ensureTool(DOCKER_COMPOSE, { toolsDir: TOOLS_DIR }), [
    ...['-f', 'ops/docker-compose.yml', '-p', project],
    ...args,
  ])

const kubectl = async (args: readonly string[], input?: string) =>
  must(await ensureTool(KUBECTL, { toolsDir: TOOLS_DIR }), args, input)

/** As a client of another master would ask. */
const throughMaster = (master: 1 | 2 | 3) => `--server=https://127.0.0.1:${apiPort + master - 1}`

const networks = async () => (await docker.listNetworks()).map(({ Id }) => Id).sort()

const clusterId = () =>
  (JSON.parse(readFileSync(join(data, 'cluster.json'), 'utf8')) as ClusterConfig).id

const podContainers = () =>
  docker.listContainers({ all: true, filters: { label: ownedBy(clusterId()) } })

const statusOf = async (service: string) => {
  const [container] = await docker.listContainers({
    all: true,
    filters: { name: [`${project}-${service}-1`] },
  })
  return container && docker.getContainer(container.Id).inspect()
}

const cleanUp = async () => {
  await compose('down')
  await compose('run', '--rm', 'cleanup')
}

test.before(
  aloud(async () => {
    engine = await ensureEngine({ logFile: join(data, '../kubus-compose-dockerd.log') })
    networksBefore = await networks()
    await must(process.execPath, ['ops/build-image.mjs', '--tag', image])
    await compose('run', '--rm', 'init')
    const rules = [{ level: 'Metadata', verbs: ['publish'] }]
    const policy = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules }
    writeFileSync(join(data, 'audit-policy.yaml'), JSON.stringify(policy))
    await compose('up', '-d')
  }),
)

test.after(async () => {
  await cleanUp().catch(() => undefined)
  await docker.getImage(image).remove({ force: true })
  rmSync(data, { recursive: true, force: true })
  await engine?.stop()
})

test('two workers become ready nodes of three masters', async () => {
  const ready = await eventually(async () => {
    const lines = (await kubectl(['get', 'nodes', '--no-headers'])).trim().split('\n')
    return lines.length === 2 && lines.every((line) => / Ready /.test(line)) && lines
  }, 'two nodes are Ready')
  assert.equal(ready.map((line) => line.split(' ')[0]).sort(), ['worker-1', 'worker-2'])
  for (const master of [1, 2, 3] as const)
    await eventually(
      () => kubectl([throughMaster(master), 'get', '--raw', '/readyz']),
      `master ${master} is ready`,
    )
})

test('what a nats-server refuses is in the audit log of its master', async () => {
  const operator = { NATS_NKEY: join(data, 'nats/operator.nk'), NATS_CA: join(data, 'pki/ca.crt') }
  for (const master of [1, 2, 3]) {
    const subject = `$KV.kubus.core.secrets.default.forged-${master}`
    const url = `nats://127.0.0.1:${apiPort + 3 + master}`
    const options = { env: { ...operator, NATS_URL: url } }
    const { code } = await run(await natsCommand(), ['pub', subject, 'x'], options)
    assert.is.not(code, 0)
    const line = await eventually(() => {
      const text = readFileSync(join(data, `logs/audit-${apiPort + master - 1}.log`), 'utf8')
      return text.split('\n').find((each) => each.includes(subject))
    }, `the attempt at nats-${master} is written down`)
    assert.is(JSON.parse(line).user.username, 'system:bus-operator')
  }
})

test('an application answers at the address of its Service', async () => {
  await kubectl(['apply', '-f', 'examples/hello.yaml'])
  await kubectl(['rollout', 'status', 'deployment/hello', '--timeout=60s'])
  const address = await kubectl(['get', 'service', 'hello', '-o', 'jsonpath={.spec.clusterIP}'])
  const names = new Set<string>()
  await eventually(async () => {
    const answer = await fetch(`http://${address}/`, { headers: { connection: 'close' } })
    names.add(await answer.text())
    return names.size === 3
  }, 'each of the three pods has answered')
})

test('pods see what the kubelet mounts and what the host has', async () => {
  const folder = join(data, 'for-a-pod')
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'volumes' },
    spec: {
      restartPolicy: 'Never',
      containers: [
        {
          name: 'main',
          image: HELLO_IMAGE,
          command: [
            'sh',
            '-c',
            'cat /secret/key && touch /sub/made && grep " /memory " /proc/mounts',
          ],
          volumeMounts: [
            { name: 'secret', mountPath: '/secret' },
            { name: 'memory', mountPath: '/memory' },
            { name: 'host', mountPath: '/sub', subPath: 'sub' },
          ],
        },
      ],
      volumes: [
        { name: 'secret', secret: { secretName: 'kept' } },
        { name: 'memory', emptyDir: { medium: 'Memory' } },
        { name: 'host', hostPath: { path: folder, type: 'DirectoryOrCreate' } },
      ],
    },
  }
  await kubectl(['create', 'secret', 'generic', 'kept', '--from-literal=key=hidden'])
  await kubectl(['apply', '-f', '-'], JSON.stringify(pod))
  await kubectl([
    'wait',
    'pod/volumes',
    '--for=jsonpath={.status.phase}=Succeeded',
    '--timeout=30s',
  ])
  const output = await kubectl(['logs', 'volumes'])
  assert.match(output, /^hidden/)
  assert.match(output, /tmpfs \/memory /)
  assert.ok(existsSync(join(folder, 'sub/made')))
})

test('a killed nats-server stops no write, and runs again', async () => {
  const before = await statusOf('nats-1')
  assert.ok(before?.State.Pid)
  process.kill(before.State.Pid, 'SIGKILL')
  const names = Array.from({ length: 20 }, (_, index) => `after-${index}`)
  for (const name of names)
    await kubectl([throughMaster(2), 'create', 'configmap', name, '--request-timeout=30s'])
  const listed = await kubectl([throughMaster(3), 'get', 'configmaps', '-o', 'name'])
  for (const name of names) assert.match(listed, new RegExp(`^configmap/${name}$`, 'm'))
  await eventually(async () => {
    const after = await statusOf('nats-1')
    return after?.State.Running && after.State.Pid !== before.State.Pid
  }, 'nats-1 runs again')
})

test('pods outlive their kubelet and are taken over by the next', async () => {
  const pods = async () => {
    const columns = 'custom-columns=:.metadata.uid,:.status.containerStatuses[0].containerID'
    return kubectl(['get', 'pods', '-l', 'app=hello', '-o', columns])
  }
  const before = await pods()
  await compose('restart', 'worker-1', 'worker-2')
  await eventually(async () => {
    const lines = (await kubectl(['get', 'nodes', '--no-headers'])).trim().split('\n')
    return lines.every((line) => / Ready /.test(line))
  }, 'the nodes are Ready again')
  assert.is(await pods(), before)
})

test('down and cleanup leave nothing of it on this host', async () => {
  const id = clusterId()
  await compose('down')
  assert.ok((await podContainers()).length > 0, 'pods outlive down')
  await compose('run', '--rm', 'cleanup')
  assert.equal(await podContainers(), [])
  const services = { all: true, filters: { label: [`com.docker.compose.project=${project}`] } }
  assert.equal(await docker.listContainers(services), [])
  assert.equal(await networks(), networksBefore)
  assert.equal(await bridgesOf(id), [])
  assert.not.match(await must('nft', ['list', 'tables']), id)
  const mounts = parseMountPoints(readFileSync('/proc/self/mountinfo', 'utf8'))
  assert.equal(
    mounts.filter((path) => path.startsWith(data)),
    [],
  )
  assert.not.ok(existsSync(`/run/kubus/${id}`))
})

test.run()
