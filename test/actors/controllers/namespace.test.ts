import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { namespace } from '../../../src/actors/controllers/namespace.ts'
import { serviceAccount } from '../../../src/actors/controllers/service-account.ts'
import { ConfigMap } from '../../../src/api/core/config-map.ts'
import { Namespace } from '../../../src/api/core/namespace.ts'
import { ServiceAccount } from '../../../src/api/core/service-account.ts'
import { aNamespace, aPod, seconds } from './objects.ts'
import { createWorld, pods } from './world.ts'

const inTeam = { namespace: 'team', labels: { app: 'web' } }
const config = (name: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name,
    namespace: 'team',
    uid: name,
    resourceVersion: '1',
    creationTimestamp: seconds(0),
  },
})

test('a namespace is emptied, pods first, and then goes', async () => {
  const world = createWorld(
    [namespace],
    aNamespace('team'),
    aNamespace('default'),
    aPod('a', { node: 'n1', metadata: inTeam }),
    config('c'),
  )
  await world.clock.advance(100)
  assert.equal(world.client.calls, [])
  await world.client.delete(Namespace, undefined, 'team')
  await world.clock.advance(1000)
  assert.ok(world.cache.get(ConfigMap, 'team', 'c'), 'waits for the pod')
  const [, , content, remaining] = world.cache.get(Namespace, undefined, 'team')!.status!
    .conditions!
  assert.is(content!.type, 'NamespaceDeletionContentFailure')
  assert.is(
    remaining!.message,
    'Some resources are remaining: configmaps. has 1 resource instances, pods. has 1 resource instances',
  )
  world.cache.remove(pods(world)[0]!)
  await world.clock.advance(1000)
  assert.is(world.cache.get(ConfigMap, 'team', 'c'), undefined)
  assert.is(world.cache.get(Namespace, undefined, 'team'), undefined)
  assert.ok(world.cache.get(Namespace, undefined, 'default'))
  await world.group.stop()
})

test('what slips in behind a deleted namespace is deleted too', async () => {
  const world = createWorld([namespace], aNamespace('default'))
  await world.clock.advance(100)
  world.cache.put(config('late'))
  await world.clock.advance(1000)
  assert.is(world.cache.get(ConfigMap, 'team', 'late'), undefined)
  await world.group.stop()
})

test('every namespace has a default ServiceAccount, again after it was deleted', async () => {
  const world = createWorld([serviceAccount], aNamespace('team'))
  await world.clock.advance(100)
  const account = world.cache.get(ServiceAccount, 'team', 'default')
  assert.ok(account)
  world.cache.remove(account)
  await world.clock.advance(100)
  assert.ok(world.cache.get(ServiceAccount, 'team', 'default'))
  await world.group.stop()
})

test.run()
