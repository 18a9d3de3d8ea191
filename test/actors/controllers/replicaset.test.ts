import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { show } from '../../../src/actors/controllers/plan.ts'
import { replicaSet } from '../../../src/actors/controllers/replicaset.ts'
import type { ReplicaSet } from '../../../src/api/apps/replica-set.ts'
import type { Pod } from '../../../src/api/core/pod.ts'
import { memoryCache } from '../../support/memory-cache.ts'
import { aPod, aReplicaSet, ownedBy, seconds, T0 } from './objects.ts'

const reconcile = (set: ReplicaSet, pods: Pod[], now = T0) =>
  replicaSet.reconcile(set, 'default/a', memoryCache(set, ...pods), now)

const check = (name: string, set: ReplicaSet, pods: Pod[], want: string) =>
  test(name, () => assert.is(show(reconcile(set, pods)), want))

const one = aReplicaSet('a', 1)
const owned = (name: string, options: Parameters<typeof aPod>[1] = {}) =>
  aPod(name, { owner: one, ...options })

check(
  'creates the missing pods, all at once',
  aReplicaSet('a', 3),
  [],
  'create Pod a-*\n'.repeat(3).trim(),
)
check(
  'counts no finished pod',
  one,
  [owned('x', { status: { phase: 'Failed' } })],
  'create Pod a-*',
)
check(
  'counts no terminating pod',
  one,
  [owned('x', { metadata: { deletionTimestamp: seconds(0) } })],
  'create Pod a-*',
)
check(
  'counts no pod of another controller',
  one,
  [aPod('x', { owner: aReplicaSet('b', 1) })],
  'create Pod a-*',
)
check('writes its status when the number is right', one, [owned('x')], 'updateStatus ReplicaSet a')
check(
  'is content when its status is right',
  aReplicaSet('a', 1, {
    status: { replicas: 1, fullyLabeledReplicas: 1, terminatingReplicas: 0, observedGeneration: 1 },
  }),
  [owned('x')],
  '',
)
check(
  'adopts a matching pod without controller, and waits for it',
  one,
  [aPod('x')],
  'patch Pod x {"metadata":{"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"a","uid":"uid-a","controller":true,"blockOwnerDeletion":true}],"uid":"uid-x"}}',
)
check(
  'releases a pod that it no longer selects',
  one,
  [owned('x', { metadata: { labels: { app: 'debug' }, ...ownedBy(one) } })],
  'patch Pod x {"metadata":{"ownerReferences":[{"$patch":"delete","uid":"uid-a"}],"uid":"uid-x"}}',
)
check(
  'deletes the pod without a node first',
  one,
  [owned('x', { node: 'n', ready: true }), owned('y')],
  'delete Pod y',
)
check(
  'deletes a pod that is not ready before a ready one',
  one,
  [owned('x', { node: 'n', ready: true }), owned('y', { node: 'n', status: { phase: 'Running' } })],
  'delete Pod y',
)
check(
  'deletes the pod of lower deletion cost',
  one,
  [
    owned('x', { node: 'n', ready: true }),
    owned('y', {
      node: 'n',
      ready: true,
      metadata: {
        annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-5' },
        labels: { app: 'web' },
        ...ownedBy(one),
      },
    }),
  ],
  'delete Pod y',
)
check(
  'deletes the pod of a node that has two',
  aReplicaSet('a', 2),
  [
    owned('x', { node: 'n1', ready: true }),
    owned('y', { node: 'n2', ready: true }),
    owned('z', { node: 'n2', ready: true, readyAt: -1000 }),
  ],
  'delete Pod y',
)
check(
  'deletes the pod that restarted most',
  one,
  [
    owned('x', {
      node: 'n',
      ready: true,
      status: {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: seconds(-90) }],
        containerStatuses: [{ restartCount: 3 }],
      },
    }),
    owned('y', { node: 'n', ready: true, readyAt: -90 }),
  ],
  'delete Pod x',
)
check(
  'a set that is being deleted makes no pods',
  aReplicaSet('a', 1, {
    metadata: { deletionTimestamp: seconds(0) },
    status: { replicas: 0, terminatingReplicas: 0, observedGeneration: 1 },
  }),
  [],
  '',
)

test('the status counts labeled, ready, available and terminating pods', () => {
  const set = aReplicaSet('a', 3, { spec: { minReadySeconds: 30 } })
  const plan = reconcile(
    set,
    [
      aPod('x', { owner: set, ready: true, readyAt: -60 }),
      aPod('y', { owner: set, ready: true, readyAt: -10 }),
      aPod('z', { owner: set }),
      aPod('t', { owner: set, metadata: { deletionTimestamp: seconds(1) } }),
    ],
    T0,
  )
  const [command] = plan.commands
  assert.equal((command!.object as ReplicaSet).status, {
    replicas: 3,
    fullyLabeledReplicas: 3,
    readyReplicas: 2,
    availableReplicas: 1,
    terminatingReplicas: 1,
    observedGeneration: 1,
  })
  assert.is(plan.requeueAfterMs, 20_000)
})

test('plans at most five hundred pods a look', () => {
  assert.is(reconcile(aReplicaSet('a', 2000), []).commands.length, 500)
})

test('a failed creation is told by an event and the ReplicaFailure condition', () => {
  const [create] = reconcile(one, []).commands
  const handled = create!.onFailure!(new Error('exceeded quota'))
  assert.is(handled!.report!.message, 'Error creating: exceeded quota')
  const status = (handled!.commands![0]!.object as ReplicaSet).status
  assert.equal(status!.conditions, [
    {
      type: 'ReplicaFailure',
      status: 'True',
      lastTransitionTime: seconds(0),
      reason: 'FailedCreate',
      message: 'exceeded quota',
    },
  ])
})

test('the failure condition goes when nothing is left to create', () => {
  const set = aReplicaSet('a', 1, {
    status: { replicas: 0, conditions: [{ type: 'ReplicaFailure', status: 'True' }] },
  })
  const [command] = reconcile(set, [aPod('x', { owner: set })]).commands
  assert.is((command!.object as ReplicaSet).status!.conditions, undefined)
})

test.run()
