import { pino } from 'pino'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PodTokens } from '../../../src/actors/kubelet/pod-tokens.ts'
import { forbidden } from '../../../src/api/status-error.ts'
import { memoryNetwork } from '../../../src/bus/memory-bus.ts'
import { virtualClock } from '../../support/virtual-clock.ts'
import { podOf } from './pod-fixtures.ts'

const test = suite('tokens of pods')

interface Asked {
  spec: {
    audiences?: string[]
    expirationSeconds: number
    boundObjectRef: { kind: string; name: string; uid: string }
  }
}

const arrange = async () => {
  const clock = virtualClock()
  const log = pino({ level: 'silent' })
  const connect = memoryNetwork(clock, log)
  const [bus, api] = [connect(), connect()]
  const asked: Asked[] = []
  const state = { refuses: false }
  await api.serve({
    name: 'api',
    description: '',
    version: '1.0.0',
    endpoints: [
      {
        name: 'token',
        subject: 'kubus.api.create.>',
        handle: ({ data }) => {
          const request = data as Asked
          asked.push(request)
          if (state.refuses) throw forbidden({ group: '', resource: 'serviceaccounts' }, 'sa', 'no')
          const endsAt = clock.now() + request.spec.expirationSeconds * 1000
          return {
            ...request,
            status: {
              token: `token-${asked.length}`,
              expirationTimestamp: new Date(endsAt).toISOString(),
            },
          }
        },
      },
    ],
  })
  const tokens = new PodTokens({ bus, clock, log })
  return { clock, tokens, asked, state }
}

const pod = podOf({ serviceAccountName: 'robot' })
const HOUR = { expirationSeconds: 3607 }

test('a token is asked for once, bound to the pod, however many read it', async () => {
  const { tokens, asked } = await arrange()
  assert.equal(await Promise.all([tokens.of(pod, HOUR), tokens.of(pod, HOUR)]), [
    'token-1',
    'token-1',
  ])
  assert.is(await tokens.of(pod, HOUR), 'token-1')
  assert.equal(asked[0]!.spec, {
    expirationSeconds: 3607,
    boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'u1' },
  } as never)
  assert.is(await tokens.of(pod, { ...HOUR, audience: 'vault' }), 'token-2')
  assert.equal(asked[1]!.spec.audiences, ['vault'])
})

test('it is renewed after four fifths of its life', async () => {
  const { tokens, clock } = await arrange()
  assert.is(tokens.renewAtMs('u1'), undefined)
  await tokens.of(pod, HOUR)
  const dueMs = tokens.renewAtMs('u1')! - clock.now()
  const latestMs = 3607 * 800
  assert.ok(dueMs <= latestMs && dueMs >= latestMs - 10_000, String(dueMs))
  await clock.advance(latestMs - 11_000)
  assert.is(await tokens.of(pod, HOUR), 'token-1')
  await clock.advance(11_000)
  assert.is(await tokens.of(pod, HOUR), 'token-2')
})

test('a long one is renewed after a day', async () => {
  const { tokens, clock } = await arrange()
  await tokens.of(pod, { expirationSeconds: 30 * 86_400 })
  const dueMs = tokens.renewAtMs('u1')! - clock.now()
  assert.ok(dueMs <= 86_400_000 && dueMs >= 86_390_000, String(dueMs))
})

test('a failed renewal keeps the old token as long as it is good', async () => {
  const { tokens, clock, state } = await arrange()
  await tokens.of(pod, HOUR)
  state.refuses = true
  await clock.advance(3000_000)
  assert.is(await tokens.of(pod, HOUR), 'token-1')
  assert.is(tokens.renewAtMs('u1'), clock.now() + 60_000, 'tried again in a minute')
  await clock.advance(700_000)
  const message = await tokens.of(pod, HOUR).catch((error: Error) => error.message)
  assert.match(message, /expired and refresh failed: serviceaccounts "sa" is forbidden: no/)
})

test('without a token there is the message of a FailedMount event', async () => {
  const { tokens, state } = await arrange()
  state.refuses = true
  const message = await tokens.of(pod, HOUR).catch((error: Error) => error.message)
  assert.is(message, 'failed to fetch token: serviceaccounts "sa" is forbidden: no')
  state.refuses = false
  assert.is(await tokens.of(pod, HOUR), 'token-2')
})

test('tokens of a pod that has gone are forgotten', async () => {
  const { tokens } = await arrange()
  await tokens.of(pod, HOUR)
  tokens.forget('u1')
  assert.is(tokens.renewAtMs('u1'), undefined)
  assert.is(await tokens.of(pod, HOUR), 'token-2')
})

test.run()
