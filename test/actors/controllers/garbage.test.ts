import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { garbage } from '../../../src/actors/controllers/garbage.ts'
import { Deployment } from '../../../src/api/apps/deployment.ts'
import { ReplicaSet } from '../../../src/api/apps/replica-set.ts'
import { Pod } from '../../../src/api/core/pod.ts'
import type { KubernetesObject } from '../../../src/api/meta.ts'
import { aDeployment, aPod, aReplicaSet, ownedBy } from './objects.ts'
import { createWorld, pods } from './world.ts'

const web = aDeployment('web', 2)
const set = aReplicaSet('web-1', 2, { metadata: ownedBy(web) })
const family = [web, set, aPod('a', { owner: set }), aPod('b', { owner: set })]

const start = async (...objects: KubernetesObject[]) => {
  const world = createWorld([garbage], ...objects)
  await world.clock.advance(100)
  return world
}

test('what has a living owner stays', async () => {
  const world = await start(...family)
  await world.clock.advance(10_000)
  assert.equal(world.client.calls, [])
  await world.group.stop()
})

test('a deletion in the background takes everything below with it', async () => {
  const world = await start(...family)
  await world.client.delete(Deployment, 'default', 'web', { propagationPolicy: 'Background' })
  await world.clock.advance(1000)
  assert.is(world.cache.list(ReplicaSet).length + pods(world).length, 0)
  await world.group.stop()
})

test('a deletion in the foreground keeps the owner until everything below is gone', async () => {
  const world = await start(...family)
  const order: string[] = []
  world.cache.subscribe(({ type, object }) => {
    if (type === 'DELETED') order.push(object.kind)
  })
  await world.client.delete(Deployment, 'default', 'web', { propagationPolicy: 'Foreground' })
  assert.ok(world.cache.get(Deployment, 'default', 'web'))
  await world.clock.advance(1000)
  assert.equal(order, ['Pod', 'Pod', 'ReplicaSet', 'Deployment'])
  await world.group.stop()
})

test('who names an owner of a kind that comes later is judged when it comes', async () => {
  const reference = { apiVersion: 'example.com/v1', kind: 'Widget', name: 'w', uid: 'w' }
  const owned = aPod('owned', { metadata: { uid: 'owned', ownerReferences: [reference] } })
  const world = await start(owned)
  await world.clock.advance(10_000)
  assert.is(pods(world).length, 1)
  world.cache.kinds.define({
    group: 'example.com',
    plural: 'widgets',
    kind: 'Widget',
    namespaced: true,
  })
  world.cache.put({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com', uid: 'd', resourceVersion: '', creationTimestamp: '' },
    spec: { group: 'example.com', names: { kind: 'Widget', plural: 'widgets' } },
  } as unknown as KubernetesObject)
  await world.clock.advance(1000)
  assert.is(pods(world).length, 0)
  await world.group.stop()
})

test('a circle of owners is deleted in the foreground as a whole', async () => {
  const owned = (name: string, owner: string) => {
    const blockOwnerDeletion = true
    const reference = { apiVersion: 'v1', kind: 'Pod', name: owner, uid: owner, blockOwnerDeletion }
    return aPod(name, { metadata: { uid: name, ownerReferences: [reference] } })
  }
  const world = await start(owned('a', 'c'), owned('b', 'a'), owned('c', 'b'))
  await world.clock.advance(1000)
  assert.is(pods(world).length, 3)
  await world.client.delete(Pod, 'default', 'a', { propagationPolicy: 'Foreground' })
  await world.clock.advance(10_000)
  assert.is(pods(world).length, 0)
  await world.group.stop()
})

test('a deletion that orphans leaves everything below, without the owner', async () => {
  const world = await start(...family)
  await world.client.delete(Deployment, 'default', 'web', { propagationPolicy: 'Orphan' })
  await world.clock.advance(1000)
  assert.is(world.cache.get(Deployment, 'default', 'web'), undefined)
  assert.equal(world.cache.get(ReplicaSet, 'default', 'web-1')!.metadata.ownerReferences, [])
  assert.is(pods(world).length, 2)
  await world.group.stop()
})

test('an object whose owner was gone before it came is deleted', async () => {
  const world = await start()
  world.cache.put(aPod('a', { owner: set }))
  await world.clock.advance(1000)
  assert.is(pods(world).length, 0)
  await world.group.stop()
})

test('an owner of the same name but another uid is no owner', async () => {
  const world = await start(
    aReplicaSet('web-1', 1, { metadata: { uid: 'new' } }),
    aPod('a', { owner: set }),
  )
  await world.clock.advance(1000)
  assert.is(pods(world).length, 0)
  await world.group.stop()
})

test('of two owners a dead one is forgotten and the living one keeps the object', async () => {
  const other = aReplicaSet('other', 1)
  const [living] = ownedBy(other).ownerReferences
  const [dead] = ownedBy(set).ownerReferences
  const shared = aPod('a', {
    metadata: { ownerReferences: [{ ...dead!, controller: false }, living!] },
  })
  const world = await start(other, shared)
  await world.clock.advance(1000)
  assert.equal(
    world.cache.get(Pod, 'default', 'a')!.metadata.ownerReferences!.map(({ name }) => name),
    ['other'],
  )
  await world.group.stop()
})

test('an owner of a kind that is not known keeps its objects', async () => {
  const reference = {
    apiVersion: 'example.com/v1',
    kind: 'Thing',
    name: 't',
    uid: 't',
    controller: true,
  }
  const world = await start(aPod('a', { metadata: { ownerReferences: [reference] } }))
  await world.clock.advance(1000)
  assert.is(pods(world).length, 1)
  await world.group.stop()
})

test('a thousand pods go with their Deployment', async () => {
  const many = Array.from({ length: 1000 }, (_, i) => aPod(`p${i}`, { owner: set }))
  const world = await start(web, set, ...many)
  await world.client.delete(Deployment, 'default', 'web', { propagationPolicy: 'Background' })
  await world.clock.advance(2000)
  assert.is(pods(world).length, 0)
  await world.group.stop()
})

test.run()
