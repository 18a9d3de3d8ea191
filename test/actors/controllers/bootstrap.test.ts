import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clusterInfoSigner } from '../../../src/actors/controllers/bootstrap/cluster-info-signer.ts'
import { tokenCleaner } from '../../../src/actors/controllers/bootstrap/token-cleaner.ts'
import { detachedSignature } from '../../../src/api/core/bootstrap-token.ts'
import { ConfigMap } from '../../../src/api/core/config-map.ts'
import { Secret } from '../../../src/api/core/secret.ts'
import { createWorld } from './world.ts'

const aToken = (
  id: string,
  more: Record<string, string> = {},
  namespace = 'kube-system',
): Secret => {
  const data = {
    'token-id': id,
    'token-secret': '0123456789abcdef',
    'usage-bootstrap-signing': 'true',
    ...more,
  }
  const encoded = Object.entries(data).map(([key, text]) => [
    key,
    Buffer.from(text).toString('base64'),
  ])
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: `bootstrap-token-${id}`,
      namespace,
      uid: `${namespace}-${id}`,
      resourceVersion: '1',
      creationTimestamp: '',
    },
    type: 'bootstrap.kubernetes.io/token',
    data: Object.fromEntries(encoded),
  } as unknown as Secret
}

const clusterInfo = (data: Record<string, string>): ConfigMap =>
  ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: 'cluster-info',
      namespace: 'kube-public',
      uid: 'info',
      resourceVersion: '1',
      creationTimestamp: '',
    },
    data,
  }) as unknown as ConfigMap

test('a detached signature is the one that kubeadm computes', () => {
  const content = 'Hello from the other side. I must have called a thousand times.'
  const token = { groups: [], authenticates: false, signs: true }
  assert.is(
    detachedSignature(content, { ...token, id: 'joshua', secret: 'my voice is my passcode' }),
    'eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_8',
  )
})

test('cluster-info is signed by the tokens that may, and by no others', async () => {
  const world = createWorld(
    [clusterInfoSigner],
    clusterInfo({ kubeconfig: 'k', 'jws-kubeconfig-gone00': 'x', other: 'kept' }),
    aToken('aaaaaa'),
    aToken('bbbbbb', { 'usage-bootstrap-signing': 'false' }),
    aToken('cccccc', { expiration: '2025-12-31T00:00:00Z' }),
    aToken('dddddd', {}, 'default'),
  )
  const data = () => world.cache.get(ConfigMap, 'kube-public', 'cluster-info')?.data ?? {}
  await world.clock.advance(1000)
  assert.equal(Object.keys(data()).sort(), ['jws-kubeconfig-aaaaaa', 'kubeconfig', 'other'])
  const before = data()['jws-kubeconfig-aaaaaa']
  world.cache.put({ ...clusterInfo({ ...data(), kubeconfig: 'new' }) })
  await world.clock.advance(1000)
  assert.not.equal(data()['jws-kubeconfig-aaaaaa'], before)
  world.cache.remove(aToken('aaaaaa'))
  await world.clock.advance(1000)
  assert.equal(Object.keys(data()).sort(), ['kubeconfig', 'other'])
  await world.group.stop()
})

test('tokens go when they expire', async () => {
  const world = createWorld(
    [tokenCleaner],
    aToken('aaaaaa', { expiration: '2026-01-03T00:00:00Z' }),
    aToken('bbbbbb'),
    aToken('cccccc', { expiration: 'nonsense' }),
    aToken('dddddd', { expiration: '2020-01-01T00:00:00Z' }, 'default'),
  )
  const ids = () =>
    world.cache
      .list(Secret)
      .map(({ metadata }) => metadata.name.slice(-6))
      .sort()
  await world.clock.advance(1000)
  assert.equal(ids(), ['aaaaaa', 'bbbbbb', 'dddddd'])
  await world.clock.advance(2 * 24 * 3_600_000)
  assert.equal(ids(), ['bbbbbb', 'dddddd'])
  await world.group.stop()
})

test.run()
