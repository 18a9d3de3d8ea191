import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newMemory, type PodMemory } from '../../../src/actors/kubelet/pod-memory.ts'
import { emptyView } from '../../../src/actors/kubelet/pod-view.ts'
import { type Plan, planPod } from '../../../src/actors/kubelet/sync-pod.ts'
import type { Pod } from '../../../src/api/core/pod.ts'
import { box, exited, memoryOf, podOf, running, sandboxOf, T0 } from './pod-fixtures.ts'

const test = suite('sync pod')

const show = ({ steps, wakeAtMs, verdict }: Plan): string =>
  [
    ...steps.map((step) => {
      switch (step.type) {
        case 'createSandbox':
          return `sandbox ${step.attempt} [${step.prefetch}]`
        case 'startContainer':
          return `start ${step.name} ${step.attempt}${step.restarted ? ' again' : ''}`
        case 'killContainer':
          return `kill ${step.id} ${step.graceSeconds}s ${step.reason}`
        default:
          return step.type
      }
    }),
    ...(wakeAtMs === undefined ? [] : [`wake +${wakeAtMs - T0}`]),
    ...(verdict ? [verdict.reason] : []),
  ].join('; ')

const check = (name: string, memory: PodMemory, want: string, now = T0 + 2_000) =>
  test(name, () => assert.is(show(planPod(memory, now)), want))

const two = podOf({ containers: [box('a'), box('b')] })
const withInit = podOf({ initContainers: [box('i1'), box('i2')] })
const withSidecar = podOf({
  initContainers: [
    box('side', { restartPolicy: 'Always', startupProbe: { tcpSocket: { port: 1 } } }),
  ],
  containers: [box('main')],
})
const withVolume = (pod: Pod): Pod => ({
  ...pod,
  spec: { ...pod.spec!, volumes: [{ name: 'v', emptyDir: {} }] },
})
const never = podOf({ restartPolicy: 'Never' })
const onFailure = podOf({ restartPolicy: 'OnFailure' })
const deleted = (grace: number) =>
  podOf(
    {},
    { metadata: { deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: grace } },
  )

