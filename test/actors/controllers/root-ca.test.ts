import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rootCa } from '../../../src/actors/controllers/root-ca.ts'
import { ConfigMap } from '../../../src/api/core/config-map.ts'
import type { Namespace } from '../../../src/api/core/namespace.ts'
import { createWorld } from './world.ts'

const aNamespace = (name: string, deletionTimestamp?: string): Namespace =>
  ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '', deletionTimestamp },
  }) as Namespace

test('every active namespace has the certificate', async () => {
  const world = createWorld([rootCa('PEM')], aNamespace('a'), aNamespace('b', 'now'))
  await world.clock.advance(1000)
  const published = world.cache.list(ConfigMap)
  assert.equal(
    published.map(({ metadata, data }) => [metadata.namespace, metadata.name, data]),
    [['a', 'kube-root-ca.crt', { 'ca.crt': 'PEM' }]],
  )
  await world.group.stop()
})

test('what somebody changed or removed is put right', async () => {
  const world = createWorld([rootCa('PEM')], aNamespace('a'))
  await world.clock.advance(1000)
  const published = () => world.cache.get(ConfigMap, 'a', 'kube-root-ca.crt')
  world.cache.put({ ...published()!, data: { 'ca.crt': 'another', more: 'text' } } as ConfigMap)
  await world.clock.advance(1000)
  assert.equal(published()?.data, { 'ca.crt': 'PEM' })
  world.cache.remove(published()!)
  await world.clock.advance(1000)
  assert.equal(published()?.data, { 'ca.crt': 'PEM' })
  await world.group.stop()
})

test.run()
