import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { deployment } from '../../../../src/actors/controllers/deployment/deployment.ts'
import { show } from '../../../../src/actors/controllers/plan.ts'
import { replicaSet } from '../../../../src/actors/controllers/replicaset.ts'
import { Deployment } from '../../../../src/api/apps/deployment.ts'
import { ReplicaSet } from '../../../../src/api/apps/replica-set.ts'
import { Event } from '../../../../src/api/core/event.ts'
import { memoryCache } from '../../../support/memory-cache.ts'
import { aDeployment, aReplicaSet, ownedBy, podTemplate, seconds, T0 } from '../objects.ts'
import { createWorld, pods, seeded, stepPod, type World } from '../world.ts'

const reconcile = (found: Deployment, sets: ReplicaSet[], now = T0) =>
  deployment.reconcile(found, 'default/web', memoryCache(found, ...sets), now)

const settle = async (world: World) => {
  for (let i = 0; i < 40; i++) {
    await world.clock.advance(1000)
    for (const pod of pods(world)) if (needsStep(pod)) stepPod(world, pod)
  }
}
const needsStep = (pod: ReturnType<typeof pods>[number]) =>
  pod.metadata.deletionTimestamp !== undefined || pod.status?.phase !== 'Running'

const get = ({ cache }: World) => cache.get(Deployment, 'default', 'web')!
const sets = ({ cache }: World) =>
  cache.list(ReplicaSet).sort((one, other) => revision(one) - revision(other))
const revision = ({ metadata }: ReplicaSet) =>
  Number(metadata.annotations!['deployment.kubernetes.io/revision'])
const conditions = (found: Deployment) =>
  found.status!.conditions!.map(({ type, status, reason }) => `${type}=${status} ${reason}`)
const change = (world: World, spec: object) => {
  const found = get(world)
  world.cache.put({
    ...found,
    metadata: { ...found.metadata, generation: found.metadata.generation! + 1 },
    spec: { ...found.spec!, ...spec },
  } as Deployment)
}
const messages = ({ cache }: World) =>
  cache
    .list(Event)
    .filter(({ source }) => source!.component === 'deployment-controller')
    .map(({ reason, message }) => `${reason}: ${message}`.replace(/-[^- ]{10} /, '-HASH '))

test('a new Deployment gets a ReplicaSet of its template, and the condition that says so', () => {
  const plan = reconcile(aDeployment('web', 3), [])
  const [create, status, annotate] = plan.commands
  const set = create!.object as unknown as ReplicaSet
  const hash = set.metadata.labels!['pod-template-hash']!
  assert.match(hash, /^[a-z0-9]{10}$/)
  assert.is(set.metadata.name, `web-${hash}`)
  assert.is(set.spec!.replicas, 3)
  assert.equal(set.spec!.selector.matchLabels, { app: 'web', 'pod-template-hash': hash })
  assert.equal(set.spec!.template!.metadata!.labels, { app: 'web', 'pod-template-hash': hash })
  assert.equal(set.metadata.annotations, {
    'deployment.kubernetes.io/revision': '1',
    'deployment.kubernetes.io/desired-replicas': '3',
    'deployment.kubernetes.io/max-replicas': '4',
  })
  assert.equal(conditions(status!.object as Deployment), ['Progressing=True NewReplicaSetCreated'])
  assert.is(
    show({ commands: [annotate!] }),
    'patch Deployment web/status {"metadata":{"annotations":{"deployment.kubernetes.io/revision":"1"}}}',
  )
})

test('adopts a ReplicaSet that it selects', () => {
  const found = aDeployment('web', 1)
  const orphan = aReplicaSet('web-1', 1, { metadata: { labels: { app: 'web' } } })
  assert.match(show(reconcile(found, [orphan])), /^patch ReplicaSet web-1 .*"controller":true/)
})

test('a name that another ReplicaSet has raises the collision count', () => {
  const found = aDeployment('web', 1)
  const name = reconcile(found, []).commands[0]!.object.metadata.name!
  const taken = aReplicaSet(name, 1, { metadata: { labels: { app: 'other' } } })
  const [command] = reconcile(found, [taken]).commands
  assert.is((command!.object as Deployment).status!.collisionCount, 1)
  const again = { ...found, status: { collisionCount: 1 } }
  assert.is.not(reconcile(again, [taken]).commands[0]!.object.metadata.name, name)
})

test('a selector that selects everything is refused', () => {
  const plan = reconcile(aDeployment('web', 1, { spec: { selector: {} } }), [])
  assert.match(show(plan), /Warning SelectingAll: This deployment is selecting all pods/)
})

