/**
 * Jobs: what is made for them, what may change, and what their status may say.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Job } from '../../../src/api/batch/job.ts'
import { deepCopy } from '../../../src/api/equality.ts'
import type { FieldError } from '../../../src/api/status-error.ts'

type Spec = NonNullable<Job['spec']>
type Status = NonNullable<Job['status']>

const NOW = Date.parse('2026-01-01T01:00:00Z')

const create = (spec: Partial<Spec> = {}, status: Status = {}): Job => {
  const job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: 'once',
      namespace: 'default',
      uid: 'a-uid',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: {
      template: { spec: { containers: [{ name: 'c', image: 'i:1' }], restartPolicy: 'Never' } },
      ...deepCopy(spec),
    },
  } as Job
  Job.applyDefaults?.(job)
  Job.prepareForCreate?.(job, { now: NOW })
  job.status = status
  return job
}

const shown = (errors: FieldError[] | undefined) =>
  (errors ?? []).map(({ field, message }) => `${field}: ${message}`)

const updated = (old: Job, change: (spec: Spec) => void): string[] => {
  const next = deepCopy(old)
  change(next.spec!)
  return shown(Job.validateUpdate?.(next, old))
}

const reported = (old: Job, status: Status): string[] =>
  shown(Job.validateStatusUpdate?.({ ...old, status }, old))

test('a Job without a selector gets one that only its own pods have', () => {
  const { metadata, spec } = create()
  const labels = {
    'batch.kubernetes.io/controller-uid': 'a-uid',
    'batch.kubernetes.io/job-name': 'once',
    'controller-uid': 'a-uid',
    'job-name': 'once',
  }
  assert.equal(spec?.template.metadata?.labels, labels)
  assert.equal(metadata.labels, labels)
  assert.equal(spec?.selector, {
    matchLabels: { 'batch.kubernetes.io/controller-uid': 'a-uid' },
  })
})

test('a manual selector and its labels are left alone', () => {
  const template = {
    metadata: { labels: { app: 'once' } },
    spec: { containers: [{ name: 'c', image: 'i:1' }], restartPolicy: 'Never' },
  }
  const job = create({
    manualSelector: true,
    selector: { matchLabels: { app: 'once' } },
    template,
  })
  assert.equal(job.spec?.template.metadata, { labels: { app: 'once' } })
  assert.equal(shown(Job.validate?.(job)), [])
})

test('with a limit for each index there is none for the whole', () => {
  const limits = { completionMode: 'Indexed', completions: 2, backoffLimitPerIndex: 1 }
  assert.is(create(limits).spec?.backoffLimit, 2 ** 31 - 1)
  assert.is(create().spec?.backoffLimit, 6)
})

test('an indexed Job grows only together with its parallelism', () => {
  const job = create({ completionMode: 'Indexed', completions: 2, parallelism: 2 })
  assert.equal(
    updated(job, (spec) => {
      Object.assign(spec, { completions: 3, parallelism: 3 })
    }),
    [],
  )
  assert.equal(
    updated(job, (spec) => {
      spec.completions = 3
    }),
    ['spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism'],
  )
})

const reschedule = (spec: Spec) => {
  const pod = spec.template.spec!
  pod.nodeSelector = { disk: 'ssd' }
  pod.tolerations = [{ operator: 'Exists' }]
  pod.affinity = { nodeAffinity: {} }
  pod.containers[0]!.resources = { requests: { cpu: '2' } }
  spec.template.metadata!.annotations = { a: 'b' }
}
const suspended: Status = { conditions: [{ type: 'Suspended', status: 'True' }] }

test('while suspended and idle, a Job may change where its pods go and what they need', () => {
  assert.equal(updated(create({ suspend: true }, suspended), reschedule), [])
  assert.is(updated(create({ suspend: true }), reschedule).length, 1)
  const [refused] = updated(create(), reschedule)
  assert.match(refused ?? '', /^spec\.template: Invalid value: .*: field is immutable$/)
})

test('pods that still run keep a suspended Job as it is', () => {
  const busy = create({ suspend: true }, { ...suspended, active: 1 })
  assert.is(updated(busy, reschedule).length, 1)
})

test('an image never changes', () => {
  const [changed] = updated(create({ suspend: true }, suspended), (spec) => {
    spec.template.spec!.containers[0]!.image = 'i:2'
  })
  assert.match(changed ?? '', /^spec\.template\.spec: Invalid value: .*: field is immutable$/)
})

const condition = (type: string, status = 'True') => ({ type, status })
const started = { startTime: '2026-01-01T00:00:00Z' }
const completed: Status = {
  ...started,
  completionTime: '2026-01-01T00:10:00Z',
  succeeded: 1,
  conditions: [condition('SuccessCriteriaMet'), condition('Complete')],
}

test('a Job that completes properly is accepted', () => {
  assert.equal(reported(create({}, started), completed), [])
})

const refusals: readonly (readonly [string, Status, Status, string[]])[] = [
  [
    'complete without criteria, time or start',
    {},
    { conditions: [condition('Complete')] },
    [
      'status.completionTime: Required value: completionTime is required for Complete jobs',
      'status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
      'status.startTime: Required value: startTime is required for finished job',
    ],
  ],
  [
    'failed without a reason, with pods at work',
    started,
    { ...started, active: 1, conditions: [condition('Failed')] },
    [
      'status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition',
      'status.active: Invalid value: 1: active>0 is invalid for finished job',
    ],
  ],
  [
    'complete no more',
    completed,
    { ...started, succeeded: 1 },
    [
      'status.conditions: Invalid value: cannot disable the terminal Complete=True condition',
      'status.conditions: Invalid value: cannot disable the SuccessCriteriaMet=True condition',
    ],
  ],
  [
    'counters that go back, more ready than active',
    { failed: 2, succeeded: 2 },
    { failed: 1, succeeded: 1, ready: 1 },
    [
      'status.ready: Invalid value: 1: cannot set more ready pods than active',
      'status.failed: Invalid value: 1: cannot decrease the failed counter',
      'status.succeeded: Invalid value: 1: cannot decrease the succeeded counter',
    ],
  ],
  [
    'indexes of a Job without any',
    {},
    { completedIndexes: '0', failedIndexes: '0' },
    [
      'status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion mode',
      'status.failedIndexes: Invalid value: "0": cannot set non-null failedIndexes when backoffLimitPerIndex is null',
      'status.failedIndexes: Invalid value: "0": failedIndexes and completedIndexes overlap at index: 0',
    ],
  ],
  [
    'a start that moves',
    started,
    { startTime: '2026-01-01T00:00:01Z' },
    [
      'status.startTime: Invalid value: "2026-01-01T00:00:01Z": field is immutable for unsuspended job once set',
    ],
  ],
  [
    'one pod counted twice',
    {},
    { uncountedTerminatedPods: { succeeded: ['a', ''], failed: ['a'] } },
    [
      'status.uncountedTerminatedPods.succeeded[1]: Invalid value: "": must not be empty',
      'status.uncountedTerminatedPods.failed[0]: Duplicate value: "a"',
    ],
  ],
]
for (const [name, before, after, errors] of refusals)
  test(`a status is refused: ${name}`, () => {
    assert.equal(reported(create({}, before), after), errors)
  })

test('an old fault does not stand in the way of another change', () => {
  const faulty: Status = { conditions: [condition('Complete')] }
  const more = { ...faulty, conditions: [...faulty.conditions!, condition('Custom')] }
  assert.equal(reported(create({}, faulty), more), [])
})

const cells = (job: Job) => Job.columns.map((column) => column.value(job, NOW)).slice(0, 4)

test('its columns say how it goes', () => {
  assert.equal(cells(create({}, completed)), ['once', 'Complete', '1/1', '10m'])
  assert.equal(cells(create({ parallelism: 3 }, started)), ['once', 'Running', '0/1 of 3', '60m'])
  assert.equal(cells(create({ suspend: true }, suspended)), ['once', 'Suspended', '0/1', ''])
})

test.run()
