/** Decisions over whole snapshots: evenness, determinism, never over-committing, explaining refusals. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { explainRefusals } from '../../../src/actors/scheduler/explain.ts'
import { plugins } from '../../../src/actors/scheduler/plugins/default-profile.ts'
import { createPodClasses } from '../../../src/actors/scheduler/pod-class.ts'
import { podInfo } from '../../../src/actors/scheduler/pod-info.ts'
import { nodesToFind, schedule } from '../../../src/actors/scheduler/schedule.ts'
import { Snapshot } from '../../../src/actors/scheduler/snapshot.ts'
import { type NodeBuilder, node, type PodBuilder, pod, service } from '../../support/build.ts'
import { memoryCache } from '../../support/memory-cache.ts'

/** Schedules pods one after the other; returns where each went, or why not. */
const world = (nodes: NodeBuilder[], ...objects: { object: never }[]) => {
  const cache = memoryCache(...objects.map(({ object }) => object))
  const snapshot: Snapshot = new Snapshot((info, at, delta) => classes.observe(info, at, delta))
  const classes = createPodClasses(plugins, () => snapshot, cache)
  for (const one of nodes) snapshot.setNode(one.object)
  let start = 0
  const place = ({ object }: PodBuilder): string => {
    const info = podInfo(object)
    const decision = schedule(classes.of(info), snapshot, start)
    start = decision.nextStart
    if (!('node' in decision))
      return explainRefusals(decision.refusals, object.spec?.preemptionPolicy)
    snapshot.assume(info, decision.node.name)
    return decision.node.name
  }
  return { snapshot, place }
}

const many = (count: number, prefix = 'n') =>
  Array.from({ length: count }, (_, index) => node(`${prefix}${index}`))

const podsPerNode = (snapshot: Snapshot) => snapshot.order.map(({ pods }) => pods.size)

test('a thousand replicas spread evenly over fifty nodes', () => {
  const { snapshot, place } = world(many(50))
  for (let index = 0; index < 1000; index++) place(pod(`p${index}`).cpu('10m').memory('10Mi'))
  const counts = podsPerNode(snapshot)
  assert.is(Math.min(...counts), 20)
  assert.is(Math.max(...counts), 20)
})

test('replicas of a service spread evenly although the nodes differ in load', () => {
  const nodes = many(50).map((one, index) => one.offers({ cpu: index % 2 ? '8' : '16' }))
  const web = service('web').selects({ app: 'web' })
  const { snapshot, place } = world(nodes, web as never)
  for (let index = 0; index < 1000; index++)
    place(pod(`p${index}`).cpu('10m').labels({ app: 'web' }))
  const counts = podsPerNode(snapshot)
  assert.ok(Math.min(...counts) >= 19 && Math.max(...counts) <= 21, counts.join(' '))
})

test('the same input gives the same placements', () => {
  const run = () => {
    const { place } = world(many(130).map((one, index) => one.zone(`z${index % 3}`)))
    return Array.from({ length: 200 }, (_, index) => place(pod(`p${index}`).cpu('100m'))).join()
  }
  assert.is(run(), run())
})

test('no node is ever over-committed, whatever comes and goes', () => {
  let seed = 7
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed % below
  }
  const { snapshot, place } = world(many(12).map((one) => one.offers({ cpu: '2', pods: '9' })))
  const placed: string[] = []
  for (let index = 0; index < 600; index++) {
    const candidate = pod(`p${index}`).cpu(`${100 + random(9) * 100}m`)
    if (place(candidate).startsWith('n')) placed.push(candidate.object.metadata.uid)
    if (random(3) === 0) snapshot.removePod(placed.splice(random(placed.length), 1)[0] ?? '')
    for (const { requested, allocatable, pods, podsMax } of snapshot.order) {
      assert.ok(requested.cpuMillis <= allocatable.cpuMillis)
      assert.ok(pods.size <= podsMax)
    }
  }
})

test('the sums of a node equal a fresh count after random changes', () => {
  const { snapshot, place } = world(many(5))
  for (let index = 0; index < 50; index++)
    place(
      pod(`p${index}`)
        .cpu(`${index}m`)
        .hostPort(1000 + index),
    )
  for (let index = 0; index < 50; index += 3)
    snapshot.removePod(pod(`p${index}`).object.metadata.uid)
  for (const { requested, pods, usedPorts } of snapshot.order) {
    const fresh = [...pods.values()].reduce((sum, info) => sum + info.requests.cpuMillis, 0)
    assert.is(requested.cpuMillis, fresh)
    assert.is(usedPorts.size, pods.size)
  }
})

test('refusals are told in the words and order of kube-scheduler', () => {
  const { place } = world([
    node('n1').taint('dedicated', 'NoSchedule', 'gpu'),
    node('n2').offers({ cpu: '1' }),
    node('n3').offers({ cpu: '1' }),
  ])
  assert.is(place(pod('a').cpu('600m')), 'n2')
  assert.is(place(pod('b').cpu('600m')), 'n3')
  assert.is(
    place(pod('c').cpu('600m')),
    '0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. ' +
      'no new claims to deallocate, preemption: 0/3 nodes are available: ' +
      '1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod.',
  )
  assert.is(
    place(pod('d').cpu('64').memory('1Ti')),
    '0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu, ' +
      '2 Insufficient memory. no new claims to deallocate, preemption: 0/3 nodes are available: ' +
      '3 Preemption is not helpful for scheduling.',
  )
})

test('a cluster without nodes says so', () => {
  assert.is(world([]).place(pod()), 'no nodes available to schedule pods')
})

test('a pod that names its node by a field tries that node only', () => {
  const named = (name: string) =>
    pod('d').spec({
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              { matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }] },
            ],
          },
        },
      },
    })
  const { place } = world(many(3))
  assert.is(place(named('n2')), 'n2')
  assert.is(
    place(named('n2').meta({ uid: 'other' }).cpu('64')),
    "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) " +
      '[NodeAffinity]. no new claims to deallocate, preemption: 0/3 nodes are available: ' +
      '3 Preemption is not helpful for scheduling.',
  )
})

test('a sample of large clusters is scored, never fewer than a hundred nodes', () => {
  assert.equal([50, 100, 1000, 5000, 15000].map(nodesToFind), [50, 100, 420, 500, 750])
})

test('a pod that became assumed and is then seen is counted once', () => {
  const { snapshot, place } = world(many(1))
  const one = pod('a').cpu('1')
  place(one)
  assert.ok(snapshot.isAssumed(one.object.metadata.uid))
  snapshot.setPod(one.on('n0').object)
  assert.not.ok(snapshot.isAssumed(one.object.metadata.uid))
  assert.is(snapshot.order[0]?.requested.cpuMillis, 1000)
  snapshot.setPod(one.on('n0').status({ phase: 'Succeeded' }).object)
  assert.is(snapshot.order[0]?.requested.cpuMillis, 0)
})

test.run()
