import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createActor } from 'xstate'
import { type Decision, podMachine } from '../../../src/actors/kubelet/pod.machine.ts'
import type { PodEvent } from '../../../src/actors/kubelet/pod-memory.ts'
import { emptyView, viewOf } from '../../../src/actors/kubelet/pod-view.ts'
import type { Pod } from '../../../src/api/core/pod.ts'
import { exited, podOf, running, sandboxOf, T0 } from './pod-fixtures.ts'

const test = suite('pod machine')

const start = (pod: Pod, view = emptyView) => {
  const decisions: Decision[] = []
  let tell: (event: PodEvent) => void = () => undefined
  const actor = createActor(podMachine, {
    input: {
      pod,
      view,
      facts: { runtimeName: 'docker', hostIP: '192.168.1.1' },
      now: () => T0 + 2_000,
      makeWorker: (_pod, given) => {
        tell = given
        return { carryOut: (decision) => decisions.push(decision), release: () => undefined }
      },
    },
  })
  actor.start()
  actor.send({ type: 'pod.changed', pod })
  const state = () => String(actor.getSnapshot().value)
  const steps = () => decisions.at(-1)?.steps.map(({ type }) => type)
  return { actor, state, steps, tell: (event: PodEvent) => tell(event) }
}

test('goes from waiting to running as its container does', () => {
  const { state, steps, tell } = start(podOf())
  assert.is(state(), 'waiting')
  assert.equal(steps(), ['createSandbox'])
  tell({
    type: 'task.settled',
    key: 'sandbox',
    result: { type: 'sandboxCreated', sandbox: sandboxOf() },
  })
  assert.equal(steps(), ['startContainer'])
  assert.is(state(), 'waiting')
  tell({
    type: 'task.settled',
    key: 'start/main',
    name: 'main',
    result: { type: 'started', container: running('main') },
  })
  assert.is(state(), 'running')
  assert.equal(steps(), [])
})

test('terminates, finishes and is removed when the pod is deleted', () => {
  const { actor, state, steps, tell } = start(podOf(), viewOf(sandboxOf(), [running('main')]))
  assert.is(state(), 'running')
  const pod = podOf({}, { metadata: { deletionTimestamp: '2026-01-01T00:00:30Z' } })
  actor.send({ type: 'pod.changed', pod })
  assert.is(state(), 'terminating')
  assert.equal(steps(), ['killContainer'])
  tell({ type: 'container.observed', container: exited('main', 0) })
  assert.equal(steps(), [], 'waits for the kill to settle')
  tell({ type: 'task.settled', key: 'kill/main-0', result: { type: 'done' } })
  assert.equal(steps(), ['remove'])
  tell({ type: 'task.settled', key: 'remove', result: { type: 'removed' } })
  assert.is(state(), 'removed')
  assert.is(actor.getSnapshot().status, 'done')
})

test('finishes a job and stays until it is deleted', () => {
  const { state, steps, tell } = start(
    podOf({ restartPolicy: 'Never' }),
    viewOf(sandboxOf(), [running('main')]),
  )
  tell({ type: 'container.observed', container: exited('main', 0) })
  assert.is(state(), 'terminating')
  assert.equal(steps(), ['stopSandbox'])
  tell({ type: 'task.settled', key: 'sandbox', result: { type: 'sandboxStopped' } })
  assert.is(state(), 'finished')
})

test('restarts a crashed container in the same breath', () => {
  const { steps, tell } = start(podOf(), viewOf(sandboxOf(), [running('main')]))
  tell({ type: 'container.observed', container: exited('main', 1) })
  assert.equal(steps(), ['startContainer'])
})

test.run()
