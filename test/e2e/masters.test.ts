/**
 * Three masters, and the death of each kind of process: what was acknowledged stays, what ran runs on.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { aloud } from '../support/aloud.ts'
import {
  type CommandOutput,
  eventually,
  startCluster,
  type TestCluster,
} from '../support/cluster.ts'
import {
  type Api,
  type ApiObject,
  apiOf,
  type BusWatch,
  CONFIG_MAPS,
  missingFrom,
  pause,
  processOf,
  startWatching,
  startWriters,
  watchLeaders,
} from '../support/outage.ts'

const MASTERS = 3
const COMPONENTS = ['scheduler', 'controllers', 'events']
const PODS = '/api/v1/namespaces/default/pods'
const WEB = '/apis/apps/v1/namespaces/default/deployments/web'
/** Leaders are replaced within 5 s on an intact NATS, 15 s where the stream's leader died; doubled for busy machines. */
const TAKE_OVER_MS = 10_000
const ELECTION_MS = 30_000

let cluster: TestCluster
let api: Api
let leaders: BusWatch
let ports: number[]

const listen = async () => {
  api?.close()
  await leaders?.stop()
  api = apiOf(cluster)
  leaders = await watchLeaders(cluster, MASTERS)
  await eventually(() => COMPONENTS.every((component) => leaders.leader(component)), 'leaders')
}

test.before(
  aloud(async () => {
    cluster = await startCluster(['--runtime', 'hollow', '--nodes', '3', '--masters', '3'])
    ports = [0, 1, 2].map((master) => cluster.apiPort + master)
    await listen()
  }),
)

test.after(async () => {
  api?.close()
  await leaders?.stop()
  await cluster?.stop()
})

const told = (what: string, ms: number) => console.log(`  ${what}: ${Math.round(ms)} ms`)

const processNamed = (name: string) => {
  const found = cluster.processes().find((process) => process.name === name)
  if (!found) throw new Error(`there is no process ${name}`)
  return found
}

interface StreamInfo {
  config: { num_replicas: number }
  cluster: { leader: string; replicas: { name: string; current: boolean; offline?: boolean }[] }
}

const streamInfo = async (stream: string) =>
  JSON.parse(await cluster.nats(['stream', 'info', stream, '--json'])) as StreamInfo

const listOf = async (port: number, path: string): Promise<ApiObject[]> => {
  const { code, body } = await api.ask<{ items: ApiObject[] }>(port, 'GET', path)
  if (code !== 200) throw new Error(`GET ${path}: ${code}`)
  return body.items
}

/** Asks the apiservers in turn until one does it. */
const anyway = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
  let at = 0
  return eventually(async () => {
    const answer = await api.ask<T>(ports[at++ % MASTERS]!, method, path, body)
    if (answer.code >= 500) throw new Error(`${method} ${path}: ${answer.code}`)
    return answer.code < 300 && answer.body
  }, `${method} ${path}`)
}

const isReady = ({ status }: ApiObject) =>
  status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false

/** The Deployment's pods once exactly `count` of them are ready and no other is there. */
const readyPods = (count: number) =>
  eventually(async () => {
    const pods = await anyway<{ items: ApiObject[] }>('GET', `${PODS}?labelSelector=app%3Dweb`)
    return pods.items.length === count && pods.items.every(isReady) && pods.items
  }, `${count} ready pods`)

const scale = (replicas: number) => anyway('PATCH', WEB, { spec: { replicas } })

/** The pods do not change in number for a while. */
const staysExact = async (count: number) => {
  for (let look = 0; look < 5; look++) {
    const pods = await listOf(ports[look % MASTERS]!, `${PODS}?labelSelector=app%3Dweb`)
    assert.is(pods.length, count)
    await pause(200)
  }
}

