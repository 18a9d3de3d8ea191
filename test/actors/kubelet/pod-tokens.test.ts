import { pino } from 'pino'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PodTokens } from '../../../src/actors/kubelet/pod-tokens.ts'
import { forbidden } from '../../../src/api/status-error.ts'
import type { TokenWish } from '../../../src/client/client.ts'
import { createGate } from '../../../src/std/gate.ts'
import { memoryCache } from '../../support/memory-cache.ts'
import { memoryClient } from '../../support/memory-client.ts'
import { virtualClock } from '../../support/virtual-clock.ts'
import { podOf } from './pod-fixtures.ts'

const test = suite('tokens of pods')

const arrange = () => {
  const clock = virtualClock()
  const client = memoryClient(memoryCache(), clock.now)
  const asked: TokenWish[] = []
  const { createToken } = client
  client.createToken = (account, wish) => {
    asked.push(wish)
    return createToken(account, wish)
  }
  const log = pino({ level: 'silent' })
  const tokens = new PodTokens({ client, clock, log, gate: createGate(2) })
  const refuse = () =>
    client.failNext(
      'createToken',
      forbidden({ group: '', resource: 'serviceaccounts' }, 'sa', 'no'),
    )
  return { clock, tokens, asked, refuse }
}

const pod = podOf({ serviceAccountName: 'robot' })
const FIRST = 'token 1 of default/robot'
const SECOND = 'token 2 of default/robot'
const HOUR = { expirationSeconds: 3607 }

test('a token is asked for once, bound to the pod, however many read it', async () => {
  const { tokens, asked } = arrange()
  assert.equal(await Promise.all([tokens.of(pod, HOUR), tokens.of(pod, HOUR)]), [FIRST, FIRST])
  assert.is(await tokens.of(pod, HOUR), FIRST)
  assert.equal(asked[0]!, {
    expirationSeconds: 3607,
    boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'u1' },
  } as never)
  assert.is(await tokens.of(pod, { ...HOUR, audience: 'vault' }), SECOND)
  assert.equal(asked[1]!.audiences, ['vault'])
})

test('it is renewed after four fifths of its life', async () => {
  const { tokens, clock } = arrange()
  assert.is(tokens.renewAtMs('u1'), undefined)
  await tokens.of(pod, HOUR)
  const dueMs = tokens.renewAtMs('u1')! - clock.now()
  const latestMs = 3607 * 800
  assert.ok(dueMs <= latestMs && dueMs >= latestMs - 10_000, String(dueMs))
  await clock.advance(latestMs - 11_000)
  assert.is(await tokens.of(pod, HOUR), FIRST)
  await clock.advance(11_000)
  assert.is(await tokens.of(pod, HOUR), SECOND)
})

test('a long one is renewed after a day', async () => {
  const { tokens, clock } = arrange()
  await tokens.of(pod, { expirationSeconds: 30 * 86_400 })
  const dueMs = tokens.renewAtMs('u1')! - clock.now()
  assert.ok(dueMs <= 86_400_000 && dueMs >= 86_390_000, String(dueMs))
})

test('a failed renewal keeps the old token as long as it is good', async () => {
  const { tokens, clock, refuse } = arrange()
  await tokens.of(pod, HOUR)
  refuse()
  await clock.advance(3000_000)
  assert.is(await tokens.of(pod, HOUR), FIRST)
  assert.is(tokens.renewAtMs('u1'), clock.now() + 60_000, 'tried again in a minute')
  await clock.advance(700_000)
  refuse()
  const message = await tokens.of(pod, HOUR).catch((error: Error) => error.message)
  assert.match(message, /expired and refresh failed: serviceaccounts "sa" is forbidden: no/)
})

test('without a token there is the message of a FailedMount event', async () => {
  const { tokens, refuse } = arrange()
  refuse()
  const message = await tokens.of(pod, HOUR).catch((error: Error) => error.message)
  assert.is(message, 'failed to fetch token: serviceaccounts "sa" is forbidden: no')
  assert.is(await tokens.of(pod, HOUR), SECOND)
})

test('tokens of a pod that has gone are forgotten', async () => {
  const { tokens } = arrange()
  await tokens.of(pod, HOUR)
  tokens.forget('u1')
  assert.is(tokens.renewAtMs('u1'), undefined)
  assert.is(await tokens.of(pod, HOUR), SECOND)
})

test.run()
