/** Two schedulers against a real nats-server, store and apiserver: one leads, the other takes over. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startScheduler } from '../../../src/actors/scheduler/scheduler.ts'
import { Event } from '../../../src/api/core/event.ts'
import { Node } from '../../../src/api/core/node.ts'
import { Pod } from '../../../src/api/core/pod.ts'
import type { Bus } from '../../../src/bus/bus.ts'
import { connectBus } from '../../../src/bus/nats-bus.ts'
import { createClient } from '../../../src/client/bus-client.ts'
import type { Client } from '../../../src/client/client.ts'
import { openCache, type StreamCache } from '../../../src/client/stream-cache.ts'
import { sleep, systemClock } from '../../../src/std/clock.ts'
import { rootLog } from '../../../src/std/log.ts'
import { node, pod } from '../../support/build.ts'
import { type ControlPlane, startControlPlane } from '../../support/control-plane.ts'

const log = rootLog.child({}, { level: 'warn' })
const clock = systemClock
const NODES = 5

interface Replica {
  bus: Bus
  cache: StreamCache
  client: Client
  stop(): Promise<void>
}

let plane: ControlPlane
const replicas: Replica[] = []

const startReplica = async (identity: string): Promise<Replica> => {
  const { bus, streams } = await connectBus({
    servers: [plane.nats.url],
    name: identity,
    log,
    clock,
  })
  const cache = await openCache({ streams, clock, log })
  const client = createClient({ bus, clock, log })
  const scheduler = await startScheduler({
    bus,
    cache,
    client,
    clock,
    log,
    identity,
    version: '0.1.0',
  })
  await scheduler.ready
  let stopped: Promise<void> | undefined
  const stop = async () => {
    await scheduler.stop()
    await cache.stop()
    await bus.drain()
  }
  return { bus, cache, client, stop: () => (stopped ??= stop()) }
}

const until = async (what: () => boolean) => {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (what()) return
    await sleep(50)
  }
  throw new Error('it did not happen')
}

/** What a client sends: no uid, revision or status. */
const draft = ({ object }: { object: Pod }) => ({
  ...object,
  metadata: { name: object.metadata.name, namespace: 'default' },
})

test.before(async () => {
  plane = await startControlPlane()
  replicas.push(await startReplica('one'), await startReplica('two'))
  const { client } = replicas[1] as Replica
  for (let index = 0; index < NODES; index++) {
    const { object } = node(`n${index}`)
    await client.create(Node, { ...object, metadata: { name: object.metadata.name } })
    const made = await client.get(Node, undefined, object.metadata.name)
    // There is no controller to find the node ready.
    const spec = { ...made.spec, taints: [] }
    const ready = await client.update(Node, { ...made, spec })
    await client.updateStatus(Node, { ...ready, status: object.status })
  }
})

test.after(async () => {
  for (const replica of replicas) await replica.stop()
  await plane.stop()
})

test('pods are spread over the nodes, each bound once', async () => {
  const { client, cache } = replicas[1] as Replica
  const names = Array.from({ length: 100 }, (_, index) => `p${index}`)
  await Promise.all(names.map((name) => client.create(Pod, draft(pod(name).cpu('10m')))))
  const bound = () => cache.list(Pod).filter(({ spec }) => spec?.nodeName)
  await until(() => bound().length === 100)
  const counts = new Map<string, number>()
  for (const { spec } of bound())
    counts.set(spec?.nodeName ?? '', (counts.get(spec?.nodeName ?? '') ?? 0) + 1)
  assert.equal([...counts.values()], Array(NODES).fill(20))
  const scheduled = bound()[0]?.status?.conditions?.find(({ type }) => type === 'PodScheduled')
  assert.is(scheduled?.status, 'True')
})

test('a pod nobody can take is told why', async () => {
  const { client, cache } = replicas[1] as Replica
  await client.create(Pod, draft(pod('huge').cpu('64')))
  await until(() => cache.get(Pod, 'default', 'huge')?.status?.conditions?.[0] !== undefined)
  const condition = cache.get(Pod, 'default', 'huge')?.status?.conditions?.[0]
  assert.is(condition?.reason, 'Unschedulable')
  assert.match(condition?.message ?? '', '0/5 nodes are available: 5 Insufficient cpu.')
  await until(() => cache.list(Event).some(({ reason }) => reason === 'FailedScheduling'))
})

test('the other takes over when the leader stops', async () => {
  await replicas[0]?.stop()
  const { client, cache } = replicas[1] as Replica
  await client.create(Pod, draft(pod('late').cpu('10m')))
  await until(() => cache.get(Pod, 'default', 'late')?.spec?.nodeName !== undefined)
})

test.run()