test('every master serves, the streams have three copies, each component has one leader', async () => {
  for (const stream of ['KV_kubus', 'KV_kubus_events']) {
    const { config, cluster: peers } = await eventually(async () => {
      const info = await streamInfo(stream)
      return info.cluster.replicas.every(({ current }) => current) && info
    }, `${stream} has its copies`)
    assert.is(config.num_replicas, 3)
    assert.equal([peers.leader, ...peers.replicas.map(({ name }) => name)].sort(), [
      'nats-1',
      'nats-2',
      'nats-3',
    ])
  }
  for (const [index, port] of ports.entries()) {
    const name = `from-${index}`
    const { code, body } = await api.ask<ApiObject>(port, 'POST', CONFIG_MAPS, {
      metadata: { name },
    })
    assert.is(code, 201)
    // What one acknowledged, every other shows at once.
    for (const other of ports) {
      const read = await api.ask<ApiObject>(other, 'GET', `${CONFIG_MAPS}/${name}`)
      assert.is(read.body.metadata.resourceVersion, body.metadata.resourceVersion)
      assert.ok((await listOf(other, CONFIG_MAPS)).some(({ metadata }) => metadata.name === name))
    }
  }
  for (const component of COMPONENTS) {
    const { holder } = leaders.leader(component)!
    const lease = `/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/${component}`
    await eventually(
      async () => (await anyway<ApiObject>('GET', lease)).spec?.holderIdentity === holder,
      `the Lease of ${component} names its leader`,
    )
  }
  const listing = await cluster.nats(['micro', 'ls', '--json'])
  const services = JSON.parse(listing) as { name: string }[]
  for (const name of ['apiserver', 'store', 'events', 'scheduler', 'controllers'])
    assert.is(services.filter((service) => service.name === name).length, MASTERS, name)
})

test('a Deployment runs, on every apiserver alike', async () => {
  const container = { name: 'c', image: 'example:1' }
  const labels = { app: 'web' }
  await anyway('POST', '/apis/apps/v1/namespaces/default/deployments', {
    metadata: { name: 'web' },
    spec: {
      replicas: 6,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container] } },
    },
  })
  await readyPods(6)
  await staysExact(6)
})

interface Outage {
  /** The name of the process to end. */
  victim: string
  /** Which leaders must be replaced. */
  deposes: readonly string[]
  takeOverMs: number
  replicas: number
}

let outages = 0

/** Kills a process under load and looks whether everything promised holds. */
const survive = async ({ victim, deposes, takeOverMs, replicas }: Outage) => {
  const before = processNamed(victim)
  const prefix = `o${++outages}`
  const podsBefore = await listOf(ports[0]!, `${PODS}?labelSelector=app%3Dweb`)
  const fences = deposes.map((component) => leaders.leader(component)!)
  const watching = await startWatching(api, ports, CONFIG_MAPS)
  const watchingPods = await startWatching(api, ports, PODS)
  const writers = startWriters(api, ports, { prefix, clients: 6, pauseMs: 5 })
  await eventually(() => writers.acknowledged.size > 50, 'writes')

  const killedAt = performance.now()
  process.kill(before.pid, 'SIGKILL')
  const acknowledgedThen = writers.acknowledged.size
  const scaled = scale(replicas).then(() => readyPods(replicas))
  await Promise.all([
    ...fences.map(async ({ component, fence }) => {
      const beat = await leaders.takeOver(component, fence)
      told(`${victim} killed, ${component} taken over`, beat.at - killedAt)
      assert.ok(beat.at - killedAt < takeOverMs, `${component} taken over in time`)
    }),
    eventually(() => writers.acknowledged.size > acknowledgedThen + 50, 'writes go on'),
  ])
  told(`${victim} killed, 50 writes acknowledged`, performance.now() - killedAt)
  const after = await eventually(() => {
    const found = cluster.processes().find(({ name }) => name === victim)
    return found && found.pid !== before.pid && found
  }, `${victim} runs again`)
  assert.is(after.restarts, before.restarts + 1)
  const pods = await scaled
  told(`${victim} killed, scaled to ${replicas}`, performance.now() - killedAt)

  await eventually(async () => {
    for (const port of ports) await listOf(port, CONFIG_MAPS)
    return true
  }, 'every apiserver answers')
  await writers.finish()
  for (const port of ports)
    assert.equal(missingFrom(await listOf(port, CONFIG_MAPS), writers.acknowledged), [])
  await eventually(
    () => [...writers.acknowledged.keys()].every((name) => watching.events.has(name)),
    'the watch tells of every write',
  )
  for (const name of writers.acknowledged.keys())
    assert.equal(watching.events.get(name), ['ADDED'], name)
  watching.stop()
  // However often a write's outcome was unknown, no pod was made only to be removed.
  const made = [...watchingPods.events].filter(([, types]) => types.includes('ADDED'))
  assert.is(made.length, Math.max(podsBefore.length, replicas), 'no pod too many was made')
  watchingPods.stop()
  const kept = new Set(podsBefore.map(({ metadata }) => metadata.uid))
  assert.is(
    pods.filter(({ metadata }) => kept.has(metadata.uid)).length,
    Math.min(podsBefore.length, replicas),
    'pods that ran run on',
  )
  assert.ok(
    pods.every(({ status }) => status?.containerStatuses?.every((c) => c.restartCount === 0)),
    'no container was restarted',
  )
  await staysExact(replicas)
  await allCurrent()
}