test('a stuck rollout exceeds its deadline, and is looked at when it would', () => {
  const status = {
    observedGeneration: 1,
    replicas: 1,
    updatedReplicas: 1,
    unavailableReplicas: 1,
    conditions: [
      {
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
      },
      {
        type: 'Progressing',
        status: 'True',
        reason: 'ReplicaSetUpdated',
        lastUpdateTime: seconds(0),
      },
    ],
  }
  const found = aDeployment('web', 1, {
    metadata: { annotations: { 'deployment.kubernetes.io/revision': '1' } },
    spec: {
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } },
    },
    status,
  })
  const annotations = {
    'deployment.kubernetes.io/revision': '1',
    'deployment.kubernetes.io/desired-replicas': '1',
    'deployment.kubernetes.io/max-replicas': '2',
  }
  const set = aReplicaSet('web-1', 1, {
    metadata: { ...ownedBy(found), labels: { app: 'web' }, annotations },
    status: { replicas: 1, observedGeneration: 1 },
  })
  assert.is(show(reconcile(found, [set], T0 + 5000)), 'requeue 596000')
  const plan = reconcile(found, [set], T0 + 601_000)
  assert.equal(conditions(plan.commands[0]!.object as Deployment), [
    'Available=True MinimumReplicasAvailable',
    'Progressing=False ProgressDeadlineExceeded',
  ])
})

test('a rollout ends with the new revision, its events and conditions', async () => {
  const world = createWorld([deployment, replicaSet], aDeployment('web', 3))
  await settle(world)
  assert.is(pods(world).length, 3)
  assert.equal(conditions(get(world)), [
    'Available=True MinimumReplicasAvailable',
    'Progressing=True NewReplicaSetAvailable',
  ])
  change(world, { template: podTemplate({ app: 'web' }, 'web:2') })
  await settle(world)
  assert.equal(
    sets(world).map(({ spec }) => spec!.replicas),
    [0, 3],
  )
  assert.is(get(world).metadata.annotations!['deployment.kubernetes.io/revision'], '2')
  assert.equal(
    pods(world).map(({ spec }) => spec!.containers[0]!.image),
    ['web:2', 'web:2', 'web:2'],
  )
  const { conditions: _conditions, ...counts } = get(world).status!
  assert.equal(counts, {
    observedGeneration: 2,
    replicas: 3,
    updatedReplicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    terminatingReplicas: 0,
  })
  assert.equal(messages(world).slice(0, 3), [
    'ScalingReplicaSet: Scaled up replica set web-HASH from 0 to 3',
    'ScalingReplicaSet: Scaled up replica set web-HASH from 0 to 1',
    'ScalingReplicaSet: Scaled down replica set web-HASH from 3 to 2',
  ])
  await world.group.stop()
})

test('undoing a rollout takes up the old ReplicaSet with a new revision', async () => {
  const world = createWorld([deployment, replicaSet], aDeployment('web', 2))
  await settle(world)
  const first = sets(world)[0]!.metadata.name
  change(world, { template: podTemplate({ app: 'web' }, 'web:2') })
  await settle(world)
  change(world, { template: podTemplate({ app: 'web' }) })
  await settle(world)
  assert.equal(
    sets(world).map(({ spec }) => spec!.replicas),
    [0, 2],
  )
  const newest = sets(world)[1]!
  assert.is(newest.metadata.name, first)
  assert.is(revision(newest), 3)
  assert.is(newest.metadata.annotations!['deployment.kubernetes.io/revision-history'], '1')
  await world.group.stop()
})

test('a paused Deployment rolls nothing out, but scales', async () => {
  const world = createWorld([deployment, replicaSet], aDeployment('web', 2))
  await settle(world)
  change(world, { paused: true, template: podTemplate({ app: 'web' }, 'web:2') })
  await settle(world)
  assert.is(sets(world).length, 1)
  assert.ok(conditions(get(world)).includes('Progressing=Unknown DeploymentPaused'))
  change(world, { replicas: 4 })
  await settle(world)
  assert.is(pods(world).length, 4)
  change(world, { paused: false })
  await settle(world)
  assert.equal(
    sets(world).map(({ spec }) => spec!.replicas),
    [0, 4],
  )
  assert.ok(conditions(get(world)).includes('Progressing=True NewReplicaSetAvailable'))
  await world.group.stop()
})

test('Recreate ends every old pod before it starts a new one', async () => {
  const world = createWorld(
    [deployment, replicaSet],
    aDeployment('web', 3, { spec: { strategy: { type: 'Recreate' } } }),
  )
  await settle(world)
  let mixed = 0
  world.cache.subscribe(() => {
    if (new Set(pods(world).map(({ spec }) => spec!.containers[0]!.image)).size > 1) mixed++
  })
  change(world, { template: podTemplate({ app: 'web' }, 'web:2') })
  await settle(world)
  assert.is(mixed, 0)
  assert.equal(
    pods(world).map(({ spec }) => spec!.containers[0]!.image),
    ['web:2', 'web:2', 'web:2'],
  )
  await world.group.stop()
})

