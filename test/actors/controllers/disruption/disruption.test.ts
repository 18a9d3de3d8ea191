/**
 * The status of disruption budgets, and conditions that have gone stale.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { disruption } from '../../../../src/actors/controllers/disruption/disruption.ts'
import { staleDisruption } from '../../../../src/actors/controllers/disruption/stale-disruption.ts'
import { Deployment } from '../../../../src/api/apps/deployment.ts'
import { ReplicaSet } from '../../../../src/api/apps/replica-set.ts'
import { Event } from '../../../../src/api/core/event.ts'
import { Pod } from '../../../../src/api/core/pod.ts'
import type { KubernetesObject } from '../../../../src/api/meta.ts'
import { PodDisruptionBudget } from '../../../../src/api/policy/pod-disruption-budget.ts'
import { timestamp } from '../../../../src/std/clock.ts'
import type { MemoryClient } from '../../../support/memory-client.ts'
import { createWorld, type World } from '../world.ts'

const metadata = (name: string, more: object = {}) => ({
  name,
  namespace: 'n',
  uid: `uid-${name}`,
  creationTimestamp: '2026-01-01T00:00:00Z',
  ...more,
})
const owner = (kind: string, name: string, apiVersion = 'apps/v1') => ({
  ownerReferences: [{ apiVersion, kind, name, uid: `uid-${name}`, controller: true }],
})
const podOf = (name: string, isReady = true, more: object = {}) =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadata(name, { labels: { app: 'a' }, ...more }),
    spec: { containers: [] },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
    },
  }) as unknown as Pod
const budgetOf = (spec: object, status?: object) =>
  ({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadata('budget', { generation: 1 }),
    spec: { selector: { matchLabels: { app: 'a' } }, ...spec },
    ...(status ? { status } : {}),
  }) as unknown as PodDisruptionBudget
const workload = (
  kind: typeof ReplicaSet | typeof Deployment,
  name: string,
  replicas: number,
  more = {},
) =>
  ({
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata: metadata(name, more),
    spec: { replicas },
  }) as unknown as KubernetesObject

const worldOf = async (...objects: KubernetesObject[]): Promise<World> => {
  let client: MemoryClient | undefined
  const scales = {
    replicas: (...asked: Parameters<MemoryClient['replicas']>) => client!.replicas(...asked),
  }
  const world = createWorld([disruption({ client: scales as MemoryClient })], ...objects)
  client = world.client
  await world.clock.advance(100)
  return world
}
const statusOf = ({ cache }: World) => {
  const { conditions = [], ...status } = cache.get(PodDisruptionBudget, 'n', 'budget')!.status!
  return { ...status, conditions: conditions.map(({ status, reason }) => [status, reason]) }
}

test('a number of pods that must stay needs no controllers', async () => {
  const world = await worldOf(
    budgetOf({ minAvailable: 1 }),
    podOf('a'),
    podOf('b'),
    podOf('c', false),
  )
  assert.equal(statusOf(world), {
    observedGeneration: 1,
    disruptionsAllowed: 1,
    currentHealthy: 2,
    desiredHealthy: 1,
    expectedPods: 3,
    conditions: [['True', 'SufficientPods']],
  })
  world.cache.put(podOf('b', false))
  await world.clock.advance(100)
  assert.equal(statusOf(world).conditions, [['False', 'InsufficientPods']])
  assert.is(statusOf(world).disruptionsAllowed, 0)
})

test('shares are of what the controllers of the pods want, Deployments before their ReplicaSets', async () => {
  const world = await worldOf(
    budgetOf({ maxUnavailable: '30%' }),
    workload(Deployment, 'web', 7),
    workload(ReplicaSet, 'web-1', 3, owner('Deployment', 'web')),
    workload(ReplicaSet, 'lone', 3),
    podOf('a', true, owner('ReplicaSet', 'web-1')),
    podOf('b', true, owner('ReplicaSet', 'web-1')),
    podOf('c', true, owner('ReplicaSet', 'lone')),
  )
  const { expectedPods, desiredHealthy, currentHealthy, disruptionsAllowed } = statusOf(world)
  assert.equal([expectedPods, desiredHealthy, currentHealthy, disruptionsAllowed], [10, 7, 3, 0])
})

test('custom objects are asked for their scale', async () => {
  const world = await worldOf(budgetOf({ minAvailable: '50%' }))
  const definition = { group: 'x.dev', plural: 'things', kind: 'Thing', namespaced: true }
  world.cache.kinds.define(definition)
  const thing = {
    apiVersion: 'x.dev/v1',
    kind: 'Thing',
    metadata: metadata('thing'),
    spec: { replicas: 5 },
  } as unknown as KubernetesObject
  world.cache.put(thing)
  world.cache.put(podOf('a', true, owner('Thing', 'thing', 'x.dev/v1')))
  await world.clock.advance(100)
  const { expectedPods, desiredHealthy } = statusOf(world)
  assert.equal([expectedPods, desiredHealthy], [5, 3])
})

test('where the pods cannot be counted nothing may be evicted, and the budget says why', async () => {
  const world = await worldOf(
    budgetOf({ maxUnavailable: 1 }, { disruptionsAllowed: 1 }),
    podOf('a', true, owner('ReplicaSet', 'gone')),
  )
  const { status } = world.cache.get(PodDisruptionBudget, 'n', 'budget')!
  assert.is(status!.disruptionsAllowed, 0)
  const [condition] = status!.conditions!
  assert.equal(
    [condition!.status, condition!.reason, condition!.message],
    ['False', 'SyncFailed', 'found no controllers for pod "a"'],
  )
  world.cache.put(podOf('a', true, owner('Job', 'job', 'batch/v1')))
  await world.clock.advance(100)
  const reasons = world.cache.list(Event).map(({ reason }) => reason)
  assert.ok(reasons.includes('CalculateExpectedPodCountFailed'))
})

test('what an eviction was granted counts until the pod is gone, or two minutes', async () => {
  const world = await worldOf(podOf('a'), podOf('b'))
  const now = timestamp(world.clock.now())
  world.cache.put(budgetOf({ minAvailable: 1 }, { disruptedPods: { a: now, gone: now } }))
  await world.clock.advance(100)
  assert.equal(statusOf(world).disruptedPods, { a: now })
  assert.is(statusOf(world).currentHealthy, 1)
  await world.clock.advance(121_000)
  assert.is(statusOf(world).disruptedPods, undefined)
  assert.is(statusOf(world).currentHealthy, 2)
  const reasons = world.cache.list(Event).map(({ reason }) => reason)
  assert.ok(reasons.includes('NotDeleted'))
})

test('a pod that was to be disrupted and was not is free again after two minutes', async () => {
  const target = { type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }
  const world = createWorld([staleDisruption])
  const pod = podOf('a')
  const lastTransitionTime = timestamp(world.clock.now())
  pod.status!.conditions!.push({ ...target, lastTransitionTime } as never)
  world.cache.put(pod)
  const conditionOf = () =>
    world.cache
      .get(Pod, 'n', 'a')!
      .status!.conditions!.find(({ type }) => type === 'DisruptionTarget')!
  await world.clock.advance(110_000)
  assert.is(conditionOf().status, 'True')
  await world.clock.advance(20_000)
  assert.is(conditionOf().status, 'False')
})

test.run()