/** All copies of the state are up to date: the next death may come. */
const allCurrent = () =>
  eventually(async () => {
    const { cluster: peers } = await streamInfo('KV_kubus')
    return (
      peers.leader && peers.replicas.length === 2 && peers.replicas.every(({ current }) => current)
    )
  }, 'copies are current')

test('the nats-server that leads the stream dies', async () => {
  const victim = (await streamInfo('KV_kubus')).cluster.leader
  const watch = kubectlWatch()
  await survive({ victim, deposes: [], takeOverMs: ELECTION_MS, replicas: 9 })
  await watch.sees(`o${outages}-0`)
})

test('a nats-server that does not lead the stream dies', async () => {
  const victim = (await streamInfo('KV_kubus')).cluster.replicas[0]!.name
  await survive({ victim, deposes: [], takeOverMs: TAKE_OVER_MS, replicas: 5 })
})

test('the controllers process that leads dies', async () => {
  const victim = processOf(cluster, leaders.leader('controllers')!).name
  const deposes = ['scheduler', 'controllers'].filter(
    (component) => processOf(cluster, leaders.leader(component)!).name === victim,
  )
  const watch = kubectlWatch()
  await survive({ victim, deposes, takeOverMs: TAKE_OVER_MS, replicas: 8 })
  await watch.sees(`o${outages}-0`)
})

test('an apiserver dies, the one whose process publishes events', async () => {
  const victim = processOf(cluster, leaders.leader('events')!).name
  await survive({ victim, deposes: ['events'], takeOverMs: TAKE_OVER_MS, replicas: 6 })
})

test('the process of the nodes dies: its pods are found again or replaced', async () => {
  // A hollow node's containers die with its process; only their number is promised.
  const before = processNamed('nodes')
  const killedAt = performance.now()
  process.kill(before.pid, 'SIGKILL')
  await scale(7)
  await eventually(() => processNamed('nodes').pid !== before.pid, 'the nodes run again')
  await readyPods(7)
  told('nodes killed, scaled to 7', performance.now() - killedAt)
  await staysExact(7)
})

