import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createControllerGroup } from '../../../../src/actors/controllers/group.ts'
import { nodeIpam } from '../../../../src/actors/controllers/nodes/node-ipam.ts'
import {
  BEATS_ON_BUS,
  nodeLifecycle,
} from '../../../../src/actors/controllers/nodes/node-lifecycle.ts'
import { taintEviction } from '../../../../src/actors/controllers/nodes/taint-eviction.ts'
import { wantedTaints } from '../../../../src/actors/controllers/nodes/taints.ts'
import { Event } from '../../../../src/api/core/event.ts'
import { Node } from '../../../../src/api/core/node.ts'
import { Pod } from '../../../../src/api/core/pod.ts'
import type { KubernetesObject } from '../../../../src/api/meta.ts'
import { memoryNetwork } from '../../../../src/bus/memory-bus.ts'
import { subjectsFor } from '../../../../src/bus/subjects.ts'
import { timestamp } from '../../../../src/std/clock.ts'
import { rootLog } from '../../../../src/std/log.ts'
import { memoryCache } from '../../../support/memory-cache.ts'
import { memoryClient } from '../../../support/memory-client.ts'
import { virtualClock } from '../../../support/virtual-clock.ts'
import { aNode, aPod, T0 } from '../objects.ts'

const setUp = (...objects: KubernetesObject[]) => {
  const clock = virtualClock(T0)
  const bus = memoryNetwork(clock, rootLog)()
  const cache = memoryCache(...objects)
  const client = memoryClient(cache, clock.now)
  const lifecycle = nodeLifecycle({ bus, clock, busGraceMs: 4000, statusGraceMs: 50_000 })
  const group = createControllerGroup([lifecycle, taintEviction], {
    cache,
    client,
    clock,
    log: rootLog,
  })
  group.lead({ component: 'controllers', revision: 1 })
  const beat = (node: string) => bus.publish(subjectsFor(bus.prefix).nodeHeartbeat(node), { node })
  return { clock, bus, cache, client, group, beat }
}
type World = ReturnType<typeof setUp>

const beatFor = async ({ clock, beat }: World, node: string, count: number) => {
  for (let i = 0; i < count; i++) {
    beat(node)
    await clock.advance(1000)
  }
}
const ready = ({ cache }: World, name: string) =>
  cache.get(Node, undefined, name)!.status!.conditions!.find(({ type }) => type === 'Ready')!
const taints = ({ cache }: World, name: string) =>
  (cache.get(Node, undefined, name)!.spec!.taints ?? []).map(
    ({ key, effect }) => `${key}:${effect}`,
  )
const podReady = ({ cache }: World, name: string) =>
  cache.get(Pod, 'default', name)!.status!.conditions!.find(({ type }) => type === 'Ready')!.status

test('a node that beats stays ready, and it is remembered that it beats on the bus', async () => {
  const world = setUp(aNode('n1'))
  await world.clock.advance(10)
  await beatFor(world, 'n1', 100)
  assert.is(ready(world, 'n1').status, 'True')
  assert.is(world.cache.get(Node, undefined, 'n1')!.metadata.annotations![BEATS_ON_BUS], 'bus')
  assert.is(world.client.calls.length, 1)
  await world.group.stop()
})

test('after four missed beats the node is unknown and tainted, its pods are not ready', async () => {
  const world = setUp(aNode('n1'), aPod('a', { node: 'n1', ready: true }))
  await world.clock.advance(10)
  await beatFor(world, 'n1', 3)
  await world.clock.advance(2900)
  assert.is(ready(world, 'n1').status, 'True')
  await world.clock.advance(300)
  assert.equal(
    [ready(world, 'n1').status, ready(world, 'n1').reason, ready(world, 'n1').message],
    ['Unknown', 'NodeStatusUnknown', 'Kubelet stopped posting node status.'],
  )
  assert.equal(taints(world, 'n1'), [
    'node.kubernetes.io/unreachable:NoSchedule',
    'node.kubernetes.io/unreachable:NoExecute',
  ])
  assert.is(world.client.calls.includes('patch Pod default/a/status fence=1'), true)
  await world.clock.advance(100)
  const reasons = world.cache.list(Event).map(({ reason, message }) => `${reason}: ${message}`)
  assert.ok(reasons.includes('NodeNotReady: Node n1 status is now: NodeNotReady'))
  await world.group.stop()
})

