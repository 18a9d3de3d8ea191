import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Pod } from '../../../src/api/core/pod.ts'
import { summarizePod } from '../../../src/api/core/pod-columns.ts'
import { createPod, NOW } from './pod-samples.ts'

type Status = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number]

const status = (fields: Partial<Status>, name = 'web'): Status => ({
  name,
  image: 'web:1',
  imageID: '',
  ready: false,
  restartCount: 0,
  ...fields,
})
const running = status({ ready: true, state: { running: {} } })
const waiting = (reason: string) => status({ state: { waiting: { reason } } })
const ended = (exitCode: number, reason?: string) =>
  status({ state: { terminated: { exitCode, ...(reason ? { reason } : {}) } } })

const podWith = (fields: NonNullable<Pod['status']>, init: string[] = []): Pod => {
  const pod = createPod({
    initContainers: init.map((restartPolicy, index) => ({
      name: `init-${index}`,
      image: 'init:1',
      ...(restartPolicy ? { restartPolicy } : {}),
    })),
  })
  pod.status = { phase: 'Pending', ...fields }
  return pod
}

const ready = [{ type: 'Ready', status: 'True' }]

const cases: [string, string, Pod][] = [
  ['Pending', '0/1', podWith({})],
  ['Running', '1/1', podWith({ phase: 'Running', containerStatuses: [running] })],
  ['ContainerCreating', '0/1', podWith({ containerStatuses: [waiting('ContainerCreating')] })],
  ['CrashLoopBackOff', '0/1', podWith({ containerStatuses: [waiting('CrashLoopBackOff')] })],
  ['Completed', '0/1', podWith({ phase: 'Succeeded', containerStatuses: [ended(0, 'Completed')] })],
  ['Error', '0/1', podWith({ phase: 'Failed', containerStatuses: [ended(1, 'Error')] })],
  ['ExitCode:3', '0/1', podWith({ phase: 'Failed', containerStatuses: [ended(3)] })],
  [
    'Signal:9',
    '0/1',
    podWith({ containerStatuses: [status({ state: { terminated: { exitCode: 0, signal: 9 } } })] }),
  ],
  ['Evicted', '0/1', podWith({ phase: 'Failed', reason: 'Evicted' })],
  [
    'SchedulingGated',
    '0/1',
    podWith({ conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] }),
  ],
  [
    'Running',
    '1/1',
    podWith({
      phase: 'Running',
      conditions: ready,
      containerStatuses: [ended(0, 'Completed'), running],
    }),
  ],
  [
    'NotReady',
    '1/1',
    podWith({ phase: 'Running', containerStatuses: [ended(0, 'Completed'), running] }),
  ],
  [
    'Error',
    '1/1',
    podWith({
      phase: 'Running',
      containerStatuses: [ended(0, 'Completed'), ended(1, 'Error'), running],
    }),
  ],
  ['Init:0/2', '0/1', podWith({ initContainerStatuses: [status({}, 'init-0')] }, ['', ''])],
  [
    'Init:1/2',
    '0/1',
    podWith(
      {
        initContainerStatuses: [
          { ...ended(0, 'Completed'), name: 'init-0' },
          { ...waiting('PodInitializing'), name: 'init-1' },
        ],
      },
      ['', ''],
    ),
  ],
  [
    'Init:ImagePullBackOff',
    '0/1',
    podWith({ initContainerStatuses: [{ ...waiting('ImagePullBackOff'), name: 'init-0' }] }, ['']),
  ],
  [
    'Init:ExitCode:2',
    '0/1',
    podWith({ initContainerStatuses: [{ ...ended(2), name: 'init-0' }] }, ['']),
  ],
  [
    'Running',
    '2/2',
    podWith(
      {
        phase: 'Running',
        initContainerStatuses: [{ ...running, name: 'init-0', started: true }],
        containerStatuses: [running],
      },
      ['Always'],
    ),
  ],
]
for (const [word, count, pod] of cases) {
  test(`${word} ${count}`, () => {
    const summary = summarizePod(pod)
    assert.equal([summary.status, `${summary.ready}/${summary.total}`], [word, count])
  })
}

test('a deleted pod is terminating until it has ended, unknown on a lost node', () => {
  const pod = podWith({ phase: 'Running', containerStatuses: [running] })
  pod.metadata.deletionTimestamp = '2026-01-01T00:30:00Z'
  assert.is(summarizePod(pod).status, 'Terminating')
  pod.status!.reason = 'NodeLost'
  assert.is(summarizePod(pod).status, 'Unknown')
  pod.status = { phase: 'Succeeded', containerStatuses: [ended(0, 'Completed')] }
  assert.is(summarizePod(pod).status, 'Completed')
})

test('the row is the one kubectl shows', () => {
  const last = { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:55:00Z' } }
  const pod = podWith({
    phase: 'Running',
    podIPs: [{ ip: '10.1.0.7' }],
    containerStatuses: [{ ...running, restartCount: 3, lastState: last }],
    conditions: [{ type: 'example.com/warm', status: 'True' }],
  })
  pod.spec!.nodeName = 'node-1'
  pod.spec!.readinessGates = [{ conditionType: 'example.com/warm' }, { conditionType: 'a' }]
  const row = Object.fromEntries(Pod.columns.map((each) => [each.name, each.value(pod, NOW)]))
  assert.equal(row, {
    Name: 'web',
    Ready: '1/1',
    Status: 'Running',
    Restarts: '3 (5m ago)',
    Age: '60m',
    IP: '10.1.0.7',
    Node: 'node-1',
    'Nominated Node': '<none>',
    'Readiness Gates': '1/2',
  })
  assert.equal(
    Pod.columns.map(({ priority }) => priority),
    [0, 0, 0, 0, 0, 1, 1, 1, 1],
  )
})

test('restarts of init containers count only while they run', () => {
  const done = { ...ended(0, 'Completed'), name: 'init-0', restartCount: 4 }
  const busy = podWith({ initContainerStatuses: [{ ...done, state: { running: {} } }] }, [''])
  assert.is(summarizePod(busy).restarts, 4)
  const past = podWith({ initContainerStatuses: [done], containerStatuses: [running] }, [''])
  assert.is(summarizePod(past).restarts, 0)
})

test.run()
