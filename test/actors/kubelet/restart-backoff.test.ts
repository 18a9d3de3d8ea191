import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  goSeconds,
  nextRestart,
  type RestartBackoff,
  restartAtMs,
} from '../../../src/actors/kubelet/restart-backoff.ts'

const test = suite('restart back-off')

test('the first restart is immediate', () => assert.is(restartAtMs(undefined, 0, 500), 500))

test('doubles from 10 seconds to 5 minutes', () => {
  let backoff: RestartBackoff | undefined
  const delays: string[] = []
  for (let index = 0; index < 7; index++) {
    backoff = nextRestart(backoff, index)
    delays.push(goSeconds(backoff.delayMs))
  }
  assert.equal(delays, ['10s', '20s', '40s', '1m20s', '2m40s', '5m0s', '5m0s'])
})

test('counts from the end of the container', () =>
  assert.is(restartAtMs({ delayMs: 10_000, updatedMs: 0 }, 3_000, 4_000), 13_000))

test('is forgotten after ten minutes', () => {
  const old = { delayMs: 300_000, updatedMs: 0 }
  assert.is(restartAtMs(old, 600_000, 600_001), 600_001)
  assert.is(nextRestart(old, 600_001).delayMs, 10_000)
  assert.is(nextRestart(old, 600_000).delayMs, 300_000)
})

test.run()
