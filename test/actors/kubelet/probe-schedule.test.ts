import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Probe } from '../../../src/actors/kubelet/pod-view.ts'
import {
  afterAttempt,
  firstProbeMs,
  freshProbe,
  type ProbeKind,
  type ProbeState,
} from '../../../src/actors/kubelet/probe-schedule.ts'

const test = suite('probe schedule')

/** The verdicts after each outcome, `+` or `-`. */
const verdicts = (kind: ProbeKind, probe: Probe, from: ProbeState['result'], outcomes: string) => {
  let state = freshProbe(from)
  return [...outcomes]
    .map((outcome) => {
      state = afterAttempt(kind, probe, state, { success: outcome === '+', output: '' }).state
      return state.result[0]
    })
    .join('')
}

const probe = { periodSeconds: 5, failureThreshold: 3, successThreshold: 1 }

test('liveness fails after as many failures as its threshold', () =>
  assert.is(verdicts('liveness', probe, 'success', '--+---'), 'sssssf'))
test('readiness needs as many successes as its threshold', () =>
  assert.is(verdicts('readiness', { ...probe, successThreshold: 2 }, 'failure', '++'), 'fs'))
test('readiness falls after its failures', () =>
  assert.is(verdicts('readiness', probe, 'success', '---'), 'ssf'))
test('early failures of a startup probe do not count', () =>
  assert.is(verdicts('startup', { failureThreshold: 1 }, 'unknown', '-----'), 'uuuuf'))
test('asks again quickly at first, then at its period', () => {
  let state = freshProbe('failure')
  const delays: number[] = []
  for (let index = 0; index < 6; index++) {
    const after = afterAttempt('readiness', probe, state, { success: false, output: '' })
    state = after.state
    delays.push(after.nextMs)
  }
  assert.equal(delays, [100, 150, 250, 400, 5000, 5000])
})
test('never asks a liveness probe early', () => {
  const after = afterAttempt('liveness', probe, freshProbe('success'), {
    success: false,
    output: '',
  })
  assert.is(after.nextMs, 5_000)
  assert.is(after.counted, true)
})
test('waits for the initial delay', () =>
  assert.is(firstProbeMs({ initialDelaySeconds: 3 }, 1_000), 4_000))

test.run()