test('pods leave a dead node when their toleration ends, and taints go when it is back', async () => {
  const tolerations = [
    {
      key: 'node.kubernetes.io/unreachable',
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 300,
    },
  ]
  const world = setUp(
    aNode('n1', { metadata: { annotations: { [BEATS_ON_BUS]: 'bus' } } }),
    aPod('a', { node: 'n1', ready: true, spec: { tolerations } }),
    aPod('b', { node: 'n1', ready: true, spec: { tolerations: [{ operator: 'Exists' }] } }),
  )
  await world.clock.advance(4500)
  assert.equal([podReady(world, 'a'), podReady(world, 'b')], ['False', 'False'])
  await world.clock.advance(290_000)
  assert.is(world.cache.get(Pod, 'default', 'a')!.metadata.deletionTimestamp, undefined)
  await world.clock.advance(12_000)
  assert.ok(world.cache.get(Pod, 'default', 'a')!.metadata.deletionTimestamp)
  assert.is(world.cache.get(Pod, 'default', 'b')!.metadata.deletionTimestamp, undefined)
  world.beat('n1')
  const node = world.cache.get(Node, undefined, 'n1')!
  world.cache.put({ ...node, status: aNode('n1').status! } as Node)
  await world.clock.advance(1000)
  assert.equal(taints(world, 'n1'), [])
  await world.group.stop()
})

test('a node that never beats on the bus is judged by the heartbeats it writes', async () => {
  const world = setUp(aNode('sim'))
  for (let i = 0; i < 6; i++) {
    await world.clock.advance(20_000)
    const node = world.cache.get(Node, undefined, 'sim')!
    const conditions = node.status!.conditions!.map((condition) => ({
      ...condition,
      lastHeartbeatTime: timestamp(world.clock.now()),
    }))
    world.cache.put({ ...node, status: { ...node.status, conditions } } as Node)
  }
  assert.is(ready(world, 'sim').status, 'True')
  await world.clock.advance(49_000)
  assert.is(ready(world, 'sim').status, 'True')
  await world.clock.advance(2000)
  assert.is(ready(world, 'sim').status, 'Unknown')
  await world.group.stop()
})

test('taints follow the conditions, and those of others stay', () => {
  const own = { key: 'gpu', effect: 'NoSchedule' }
  const node = aNode('n1', { ready: 'False', spec: { unschedulable: true, taints: [own] } })
  assert.equal(
    wantedTaints(node, T0)!.map(({ key, effect }) => `${key}:${effect}`),
    [
      'gpu:NoSchedule',
      'node.kubernetes.io/not-ready:NoSchedule',
      'node.kubernetes.io/unschedulable:NoSchedule',
      'node.kubernetes.io/not-ready:NoExecute',
    ],
  )
  assert.is(wantedTaints(aNode('n1'), T0), undefined)
  assert.equal(
    wantedTaints(
      aNode('n1', {
        spec: { taints: [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }] },
      }),
      T0,
    ),
    [],
  )
})

test('each node gets a range of its own, and a freed one is used again', async () => {
  const ipam = nodeIpam({ clusterCidr: '10.244.0.0/16', nodeMask: 24 })
  const clock = virtualClock(T0)
  const cache = memoryCache(aNode('a'), aNode('b'), aNode('c'))
  const group = createControllerGroup([ipam], {
    cache,
    client: memoryClient(cache),
    clock,
    log: rootLog,
  })
  group.lead({ component: 'controllers', revision: 1 })
  await clock.advance(100)
  const ranges = () => cache.list(Node).map(({ spec }) => spec!.podCIDR)
  assert.equal(ranges(), ['10.244.0.0/24', '10.244.1.0/24', '10.244.2.0/24'])
  cache.remove(cache.get(Node, undefined, 'b')!)
  cache.put(aNode('d'))
  await clock.advance(100)
  assert.equal(ranges(), ['10.244.0.0/24', '10.244.2.0/24', '10.244.1.0/24'])
  await group.stop()
})

test.run()
