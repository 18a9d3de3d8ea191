/**
 * Deadlines of requests: the server's, and the one a request names.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RequestDeadlines, type Timed } from '../../../src/actors/apiserver/request-deadline.ts'
import { StatusError } from '../../../src/api/status-error.ts'
import { virtualClock } from '../../support/virtual-clock.ts'

const begin = () => {
  const clock = virtualClock()
  const deadlines = new RequestDeadlines(clock)
  const expired: string[] = []
  const add = (name: string, query = ''): Timed => {
    const request: Timed = {
      startedAt: clock.monotonic(),
      expire: (error) => expired.push(`${name} ${error.code} ${error.message}`),
      before: undefined,
      after: undefined,
      isTimed: false,
    }
    deadlines.add(request, new URLSearchParams(query))
    return request
  }
  return { clock, deadlines, expired, add }
}
const OVER = '504 Timeout: request did not complete within the allotted timeout'

test('a request ends after a minute, unless it is done before', async () => {
  const { clock, deadlines, expired, add } = begin()
  const done = add('done')
  add('slow')
  await clock.advance(30_000)
  add('later')
  deadlines.remove(done)
  deadlines.remove(done)
  await clock.advance(32_000)
  assert.equal(expired, [`slow ${OVER}`])
  await clock.advance(60_000)
  assert.equal(expired, [`slow ${OVER}`, `later ${OVER}`])
})

test('a request may ask for less, not for more', async () => {
  const { clock, deadlines, expired, add } = begin()
  add('short', 'timeout=1.5s')
  add('long', 'timeout=1h')
  add('none', 'timeout=0')
  deadlines.remove(add('done', 'timeout=500ms'))
  await clock.advance(1600)
  assert.equal(expired, [`short ${OVER}`])
  await clock.advance(70_000)
  assert.is(expired.length, 3)
})

test('what is no duration is refused in the words of Go', () => {
  const { add } = begin()
  const refusal = (text: string): string => {
    try {
      add('x', `timeout=${text}`)
    } catch (error) {
      if (error instanceof StatusError) return `${error.code} ${error.message}`
    }
    return 'none'
  }
  const start = '400 invalid timeout specified in the request URL - time: '
  assert.is(refusal('soon'), `${start}invalid duration "soon"`)
  assert.is(refusal('5'), `${start}missing unit in duration "5"`)
  assert.is(refusal('5x'), `${start}unknown unit "x" in duration "5x"`)
  assert.is(refusal('-5m30s'), 'none')
})

test.run()
