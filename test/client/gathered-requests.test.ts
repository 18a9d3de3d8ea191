import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { notFound } from '../../src/api/status-error.ts'
import { decode } from '../../src/bus/codec.ts'
import {
  GATHERED_MAX,
  type GatheredAnswer,
  type GatheredRequest,
  gatherer,
} from '../../src/client/gathered-requests.ts'

const harness = (answerOf: (subject: string) => GatheredAnswer = (subject) => [subject]) => {
  const alone: string[] = []
  const together: GatheredRequest[][] = []
  const ask = gatherer({
    alone: async ({ subject }) => {
      alone.push(subject)
      return subject
    },
    together: async (requests) => {
      together.push([...requests])
      return requests.map(([subject]) => answerOf(subject))
    },
  })
  return {
    alone,
    together,
    ask: (subject: string, body: unknown = { of: subject }, lane = 'pods in a') =>
      ask({ subject, headers: {}, body, lane }),
  }
}

test('what is asked in one turn goes together, in order, each with its answer', async () => {
  const { ask, alone, together } = harness()
  assert.equal(await Promise.all([ask('a'), ask('b'), ask('c')]), ['a', 'b', 'c'])
  assert.equal(alone, [])
  assert.is(together.length, 1)
  assert.equal(
    together[0]!.map(([, , body]) => decode(body)),
    [{ of: 'a' }, { of: 'b' }, { of: 'c' }],
  )
})

test('one by itself, and one that is large, goes as it is', async () => {
  const { ask, alone, together } = harness()
  await ask('a')
  await Promise.all([ask('b'), ask('large', 'x'.repeat(10_000)), ask('c')])
  assert.equal(alone, ['a', 'large'])
  assert.equal(
    together.map((requests) => requests.map(([subject]) => subject)),
    [['b', 'c']],
  )
})

test('a message holds a bounded number', async () => {
  const { ask, together } = harness()
  await Promise.all(Array.from({ length: GATHERED_MAX * 2 + 2 }, (_, index) => ask(`s${index}`)))
  assert.equal(
    together.map(({ length }) => length),
    [GATHERED_MAX, GATHERED_MAX, 2],
  )
})

test('what goes to different places goes apart, so that nobody waits for another', async () => {
  const { ask, alone, together } = harness()
  await Promise.all([
    ask('a1'),
    ask('b1', {}, 'pods in b'),
    ask('a2'),
    ask('c1', {}, 'pods in c'),
    ask('b2', {}, 'pods in b'),
  ])
  assert.equal(alone, ['c1'])
  assert.equal(
    together.map((requests) => requests.map(([subject]) => subject)),
    [
      ['a1', 'a2'],
      ['b1', 'b2'],
    ],
  )
})

test('one failure fails one; a failed message fails all of it', async () => {
  const gone = notFound({ resource: 'pods', group: '' }, 'b')
  const { ask } = harness((subject) => (subject === 'b' ? [null, gone.status] : [subject]))
  const outcomes = await Promise.allSettled([ask('a'), ask('b')])
  assert.is(outcomes[0]!.status, 'fulfilled')
  assert.is((outcomes[1] as PromiseRejectedResult).reason.message, gone.message)
  const lost = gatherer({
    alone: async () => undefined,
    together: () => Promise.reject(new Error('the bus is gone')),
  })
  const request = { subject: 'a', headers: {}, body: {}, lane: '' }
  const all = await Promise.allSettled([lost(request), lost(request)])
  assert.equal(
    all.map((outcome) => (outcome as PromiseRejectedResult).reason.message),
    ['the bus is gone', 'the bus is gone'],
  )
})

test.run()
