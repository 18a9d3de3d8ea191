import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { PodMemory } from '../../../src/actors/kubelet/pod-memory.ts'
import { newMemory } from '../../../src/actors/kubelet/pod-memory.ts'
import { emptyView } from '../../../src/actors/kubelet/pod-view.ts'
import { podStatus } from '../../../src/actors/kubelet/status.ts'
import { box, exited, memoryOf, podOf, running, T0 } from './pod-fixtures.ts'

const test = suite('pod status')
const facts = { runtimeName: 'docker', hostIP: '192.168.1.1' }
const statusOf = (memory: PodMemory, now = T0 + 2_000) => podStatus(memory, facts, now)
const ready = (...ids: string[]) => ({
  judgements: new Map(ids.map((id) => [id, { started: true, ready: true }])),
})

const checkPhase = (name: string, memory: PodMemory, want: string) =>
  test(name, () => assert.is(statusOf(memory).phase, want))

const never = podOf({ restartPolicy: 'Never' })
const both = podOf({ restartPolicy: 'Never', containers: [box('a'), box('b')] })

checkPhase('a new pod is Pending', newMemory(podOf(), emptyView, T0), 'Pending')
checkPhase('a pod that runs is Running', memoryOf(podOf(), [running('main')]), 'Running')
checkPhase('one missing container keeps it Pending', memoryOf(both, [running('a')]), 'Pending')
checkPhase(
  'a crashed pod that restarts is Running',
  memoryOf(podOf(), [exited('main', 1)]),
  'Running',
)
checkPhase('success', memoryOf(never, [exited('main', 0)]), 'Succeeded')
checkPhase('failure', memoryOf(never, [exited('main', 1)]), 'Failed')
checkPhase('one running of two', memoryOf(both, [exited('a', 1), running('b')]), 'Running')
checkPhase(
  'a failed init container that is never repeated fails the pod',
  memoryOf(podOf({ restartPolicy: 'Never', initContainers: [box('i')] }), [exited('i', 1)]),
  'Failed',
)
checkPhase(
  'a failed init container that is repeated keeps it Pending',
  memoryOf(podOf({ initContainers: [box('i')] }), [exited('i', 1)]),
  'Pending',
)
checkPhase(
  'a deleted pod that stopped well succeeded',
  memoryOf(podOf({}, { metadata: { deletionTimestamp: '2026-01-01T00:00:30Z' } }), [
    exited('main', 0),
  ]),
  'Succeeded',
)
checkPhase(
  'a terminal phase stays',
  memoryOf(podOf({}, { status: { phase: 'Succeeded' } }), [running('main')]),
  'Succeeded',
)
checkPhase(
  'a verdict waits until nothing runs',
  memoryOf(podOf(), [running('main')], { verdict: { reason: 'DeadlineExceeded', message: '' } }),
  'Running',
)

test('reports conditions in their order with reasons', () => {
  const memory = memoryOf(podOf({ initContainers: [box('i')] }), [running('i')])
  assert.equal(
    statusOf(memory).conditions?.map(({ type, status, reason, message }) => [
      type,
      status,
      reason,
      message,
    ]),
    [
      ['PodReadyToStartContainers', 'True', undefined, undefined],
      [
        'Initialized',
        'False',
        'ContainersNotInitialized',
        'containers with incomplete status: [i]',
      ],
      ['Ready', 'False', 'ContainersNotReady', 'containers with unready status: [main]'],
      ['ContainersReady', 'False', 'ContainersNotReady', 'containers with unready status: [main]'],
      ['PodScheduled', 'True', undefined, undefined],
    ],
  )
})

test('moves lastTransitionTime only with the status', () => {
  const first = memoryOf(podOf(), [running('main')], ready('main-0'))
  const before = statusOf(first, T0)
  const later = statusOf({ ...first, status: before }, T0 + 60_000)
  assert.equal(later.conditions, before.conditions)
  const crashed = memoryOf(podOf(), [exited('main', 1)], { status: before })
  const times = Object.fromEntries(
    statusOf(crashed, T0 + 60_000).conditions!.map(({ type, lastTransitionTime }) => [
      type,
      lastTransitionTime,
    ]),
  )
  assert.is(times['Ready'], '2026-01-01T00:01:00Z')
  assert.is(times['Initialized'], '2026-01-01T00:00:00Z')
})

