import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rootCa } from '../../../src/actors/controllers/root-ca.ts'
import { ConfigMap } from '../../../src/api/core/config-map.ts'
import type { Namespace } from '../../../src/api/core/namespace.ts'
import { createWorld } from './world.ts'

/** A certificate that can be replaced. */
const certificateOf = (text: string) => {
  let current = text
  let changed = (): void => undefined
  return {
    current: () => current,
    onChange: (listener: () => void) => {
      changed = listener
      return () => undefined
    },
    replace: (next: string) => {
      current = next
      changed()
    },
  }
}

const aNamespace = (name: string, deletionTimestamp?: string): Namespace =>
  ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '', deletionTimestamp },
  }) as Namespace

test('every active namespace has the certificate', async () => {
  const world = createWorld([rootCa(certificateOf('PEM'))], aNamespace('a'), aNamespace('b', 'now'))
  await world.clock.advance(1000)
  const published = world.cache.list(ConfigMap)
  assert.equal(
    published.map(({ metadata, data }) => [metadata.namespace, metadata.name, data]),
    [['a', 'kube-root-ca.crt', { 'ca.crt': 'PEM' }]],
  )
  await world.group.stop()
})

test('what somebody changed or removed is put right', async () => {
  const world = createWorld([rootCa(certificateOf('PEM'))], aNamespace('a'))
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

test('a new certificate is published everywhere', async () => {
  const certificate = certificateOf('old')
  const world = createWorld([rootCa(certificate)], aNamespace('a'), aNamespace('b'))
  await world.clock.advance(1000)
  certificate.replace('new')
  await world.clock.advance(1000)
  const published = world.cache.list(ConfigMap)
  assert.equal(
    published.map(({ data }) => data),
    [{ 'ca.crt': 'new' }, { 'ca.crt': 'new' }],
  )
  await world.group.stop()
})

test.run()
