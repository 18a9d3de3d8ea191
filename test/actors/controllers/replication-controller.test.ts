import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { keysOf } from '../../../src/actors/controllers/controller.ts'
import { show } from '../../../src/actors/controllers/plan.ts'
import { replicationController } from '../../../src/actors/controllers/replication-controller.ts'
import { Pod } from '../../../src/api/core/pod.ts'
import type { ReplicationController } from '../../../src/api/core/replication-controller.ts'
import { memoryCache } from '../../support/memory-cache.ts'
import { aPod, aReplicaSet, podTemplate, seconds, T0 } from './objects.ts'

const aController = (replicas: number): ReplicationController => ({
  apiVersion: 'v1',
  kind: 'ReplicationController',
  metadata: {
    name: 'a',
    namespace: 'default',
    uid: 'uid-a',
    resourceVersion: '1',
    creationTimestamp: seconds(0),
    generation: 1,
  },
  spec: { replicas, selector: { app: 'web' }, template: podTemplate({ app: 'web' }) },
})

const reconcile = (controller: ReplicationController, ...pods: Pod[]) =>
  replicationController.reconcile(controller, 'default/a', memoryCache(controller, ...pods), T0)

test('creates the missing pods, all at once', () => {
  assert.is(show(reconcile(aController(2))), 'create Pod a-*\ncreate Pod a-*')
})

test('deletes pods beyond the number wanted, those without a node first', () => {
  const one = aController(1)
  const pods = [aPod('x', { owner: one, node: 'n', ready: true }), aPod('y', { owner: one })]
  assert.is(show(reconcile(one, ...pods)), 'delete Pod y')
})

test('adopts a pod with its labels that has no controller', () => {
  assert.is(
    show(reconcile(aController(1), aPod('x'))),
    'patch Pod x {"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ReplicationController","name":"a","uid":"uid-a","controller":true,"blockOwnerDeletion":true}],"uid":"uid-x"}}',
  )
})

test('releases a pod whose labels it no longer selects', () => {
  const one = aController(1)
  const released = { ...aPod('x', { owner: one }) }
  released.metadata = { ...released.metadata, labels: { app: 'debug' } }
  assert.match(show(reconcile(one, released)), '"$patch":"delete"')
})

test('leaves the pods of a ReplicaSet of the same name alone', () => {
  const other = aReplicaSet('a', 1, { metadata: { uid: 'uid-other' } })
  assert.is(show(reconcile(aController(1), aPod('x', { owner: other }))), 'create Pod a-*')
})

test('its status has no count of terminating pods', () => {
  const one = aController(2)
  const [command] = reconcile(
    one,
    aPod('x', { owner: one, ready: true }),
    aPod('y', { owner: one }),
    aPod('z', { owner: one, metadata: { deletionTimestamp: seconds(0) } }),
  ).commands
  assert.is(command!.verb, 'updateStatus')
  assert.equal((command!.object as ReplicationController).status, {
    replicas: 2,
    fullyLabeledReplicas: 2,
    readyReplicas: 1,
    availableReplicas: 1,
    observedGeneration: 1,
  })
})

test('a pod without controller is a reason to look at those that select it', () => {
  const cache = memoryCache(aController(1))
  const keys = (pod: Pod) =>
    keysOf(replicationController, { type: 'ADDED', kind: Pod, object: pod } as never, cache)
  assert.equal(keys(aPod('x')), ['default/a'])
  assert.equal(keys(aPod('y', { metadata: { labels: { app: 'other' } } })), [])
})

test.run()