test('carries conditions of others along and heeds readiness gates', () => {
  const gate = { conditionType: 'example.com/gate' }
  const foreign = { type: 'example.com/gate', status: 'False' }
  const memory = memoryOf(
    podOf({ readinessGates: [gate] }, { status: { conditions: [foreign] } }),
    [running('main')],
    ready('main-0'),
  )
  const conditions = statusOf(memory).conditions!
  const one = conditions.find(({ type }) => type === 'Ready')
  assert.is(one?.reason, 'ReadinessGatesNotReady')
  assert.is(
    one?.message,
    'the status of pod readiness gate "example.com/gate" is not "True", but False',
  )
  assert.equal(conditions.at(-1), foreign)
})

test('describes a container in back-off', () => {
  const memory = memoryOf(podOf(), [exited('main', 1, { attempt: 2, message: 'bye' })], {
    restarts: new Map([['main', { delayMs: 20_000, updatedMs: T0 }]]),
  })
  const [main] = statusOf(memory).containerStatuses!
  assert.equal(main?.state, {
    waiting: {
      reason: 'CrashLoopBackOff',
      message: 'back-off 20s restarting failed container=main pod=web_default(u1)',
    },
  })
  assert.equal(main?.lastState, {
    terminated: {
      exitCode: 1,
      reason: 'Error',
      message: 'bye',
      startedAt: '2026-01-01T00:00:00Z',
      finishedAt: '2026-01-01T00:00:01Z',
      containerID: 'docker://main-2',
    },
  })
  assert.is(main?.restartCount, 2)
  assert.is(main?.ready, false)
  assert.is(main?.started, false)
})

test('names what ended a container', () => {
  const reason = (more: object) =>
    statusOf(memoryOf(never, [exited('main', 137, more)])).containerStatuses![0]!.state!.terminated
      ?.reason
  assert.is(reason({}), 'Error')
  assert.is(reason({ outOfMemory: true }), 'OOMKilled')
  assert.is(reason({ exitCode: 0 }), 'Completed')
  const never2 = memoryOf(never, [
    { ...exited('main', 127), startedAtMs: undefined as never, error: 'no such file' },
  ])
  assert.is(statusOf(never2).containerStatuses![0]!.state!.terminated?.reason, 'ContainerCannotRun')
})

test('shows the pull that failed, then that it is held back', () => {
  const retry = {
    failures: 1,
    failedAtMs: T0,
    notBeforeMs: T0 + 10_000,
    reason: 'ErrImagePull',
    message: 'no such image',
  }
  const memory = memoryOf(podOf(), [], { retries: new Map([['main', retry]]) })
  const waiting = (now: number) => statusOf(memory, now).containerStatuses![0]!.state!.waiting
  assert.equal(waiting(T0 + 100), { reason: 'ErrImagePull', message: 'no such image' })
  assert.equal(waiting(T0 + 3_000), {
    reason: 'ImagePullBackOff',
    message: 'Back-off pulling image "main:1": ErrImagePull: no such image',
  })
})

test('orders container statuses by name and init containers as in the spec', () => {
  const memory = memoryOf(
    podOf({ initContainers: [box('z'), box('y')], containers: [box('b'), box('a')] }),
  )
  const status = statusOf(memory)
  assert.equal(
    status.containerStatuses?.map(({ name }) => name),
    ['a', 'b'],
  )
  assert.equal(
    status.initContainerStatuses?.map(({ name }) => name),
    ['z', 'y'],
  )
  assert.is(status.containerStatuses?.[0]?.state?.waiting?.reason, 'PodInitializing')
})

test('gives addresses, start time and the observed generation', () => {
  const status = statusOf(memoryOf(podOf(), [running('main')]))
  assert.is(status.podIP, '10.64.0.2')
  assert.equal(status.podIPs, [{ ip: '10.64.0.2' }])
  assert.equal(status.hostIPs, [{ ip: '192.168.1.1' }])
  assert.is(status.startTime, '2026-01-01T00:00:00Z')
  assert.is(status.observedGeneration, 1)
  const onHost = statusOf(memoryOf(podOf({ hostNetwork: true }), [running('main')]))
  assert.is(onHost.podIP, '192.168.1.1')
})

test.run()
