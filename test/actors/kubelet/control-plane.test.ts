import { pino } from 'pino'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startKubelet } from '../../../src/actors/kubelet/kubelet.ts'
import { Lease } from '../../../src/api/coordination/lease.ts'
import { Event } from '../../../src/api/core/event.ts'
import { Node } from '../../../src/api/core/node.ts'
import { Pod } from '../../../src/api/core/pod.ts'
import { createClient } from '../../../src/client/bus-client.ts'
import { createHollowRuntime } from '../../../src/node/hollow.ts'
import { createHollowVolumes } from '../../../src/node/hollow-volumes.ts'
import { sleep, systemClock } from '../../../src/std/clock.ts'
import { type ControlPlane, startControlPlane } from '../../support/control-plane.ts'

const test = suite('kubelet at a real apiserver')
const log = pino({ level: process.env['KUBUS_LOG'] ?? 'warn' })
let plane: ControlPlane

test.before(async () => {
  plane = await startControlPlane()
})
test.after(async () => {
  await plane.stop()
})

const until = async (what: string, isTrue: () => Promise<unknown>) => {
  for (let tries = 0; tries < 400; tries++) {
    if (await isTrue()) return
    await sleep(25)
  }
  assert.unreachable(`never: ${what}`)
}

test('registers, runs, reports and deletes as the apiserver wants it', async () => {
  const { bus } = plane
  const client = createClient({ bus, clock: systemClock, log })
  const kubelet = await startKubelet({
    bus,
    client,
    clock: systemClock,
    log,
    identity: 'host-1',
    version: '0.1.0',
    nodes: [
      {
        name: 'n1',
        runtime: createHollowRuntime({ node: 'n1' }),
        volumes: createHollowVolumes(),
        capacity: { cpu: '4', memory: '8Gi', 'ephemeral-storage': '100Gi', pods: '110' },
        addresses: { internalIP: '127.0.0.1', hostname: 'n1' },
      },
    ],
    options: { cluster: 'c1', clusterCidr: '10.64.0.0/16' },
  })
  await kubelet.ready
  await client.patch(Node, undefined, 'n1', 'merge', { spec: { podCIDR: '10.64.0.0/24' } })
  await until('the node is ready', async () => {
    const node = await client.get(Node, undefined, 'n1')
    return node.status?.conditions?.some(
      ({ type, status }) => type === 'Ready' && status === 'True',
    )
  })
  await client.create(Pod, {
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      nodeName: 'n1',
      containers: [
        { name: 'main', image: 'web:1', readinessProbe: { exec: { command: ['true'] } } },
      ],
    },
  } as never)
  await until('the pod is ready', async () => {
    const { status } = await client.get(Pod, 'default', 'web')
    return status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')
  })
  const { status } = await client.get(Pod, 'default', 'web')
  assert.is(status?.phase, 'Running')
  assert.equal(
    status?.conditions?.map(({ type }) => type),
    ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'],
  )
  const table = await plane.kubectl(['get', 'pods,nodes', '-A'])
  assert.match(table, /pod\/web +1\/1 +Running +0/)
  assert.match(table, /node\/n1 +Ready/)
  await until('the lease is renewed', async () =>
    client.get(Lease, 'kube-node-lease', 'n1').then(
      ({ spec }) => spec?.renewTime,
      () => false,
    ),
  )
  await until('events arrive', async () => {
    const { items } = await client.list(Event, { namespace: 'default' })
    return items.some(({ reason }) => reason === 'Started')
  })
  await plane.kubectl(['delete', 'pod', 'web', '--wait=true'])
  const left = await client.list(Pod, { namespace: 'default' })
  assert.is(left.items.length, 0)
  await kubelet.stop()
})

test.run()
