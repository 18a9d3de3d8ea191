/**
 * What quotas have used, counted and counted again.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { resourceQuota } from '../../../src/actors/controllers/resource-quota.ts'
import { ConfigMap } from '../../../src/api/core/config-map.ts'
import { ResourceQuota } from '../../../src/api/core/resource-quota.ts'
import type { KubernetesObject } from '../../../src/api/meta.ts'
import { timestamp } from '../../../src/std/clock.ts'
import { createWorld, type World } from './world.ts'

const objectOf = (kind: string, name: string, more: object = {}, meta: object = {}) =>
  ({
    apiVersion: 'v1',
    kind,
    metadata: {
      name,
      namespace: 'n',
      uid: `uid-${kind}-${name}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...meta,
    },
    ...more,
  }) as unknown as KubernetesObject
const quotaOf = (hard: object, more: object = {}, status?: object) =>
  objectOf('ResourceQuota', 'q', { spec: { hard, ...more }, ...(status ? { status } : {}) })
const podOf = (name: string, cpu: string, more: object = {}, meta: object = {}) =>
  objectOf(
    'Pod',
    name,
    { spec: { containers: [{ name: 'c', resources: { requests: { cpu } } }] }, ...more },
    meta,
  )
const configMap = (name: string) => objectOf('ConfigMap', name)

const worldOf = async (...objects: KubernetesObject[]): Promise<World> => {
  const world = createWorld([resourceQuota()], ...objects)
  await world.clock.advance(200)
  return world
}
const statusOf = ({ cache }: World) => cache.get(ResourceQuota, 'n', 'q')!.status
const usedOf = (world: World) => statusOf(world)?.used
const settle = ({ clock }: World) => clock.advance(200)
const writes = ({ client }: World) => client.calls.length

test('a new quota is counted, and its bounds take effect with the count', async () => {
  const hard = { pods: '5', 'requests.cpu': '4', 'count/configmaps': '3', 'x.dev/unknown': '1' }
  const world = await worldOf(
    quotaOf(hard),
    podOf('a', '100m'),
    podOf('b', '1'),
    podOf('done', '1', { status: { phase: 'Succeeded' } }),
    configMap('c'),
  )
  assert.equal(statusOf(world), {
    hard,
    used: { pods: '2', 'requests.cpu': '1100m', 'count/configmaps': '1' },
  })
})

test('what goes or ends is given back; what was charged already is not counted again', async () => {
  const world = await worldOf(
    quotaOf({ pods: '5', 'count/pods': '5' }),
    podOf('a', '1'),
    podOf('b', '1'),
  )
  assert.equal(usedOf(world), { pods: '2', 'count/pods': '2' })
  world.cache.put(podOf('a', '1', { status: { phase: 'Failed' } }))
  await settle(world)
  assert.equal(usedOf(world), { pods: '1', 'count/pods': '2' })
  world.cache.remove(podOf('b', '1'))
  await settle(world)
  assert.equal(usedOf(world), { pods: '0', 'count/pods': '1' })
  const before = writes(world)
  world.cache.put(podOf('a', '1', { status: { phase: 'Failed', message: 'gone wrong' } }))
  world.cache.put(configMap('no matter'))
  await settle(world)
  assert.is(writes(world), before)
})

test('a change of the bounds counts what they bound now', async () => {
  const world = await worldOf(quotaOf({ pods: '5' }), podOf('a', '1'), configMap('c'))
  world.cache.put(quotaOf({ configmaps: '7' }, {}, statusOf(world)))
  await settle(world)
  assert.equal(statusOf(world), { hard: { configmaps: '7' }, used: { configmaps: '1' } })
})

test('an object that slipped in while the quota took effect is counted when it is seen', async () => {
  const world = await worldOf(quotaOf({ configmaps: '7' }))
  world.cache.put(configMap('late'))
  await settle(world)
  assert.equal(usedOf(world), { configmaps: '1' })
})

test('scopes narrow what is counted', async () => {
  const world = await worldOf(
    quotaOf({ pods: '5' }, { scopes: ['Terminating'] }),
    podOf('a', '1'),
    podOf('b', '1', { spec: { activeDeadlineSeconds: 5, containers: [] } }),
  )
  assert.equal(usedOf(world), { pods: '1' })
  world.cache.put(podOf('a', '1', { spec: { activeDeadlineSeconds: 5, containers: [] } }))
  await settle(world)
  assert.equal(usedOf(world), { pods: '2' })
})

test('custom objects are counted as soon as their kind is defined', async () => {
  const world = await worldOf(quotaOf({ 'count/things.x.dev': '2' }))
  assert.equal(usedOf(world), {})
  world.cache.kinds.define({ group: 'x.dev', plural: 'things', kind: 'Thing', namespaced: true })
  const definition = { apiVersion: 'apiextensions.k8s.io/v1', spec: {} }
  const meta = { namespace: undefined }
  world.cache.put(objectOf('CustomResourceDefinition', 'things.x.dev', definition, meta))
  await settle(world)
  assert.equal(usedOf(world), { 'count/things.x.dev': '0' })
  const thing = objectOf('Thing', 't', { apiVersion: 'x.dev/v1' })
  world.cache.put(thing)
  await settle(world)
  assert.equal(usedOf(world), { 'count/things.x.dev': '1' })
})

test('a pod that is stuck on its way out is given back when its time is over', async () => {
  const world = await worldOf(quotaOf({ pods: '5' }))
  world.cache.put(
    podOf(
      'a',
      '1',
      {},
      {
        deletionTimestamp: timestamp(world.clock.now()),
        deletionGracePeriodSeconds: 30,
      },
    ),
  )
  await settle(world)
  assert.equal(usedOf(world), { pods: '1' })
  await world.clock.advance(35_000)
  assert.equal(usedOf(world), { pods: '0' })
})

test('where somebody was charged meanwhile, the count is made anew', async () => {
  const world = await worldOf(quotaOf({ configmaps: '7' }), configMap('a'), configMap('b'))
  let isFirst = true
  world.client.before = () => {
    if (!isFirst) return
    isFirst = false
    world.cache.put(configMap('c'))
    const quota = world.cache.get(ResourceQuota, 'n', 'q')!
    world.cache.put({
      ...quota,
      status: { ...quota.status, used: { configmaps: '3' } },
    } as ResourceQuota)
  }
  world.cache.remove(configMap('a'))
  await settle(world)
  assert.is(world.cache.list(ConfigMap).length, 2)
  assert.equal(usedOf(world), { configmaps: '2' })
})

test.run()
