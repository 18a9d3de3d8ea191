/**
 * CronJob for the test of every kind.
 */
import { CronJob } from '../../../src/api/batch/cron-job.ts'
import type { KindCase } from '../kind-case.ts'

const INVALID = 'FieldValueInvalid'

export const cases: KindCase = {
  kind: CronJob,
  minimal: {
    metadata: { name: 'nightly' },
    spec: {
      schedule: '0 3 * * mon-fri',
      jobTemplate: {
        spec: {
          template: {
            spec: { containers: [{ name: 'c', image: 'i:1' }], restartPolicy: 'OnFailure' },
          },
        },
      },
    },
  },
  defaults: {
    spec: {
      concurrencyPolicy: 'Allow',
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
      jobTemplate: { spec: { template: { spec: { dnsPolicy: 'ClusterFirst' } } } },
    },
    status: {},
  },
  bad: [
    {
      name: 'no schedule, a policy there is not, negative numbers',
      change: ({ spec }) => {
        Object.assign(spec, {
          schedule: '',
          concurrencyPolicy: 'Queue',
          startingDeadlineSeconds: -1,
          successfulJobsHistoryLimit: -1,
          failedJobsHistoryLimit: -1,
        })
      },
      causes: [
        { field: 'spec.schedule', reason: 'FieldValueRequired' },
        { field: 'spec.startingDeadlineSeconds', reason: INVALID },
        {
          field: 'spec.concurrencyPolicy',
          reason: 'FieldValueNotSupported',
          message: 'Unsupported value: "Queue": supported values: "Allow", "Forbid", "Replace"',
        },
        { field: 'spec.successfulJobsHistoryLimit', reason: INVALID },
        { field: 'spec.failedJobsHistoryLimit', reason: INVALID },
      ],
    },
    {
      name: 'a schedule with too few fields, a zone there is not',
      change: ({ spec }) => {
        Object.assign(spec, { schedule: '0 3 * *', timeZone: 'Mars/Olympus' })
      },
      causes: [
        {
          field: 'spec.schedule',
          reason: INVALID,
          message: 'Invalid value: "0 3 * *": expected exactly 5 fields, found 4: [0 3 * *]',
        },
        {
          field: 'spec.timeZone',
          reason: INVALID,
          message: 'Invalid value: "Mars/Olympus": unknown time zone Mars/Olympus',
        },
      ],
    },
    {
      name: 'a time zone in the schedule',
      change: ({ spec }) => {
        spec.schedule = 'TZ=UTC 0 3 * * *'
      },
      causes: [
        {
          field: 'spec.schedule',
          reason: INVALID,
          message:
            'Invalid value: "TZ=UTC 0 3 * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
        },
      ],
    },
    {
      name: 'a Job that brings its own selector and never ends',
      change: ({ spec }) => {
        Object.assign(spec.jobTemplate.spec, {
          manualSelector: true,
          selector: { matchLabels: { a: 'b' } },
        })
        spec.jobTemplate.spec.template.spec.restartPolicy = 'Always'
      },
      causes: [
        {
          field: 'spec.jobTemplate.spec.template.spec.restartPolicy',
          reason: 'FieldValueRequired',
        },
        {
          field: 'spec.jobTemplate.spec.selector',
          reason: INVALID,
          message: 'Invalid value: {"matchLabels":{"a":"b"}}: `selector` will be auto-generated',
        },
        {
          field: 'spec.jobTemplate.spec.manualSelector',
          reason: 'FieldValueNotSupported',
          message: 'Unsupported value: true: supported values: "nil", "false"',
        },
      ],
    },
    {
      name: 'a name that leaves no room for the time',
      change: ({ metadata }) => {
        metadata.name = 'x'.repeat(53)
      },
      causes: [
        {
          field: 'metadata.name',
          reason: INVALID,
          message: `Invalid value: "${'x'.repeat(53)}": must be no more than 52 characters`,
        },
      ],
    },
  ],
  change: ({ spec }) => {
    Object.assign(spec, { schedule: '@every 90m', suspend: true })
    delete spec.timeZone
  },
  status: {
    lastScheduleTime: '2026-01-01T00:00:00Z',
    active: [{ apiVersion: 'batch/v1', kind: 'Job', name: 'nightly-1', namespace: 'default' }],
  },
  cells: ['nightly', '0 3 * * mon-fri', '<none>', 'False', 0, '<none>', 'c', 'i:1', '<none>'],
}
