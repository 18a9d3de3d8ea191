import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { legacyTokenCleaner } from '../../../src/actors/controllers/legacy-token-cleaner.ts'
import { show } from '../../../src/actors/controllers/plan.ts'
import { serviceAccountToken } from '../../../src/actors/controllers/service-account-token.ts'
import { ConfigMap } from '../../../src/api/core/config-map.ts'
import { Pod } from '../../../src/api/core/pod.ts'
import { Secret } from '../../../src/api/core/secret.ts'
import { ServiceAccount } from '../../../src/api/core/service-account.ts'
import type { AnyKind } from '../../../src/api/kind.ts'
import { createSigningKey } from '../../../src/node/pki.ts'
import { decodeToken, isSignedBy, readSigningKey } from '../../../src/std/json-web-token.ts'
import { memoryCache } from '../../support/memory-cache.ts'
import { createWorld } from './world.ts'

const test = suite('tokens of service accounts in Secrets')

const key = await createSigningKey()
const tokens = serviceAccountToken({ signingKey: () => key, rootCa: 'the certificate' })

const object = (kind: AnyKind, name: string, more: object = {}, metadata: object = {}) =>
  ({
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    ...more,
    metadata: {
      namespace: 'shop',
      name,
      uid: `uid-of-${name}`,
      resourceVersion: '1',
      creationTimestamp: '2020-01-01T00:00:00Z',
      ...metadata,
    },
  }) as never

const TYPE = 'kubernetes.io/service-account-token'
const tokenOf = (account: string, more: object = {}, metadata: object = {}) =>
  object(
    Secret,
    'kept',
    { type: TYPE, ...more },
    { annotations: { 'kubernetes.io/service-account.name': account }, ...metadata },
  )
const text = (base64: string | undefined) => Buffer.from(base64 ?? '', 'base64').toString()

test('a Secret gets its token, the certificate and the namespace', async () => {
  const world = createWorld([tokens], object(ServiceAccount, 'robot'), tokenOf('robot'))
  await world.clock.advance(100)
  const { data, metadata } = world.cache.get(Secret, 'shop', 'kept')!
  assert.is(text(data?.['ca.crt']), 'the certificate')
  assert.is(text(data?.['namespace']), 'shop')
  assert.is(metadata.annotations?.['kubernetes.io/service-account.uid'], 'uid-of-robot')
  const token = decodeToken(text(data?.['token']))!
  assert.ok(isSignedBy(token, readSigningKey(key)))
  assert.equal(token.claims, {
    iss: 'kubernetes/serviceaccount',
    'kubernetes.io/serviceaccount/namespace': 'shop',
    'kubernetes.io/serviceaccount/secret.name': 'kept',
    'kubernetes.io/serviceaccount/service-account.name': 'robot',
    'kubernetes.io/serviceaccount/service-account.uid': 'uid-of-robot',
    sub: 'system:serviceaccount:shop:robot',
  })
  await world.group.stop()
})

test('a new key signs what comes, and nothing again', async () => {
  const keys = [key, await createSigningKey()]
  const [former, next] = keys.map(readSigningKey)
  const controller = serviceAccountToken({ signingKey: () => keys[0]!, rootCa: 'the certificate' })
  const world = createWorld([controller], object(ServiceAccount, 'robot'), tokenOf('robot'))
  await world.clock.advance(100)
  keys.shift()
  const { data } = world.cache.get(Secret, 'shop', 'kept')!
  world.cache.put(tokenOf('robot', {}, { name: 'later', uid: 'uid-of-later' }))
  world.cache.put(tokenOf('robot', { data }, { labels: { touched: 'yes' } }))
  await world.clock.advance(100)
  const signed = (name: string) =>
    decodeToken(text(world.cache.get(Secret, 'shop', name)!.data?.['token']))!
  assert.ok(isSignedBy(signed('later'), next!))
  assert.is(signed('later').header.kid, next!.id)
  assert.ok(isSignedBy(signed('kept'), former!))
  await world.group.stop()
})

test('a token goes with its account, and one of an account that is not there goes at once', async () => {
  const account = object(ServiceAccount, 'robot')
  const world = createWorld([tokens], account, tokenOf('robot'), object(Secret, 'other'))
  await world.clock.advance(100)
  world.cache.remove(account)
  await world.clock.advance(100)
  assert.is(world.cache.get(Secret, 'shop', 'kept'), undefined)
  assert.ok(world.cache.get(Secret, 'shop', 'other'))
  world.cache.put(tokenOf('nobody'))
  await world.clock.advance(100)
  assert.is(world.cache.get(Secret, 'shop', 'kept'), undefined)
  await world.group.stop()
})

test('a token that has gone is no longer listed by its account', async () => {
  const account = object(ServiceAccount, 'robot', {
    secrets: [{ name: 'kept' }, { name: 'other' }],
  })
  const world = createWorld([tokens], account, tokenOf('robot'))
  await world.clock.advance(100)
  world.cache.remove(world.cache.get(Secret, 'shop', 'kept')!)
  await world.clock.advance(100)
  assert.equal(world.cache.get(ServiceAccount, 'shop', 'robot')!.secrets, [{ name: 'other' }])
  await world.group.stop()
})

/** What the cleaner wants, in the middle of 2026. */
const cleaned = (...objects: never[]): string => {
  const cache = memoryCache()
  for (const one of objects) cache.put(one)
  const plan = legacyTokenCleaner.reconcile(undefined, 'tokens', cache, Date.UTC(2026, 5, 15))
  assert.is(plan.requeueAfterMs, 24 * 3600 * 1000)
  return show({ commands: plan.commands })
}
const since = (day: string) =>
  object(
    ConfigMap,
    'kube-apiserver-legacy-service-account-token-tracking',
    { data: { since: day } },
    { namespace: 'kube-system' },
  )
const listing = object(ServiceAccount, 'robot', { secrets: [{ name: 'kept' }] })
const marked = (labels: object) => tokenOf('robot', {}, { labels, uid: 'u' })

test('a token that nobody has used for a year is marked, and deleted a year later', () => {
  assert.is(
    cleaned(since('2024-01-01'), listing, tokenOf('robot', {}, { uid: undefined })),
    'patch Secret kept {"metadata":{"labels":{"kubernetes.io/legacy-token-invalid-since":"2026-06-15"}}}',
  )
  const invalid = 'kubernetes.io/legacy-token-invalid-since'
  assert.is(
    cleaned(since('2024-01-01'), listing, marked({ [invalid]: '2025-06-01' })),
    'delete Secret kept',
  )
  assert.is(cleaned(since('2024-01-01'), listing, marked({ [invalid]: '2025-07-01' })), '')
})

test('a token that is in use, made by hand, or not watched for long enough is left alone', () => {
  const used = marked({ 'kubernetes.io/legacy-token-last-used': '2025-12-01' })
  assert.is(cleaned(since('2024-01-01'), listing, used), '')
  assert.is(cleaned(since('2025-12-01'), listing, tokenOf('robot')), '')
  assert.is(cleaned(listing, tokenOf('robot')), '')
  const byHand = object(ServiceAccount, 'robot')
  assert.is(cleaned(since('2024-01-01'), byHand, tokenOf('robot')), '')
  const young = tokenOf('robot', {}, { creationTimestamp: '2026-01-01T00:00:00Z' })
  assert.is(cleaned(since('2024-01-01'), listing, young), '')
  const pod = object(Pod, 'web', {
    spec: { containers: [], volumes: [{ name: 'v', secret: { secretName: 'kept' } }] },
  })
  assert.is(cleaned(since('2024-01-01'), listing, tokenOf('robot'), pod), '')
})

test.run()