test('keeps revisionHistoryLimit old revisions', async () => {
  const world = createWorld(
    [deployment, replicaSet],
    aDeployment('web', 1, { spec: { revisionHistoryLimit: 2 } }),
  )
  for (let i = 0; i < 6; i++) {
    change(world, { template: podTemplate({ app: 'web' }, `web:${i}`) })
    await settle(world)
  }
  assert.equal(sets(world).map(revision), [4, 5, 6])
  await world.group.stop()
})

test('the revision after one that no Number holds is the next', () => {
  const found = aDeployment('web', 1)
  const old = aReplicaSet('old', 1, {
    metadata: {
      ...ownedBy(found),
      labels: { app: 'web' },
      annotations: { 'deployment.kubernetes.io/revision': '3546343826724305832' },
    },
    spec: { template: podTemplate({ app: 'web' }, 'web:old') },
  })
  const created = reconcile(found, [old]).commands.find(({ verb }) => verb === 'create')
  assert.is(
    created?.object.metadata.annotations?.['deployment.kubernetes.io/revision'],
    '3546343826724305833',
  )
})

test('a change of size amid a rollout is spread in proportion', () => {
  const found = aDeployment('web', 20, {
    metadata: { annotations: { 'deployment.kubernetes.io/revision': '2' } },
    spec: {
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } },
    },
    status: {
      replicas: 13,
      observedGeneration: 1,
      conditions: [{ type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated' }],
    },
  })
  const set = (name: string, replicas: number, image: string, number: string) =>
    aReplicaSet(name, replicas, {
      metadata: {
        ...ownedBy(found),
        labels: { app: 'web' },
        annotations: {
          'deployment.kubernetes.io/revision': number,
          'deployment.kubernetes.io/desired-replicas': '10',
          'deployment.kubernetes.io/max-replicas': '13',
        },
      },
      spec: { template: podTemplate({ app: 'web' }, image) },
      status: { replicas },
    })
  const plan = reconcile(found, [set('web-old', 8, 'web:0', '1'), set('web-new', 5, 'web:1', '2')])
  const sizes = plan.commands
    .filter(({ verb }) => verb === 'update')
    .map(({ object }) => [object.metadata.name, (object as ReplicaSet).spec!.replicas])
  assert.equal(sizes, [
    ['web-old', 14],
    ['web-new', 9],
  ])
})

/** SAFETY: never over the surge, never under the available; then LIVENESS: it converges. */
for (let seed = 1; seed <= 12; seed++)
  test(`a random history stays within its bounds and converges (seed ${seed})`, async () => {
    const random = seeded(seed * 7919)
    const pick = (from: number, to: number) => from + Math.floor(random() * (to - from + 1))
    const maxSurge = pick(0, 3)
    const maxUnavailable = pick(maxSurge === 0 ? 1 : 0, 3)
    const replicas = pick(3, 9)
    const rollingUpdate = { maxSurge, maxUnavailable }
    const world = createWorld(
      [deployment, replicaSet],
      aDeployment('web', replicas, {
        spec: { strategy: { type: 'RollingUpdate', rollingUpdate } },
      }),
    )
    await settle(world)
    let fewest = Number.POSITIVE_INFINITY
    let most = 0
    world.cache.subscribe(() => {
      const living = pods(world).filter(({ metadata }) => !metadata.deletionTimestamp)
      most = Math.max(most, living.length)
      fewest = Math.min(fewest, living.filter((pod) => !needsStep(pod)).length)
    })
    for (let i = 0; i < 60; i++) {
      if (i % 20 === 0)
        change(world, { template: podTemplate({ app: 'web' }, `web:${pick(1, 3)}`) })
      for (const pod of pods(world)) if (needsStep(pod) && random() < 0.3) stepPod(world, pod)
      await world.clock.advance(pick(1, 300))
    }
    assert.ok(most <= replicas + maxSurge, `${most} pods of ${replicas}+${maxSurge}`)
    assert.ok(fewest >= replicas - maxUnavailable, `${fewest} of ${replicas}-${maxUnavailable}`)
    await settle(world)
    await settle(world)
    assert.is(pods(world).length, replicas)
    assert.is(get(world).status!.updatedReplicas, replicas)
    const callsBefore = world.client.calls.length
    await world.clock.advance(60_000)
    assert.equal(world.client.calls.slice(callsBefore), [])
    await world.group.stop()
  })

test.run()