check(
  'begins with volumes and a sandbox, and fetches images meanwhile',
  newMemory(withVolume(two), emptyView, T0),
  'mountVolumes; sandbox 0 [a,b]',
)
check(
  'fetches only the first init container',
  newMemory(withVolume(withInit), emptyView, T0),
  'mountVolumes; sandbox 0 [i1]',
)
check('starts all containers together', memoryOf(two), 'start a 0; start b 0')
check('waits for volumes', memoryOf(two, [], { mounted: false }), 'mountVolumes')
check('does nothing while all run', memoryOf(two, [running('a'), running('b')]), '')
check(
  'leaves out what is under way',
  memoryOf(two, [], { busy: new Map([['start/a', 0]]) }),
  'start b 0',
)
check('starts init containers one by one', memoryOf(withInit), 'start i1 0')
check('waits for a running init container', memoryOf(withInit, [running('i1')]), '')
check('goes on after an init container', memoryOf(withInit, [exited('i1', 0)]), 'start i2 0')
check(
  'starts the main containers after the last',
  memoryOf(withInit, [exited('i1', 0), exited('i2', 0)]),
  'start main 0',
)
check('repeats a failed init container', memoryOf(withInit, [exited('i1', 1)]), 'start i1 1 again')
check(
  'never goes back to init containers once the main one ran',
  memoryOf(withInit, [exited('i1', 0), running('main')]),
  '',
)
check('starts a sidecar first', memoryOf(withSidecar), 'start side 0')
check('waits until a sidecar has started', memoryOf(withSidecar, [running('side')]), '')
check(
  'goes on when a sidecar has started',
  memoryOf(withSidecar, [running('side')], {
    judgements: new Map([['side-0', { started: true, ready: true }]]),
  }),
  'start main 0',
)
check('restarts at once', memoryOf(podOf(), [exited('main', 1)]), 'start main 1 again')
check(
  'holds a second restart back',
  memoryOf(podOf(), [exited('main', 1, { attempt: 1 })], {
    restarts: new Map([['main', { delayMs: 10_000, updatedMs: T0 }]]),
  }),
  'wake +11000',
)
check('ends a pod that is done', memoryOf(never, [exited('main', 0)]), 'stopSandbox')
check('ends a pod that succeeded', memoryOf(onFailure, [exited('main', 0)]), 'stopSandbox')
check('restarts on failure', memoryOf(onFailure, [exited('main', 1)]), 'start main 1 again')
check(
  'kills what failed its liveness probe with the grace of the probe',
  memoryOf(
    podOf({
      containers: [box('main', { livenessProbe: { terminationGracePeriodSeconds: 3 } })],
    }),
    [running('main')],
    { judgements: new Map([['main-0', { started: true, unhealthy: 'liveness' }]]) },
  ),
  'kill main-0 3s liveness',
)
check('kills a deleted pod', memoryOf(deleted(30), [running('main')]), 'kill main-0 30s deleted')
check(
  'does not kill twice',
  memoryOf(deleted(30), [running('main')], { busy: new Map([['kill/main-0', 30]]) }),
  '',
)
check(
  'kills again when the grace was shortened',
  memoryOf(deleted(0), [running('main')], { busy: new Map([['kill/main-0', 30]]) }),
  'kill main-0 1s deleted',
)
check('removes a deleted pod that stopped', memoryOf(deleted(30), [exited('main', 0)]), 'remove')
check(
  'waits for a start under way before it removes',
  memoryOf(deleted(30), [], { busy: new Map([['start/main', 0]]) }),
  '',
)
check(
  'removes what vanished from the API',
  memoryOf(podOf(), [running('main')], { vanished: true }),
  'kill main-0 30s deleted',
)
check(
  'ends sidecars after the others',
  memoryOf(
    {
      ...withSidecar,
      metadata: { ...withSidecar.metadata, deletionTimestamp: '2026-01-01T00:00:30Z' },
    },
    [running('side'), running('main')],
  ),
  'kill main-0 30s deleted',
)
check(
  'ends the sidecar of a finished job',
  memoryOf(podOf({ ...withSidecar.spec, restartPolicy: 'Never' }), [
    running('side'),
    exited('main', 0),
  ]),
  'kill side-0 30s finished',
)
check(
  'makes a new sandbox for one that ended, after killing what is left',
  {
    ...memoryOf(podOf(), [running('main')]),
    view: {
      ...memoryOf(podOf(), [running('main')]).view,
      sandbox: sandboxOf({ state: 'notReady' }),
    },
  },
  'kill main-0 0s sandbox',
)
check(
  'counts sandboxes',
  {
    ...memoryOf(podOf(), [exited('main', 137)]),
    view: { ...memoryOf(podOf(), []).view, sandbox: sandboxOf({ state: 'notReady' }) },
  },
  'sandbox 1 [main]',
)
check(
  'fails a pod past its deadline',
  memoryOf(podOf({ activeDeadlineSeconds: 1 }), [running('main')]),
  'kill main-0 30s deadline; DeadlineExceeded',
)
check(
  'wakes at its deadline',
  memoryOf(podOf({ activeDeadlineSeconds: 60 }), [running('main')]),
  'wake +60000',
)
check(
  'waits before it pulls again',
  memoryOf(podOf(), [], {
    retries: new Map([
      [
        'main',
        {
          failures: 1,
          failedAtMs: T0,
          notBeforeMs: T0 + 10_000,
          reason: 'ErrImagePull',
          message: 'no',
        },
      ],
    ]),
  }),
  'wake +10000',
)

test('is the same for the same memory', () => {
  const memory = memoryOf(two, [exited('a', 1), running('b')])
  assert.equal(planPod(memory, T0 + 5_000), planPod(memory, T0 + 5_000))
})

test.run()
