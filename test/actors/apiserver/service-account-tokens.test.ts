/**
 * Tokens of service accounts over time, and against what they are bound to.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { TokenRefused } from '../../../src/actors/apiserver/authentication/bearer-token.ts'
import {
  ISSUER,
  ServiceAccountTokens,
} from '../../../src/actors/apiserver/service-account-tokens.ts'
import { Node } from '../../../src/api/core/node.ts'
import { ServiceAccount } from '../../../src/api/core/service-account.ts'
import type { AnyKind } from '../../../src/api/kind.ts'
import type { KubernetesObject } from '../../../src/api/meta.ts'
import { createSigningKey } from '../../../src/node/pki.ts'
import { timestamp } from '../../../src/std/clock.ts'
import { readVerifyingKey } from '../../../src/std/json-web-token.ts'
import { testPki } from '../../support/api-server.ts'
import { memoryStorage } from '../../support/memory-storage.ts'
import { virtualClock } from '../../support/virtual-clock.ts'

const MINUTE_MS = 60_000

const begin = async () => {
  const storage = memoryStorage()
  const clock = virtualClock()
  const { serviceAccountKey } = await testPki()
  const tokens = new ServiceAccountTokens({ serviceAccountKey }, storage, clock)
  const put = async (kind: AnyKind, name: string, more: object = {}): Promise<KubernetesObject> => {
    const namespace = kind.namespaced ? 'default' : undefined
    const current = storage.cache.get(kind, namespace, name)
    const object: KubernetesObject = {
      apiVersion: kind.apiVersion,
      kind: kind.kind,
      metadata: {
        name,
        ...(namespace ? { namespace } : {}),
        uid: `uid-of-${name}`,
        resourceVersion: '',
        creationTimestamp: timestamp(clock.now()),
        ...more,
      },
    }
    await storage.write({
      kind,
      ...(namespace ? { namespace } : {}),
      name,
      expected: Number(current?.metadata.resourceVersion ?? 0),
      object,
    })
    return object
  }
  const account = (await put(ServiceAccount, 'robot')) as ServiceAccount
  const issue = async (more: object = {}) =>
    (await tokens.issue({ account, audiences: [ISSUER], expirationSeconds: 600, ...more })).token
  const fault = async (token: string): Promise<string> => {
    try {
      return (await tokens.judge(token, [ISSUER])) ? '' : 'not one of ours'
    } catch (error) {
      if (error instanceof TokenRefused) return error.message
      throw error
    }
  }
  return { storage, clock, put, issue, fault, tokens, account, serviceAccountKey }
}

test('a token is good for its lifetime and a minute', async () => {
  const { clock, issue, fault } = await begin()
  const token = await issue()
  assert.is(await fault(token), '')
  await clock.advance(11 * MINUTE_MS - 1000)
  assert.is(await fault(token), '')
  await clock.advance(2000)
  assert.is(await fault(token), 'service account token has expired')
})

test('an account that is being deleted counts for another minute', async () => {
  const { clock, put, issue, fault } = await begin()
  const token = await issue()
  await put(ServiceAccount, 'robot', {
    deletionTimestamp: timestamp(clock.now()),
    finalizers: ['a/b'],
  })
  assert.is(await fault(token), '')
  await clock.advance(MINUTE_MS + 1000)
  assert.is(await fault(token), 'service account default/robot has been deleted')
})

test('a token of a node is bound to it, that of a pod only tells it', async () => {
  const { put, issue, fault } = await begin()
  const node = await put(Node, 'n1')
  const token = await issue({ node })
  assert.is(await fault(token), '')
  await put(Node, 'n1', { uid: 'another' })
  assert.is(
    await fault(token),
    'node UID (another) does not match service account node ref claim (uid-of-n1)',
  )
})

test('what a former key signed is good until the key is dropped, and then refused at once', async () => {
  const { issue, fault, tokens, serviceAccountKey } = await begin()
  const next = await createSigningKey()
  let changes = 0
  const end = tokens.onKeysChanged(() => {
    changes++
  })
  const old = await issue()
  assert.is(await fault(old), '')
  tokens.replaceKeys({ serviceAccountKey, otherServiceAccountKeys: [next] })
  const unchanged = await issue()
  tokens.replaceKeys({ serviceAccountKey: next, otherServiceAccountKeys: [serviceAccountKey] })
  const young = await issue()
  for (const token of [old, unchanged, young]) assert.is(await fault(token), '')
  tokens.replaceKeys({ serviceAccountKey: next })
  assert.is(await fault(old), 'invalid signature, no keys found')
  assert.is(await fault(unchanged), 'invalid signature, no keys found')
  assert.is(await fault(young), '')
  assert.is(changes, 3)
  tokens.replaceKeys({ serviceAccountKey: next, otherServiceAccountKeys: [] })
  assert.is(changes, 3)
  end()
  tokens.replaceKeys({ serviceAccountKey })
  assert.is(changes, 3)
})

test('that a token is longer than usual is written down before it is signed', async () => {
  const { storage, clock, account, serviceAccountKey } = await begin()
  const noted: string[] = []
  let fails = false
  const tokens = new ServiceAccountTokens({ serviceAccountKey }, storage, clock, {
    noteUse: () => undefined,
    noteLasting: async (keyId, endMs) => {
      if (fails) throw new Error('the store is away')
      noted.push(`${keyId} ${endMs - clock.now()}`)
    },
  })
  const issue = (expirationSeconds: number) =>
    tokens.issue({ account, audiences: [ISSUER], expirationSeconds })
  const YEAR = 365 * 24 * 3600
  await issue(YEAR)
  assert.equal(noted, [])
  await issue(YEAR + 1)
  assert.is(noted.length, 1)
  assert.match(noted[0]!, new RegExp(`^${readVerifyingKey(serviceAccountKey).id} `))
  assert.ok(Number(noted[0]!.split(' ')[1]) > YEAR * 1000)
  fails = true
  await issue(YEAR)
  try {
    await issue(2 * YEAR)
    assert.unreachable()
  } catch (error) {
    assert.is((error as Error).message, 'the store is away')
  }
})

test('what somebody else signed is refused, what is no token of ours is left to others', async () => {
  const { storage, clock, fault } = await begin()
  const other = new ServiceAccountTokens(
    { serviceAccountKey: await createSigningKey() },
    storage,
    clock,
  )
  const account = storage.cache.get(ServiceAccount, 'default', 'robot')!
  const { token: forged } = await other.issue({
    account,
    audiences: [ISSUER],
    expirationSeconds: 600,
  })
  assert.is(await fault(forged), 'invalid signature, no keys found')
  assert.is(await fault('a.b.c'), 'not one of ours')
  assert.is(await fault('opaque'), 'not one of ours')
})

test.run()