/** `kubectl get -w` through the first apiserver. */
const kubectlWatch = () => {
  const child = spawn(cluster.kubectlPath, ['get', 'configmaps', '-w', '--output-watch-events'], {
    env: { ...process.env, ...cluster.environment },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let heard = ''
  child.stdout.on('data', (data) => {
    heard += data
  })
  return {
    sees: async (name: string) => {
      await eventually(() => heard.includes(`${name} `), `kubectl get -w shows ${name}`)
      child.kill()
    },
  }
}

test('a deposed leader is refused by the store, steps down and goes on as a standby', async () => {
  const led = leaders.leader('controllers')!
  const old = processOf(cluster, led)
  process.kill(old.pid, 'SIGSTOP')
  const stoppedAt = performance.now()
  try {
    const scaled = scale(10)
    const beat = await leaders.takeOver('controllers', led.fence)
    told('controllers stopped, taken over', beat.at - stoppedAt)
    assert.ok(beat.at - stoppedAt < TAKE_OVER_MS)
    await scaled
    await readyPods(10)
    await pause(Math.max(0, 10_000 - (performance.now() - stoppedAt)))
    await scale(4)
  } finally {
    process.kill(old.pid, 'SIGCONT')
  }
  await readyPods(4)
  await staysExact(4)
  const now = leaders.leader('controllers')!
  assert.is.not(now.holder, led.holder)
  // It is there still, as a standby: when the new leader hands over, one of the others leads.
  assert.equal(processNamed(old.name), old)
  const status = await statuses('controllers')
  assert.is(status.filter(({ isLeading }) => isLeading).length, 1)
  assert.is(status.find(({ identity }) => identity === led.holder)?.isLeading, false)
})

interface ActorStatus {
  identity: string
  isLeading: boolean
}

/** What every replica of an actor says of itself. */
const statuses = async (actor: string): Promise<ActorStatus[]> => {
  const answers = await cluster.nats([
    'req',
    '--raw',
    `--replies=${MASTERS}`,
    `kubus.actor.${actor}.status`,
    '{}',
  ])
  return answers
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as ActorStatus)
}

test('a write with a fence that was taken since is refused with 409', async () => {
  const { fence } = leaders.leader('controllers')!
  const answer = await cluster.nats([
    'req',
    '--raw',
    '-H',
    `Kubus-Fence:controllers=${fence - 1}`,
    'kubus.api.create.configmaps.default',
    JSON.stringify({ metadata: { name: 'too-late' } }),
  ])
  const { code, details } = JSON.parse(answer) as {
    code: number
    details: { causes: { reason: string }[] }
  }
  assert.is(code, 409)
  assert.equal(
    details.causes.map(({ reason }) => reason),
    ['FenceLost'],
  )
})

test('a process that is told to stop hands over at once and ends soon', async () => {
  const names = [
    'nodes',
    'apiserver-2',
    'nats-2',
    processOf(cluster, leaders.leader('controllers')!).name,
  ]
  for (const name of names) {
    const { pid } = processNamed(name)
    const led = COMPONENTS.map((component) => leaders.leader(component)!).filter((beat) =>
      beat.holder.includes(`-${pid}-`),
    )
    const toldAt = performance.now()
    process.kill(pid, 'SIGTERM')
    const gone = eventually(() => !isAlive(pid), `${name} ends`).then(() =>
      told(`${name} stopped`, performance.now() - toldAt),
    )
    for (const { component, fence } of led) {
      const beat = await leaders.takeOver(component, fence)
      told(`${name} stopped, ${component} handed over`, beat.at - toldAt)
      assert.ok(beat.at - toldAt < 3_000)
    }
    await gone
    assert.ok(performance.now() - toldAt < 8_000, `${name} ends soon`)
    await eventually(() => processNamed(name).pid !== pid, `${name} runs again`)
    await allCurrent()
  }
  await readyPods(4)
})

/** A process that has ended but whose parent has not asked for its exit code is not alive. */
const isAlive = (pid: number) => {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

const up = async (what: string): Promise<CommandOutput> => {
  const startedAt = performance.now()
  const output = await cluster.kubus(['up', '--detach'])
  told(what, performance.now() - startedAt)
  assert.is(output.code, 0, output.stderr)
  await listen()
  return output
}

test('the supervisor dies: the cluster goes on, and the next start takes over from it', async () => {
  const before = cluster.processes()
  const written = await listOf(ports[0]!, CONFIG_MAPS)
  process.kill(processNamed('supervisor').pid, 'SIGKILL')
  await scale(5)
  await readyPods(5)
  assert.is((await cluster.kubus(['status'])).code, 0)
  await up('start after the supervisor died')
  await eventually(() => before.every(({ pid }) => !isAlive(pid)), 'nothing of it is left', 5_000)
  for (const port of ports) assert.equal(await listOf(port, CONFIG_MAPS), written)
  await readyPods(5)
})

test('the supervisor dies: kubus down ends what it left, and the state is there at the next start', async () => {
  const before = cluster.processes()
  const written = await listOf(ports[0]!, CONFIG_MAPS)
  process.kill(processNamed('supervisor').pid, 'SIGKILL')
  const downAt = performance.now()
  assert.is((await cluster.kubus(['down'])).code, 0)
  told('down after the supervisor died', performance.now() - downAt)
  await eventually(() => before.every(({ pid }) => !isAlive(pid)), 'nothing of it is left', 5_000)
  await up('start')
  for (const port of ports) assert.equal(await listOf(port, CONFIG_MAPS), written)
  await readyPods(5)
})

test('Ctrl-C stops everything in a moment', async () => {
  const before = cluster.processes()
  const stopAt = performance.now()
  process.kill(processNamed('supervisor').pid, 'SIGINT')
  await eventually(() => before.every(({ pid }) => !isAlive(pid)), 'everything ends')
  told('Ctrl-C', performance.now() - stopAt)
  assert.ok(performance.now() - stopAt < 10_000)
})

test.run()
