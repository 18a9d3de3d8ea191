/**
 * CronJobs: time zones, and what their columns show.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CronJob } from '../../../src/api/batch/cron-job.ts'

const NOW = Date.parse('2026-01-01T01:00:00Z')

const cronJob = (spec: Partial<NonNullable<CronJob['spec']>>): CronJob => {
  const made = {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: {
      name: 'nightly',
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: {
      schedule: '0 3 * * *',
      jobTemplate: {
        spec: {
          template: {
            spec: { containers: [{ name: 'c', image: 'i:1' }], restartPolicy: 'Never' },
          },
        },
      },
      ...spec,
    },
  } as CronJob
  CronJob.applyDefaults?.(made)
  return made
}

const faults = (spec: Partial<NonNullable<CronJob['spec']>>): string[] =>
  (CronJob.validate?.(cronJob(spec)) ?? []).map(({ field, message }) => `${field}: ${message}`)

test('time zones are those of the IANA', () => {
  for (const timeZone of ['UTC', 'Etc/GMT+5', 'Europe/Berlin', 'Asia/Calcutta'])
    assert.equal(faults({ timeZone }), [], timeZone)
})

const zones: readonly (readonly [string, string[]])[] = [
  ['', ['Invalid value: "": timeZone must be nil or non-empty string']],
  ['europe/berlin', ['Invalid value: "europe/berlin": unknown time zone europe/berlin']],
  ['../etc/passwd', ['Invalid value: "../etc/passwd": unknown time zone ../etc/passwd']],
  ['+02:00', ['Invalid value: "+02:00": unknown time zone +02:00']],
  [
    'Local',
    [
      'Invalid value: "Local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
    ],
  ],
]
for (const [timeZone, expected] of zones)
  test(`no time zone: ${JSON.stringify(timeZone)}`, () => {
    assert.equal(
      faults({ timeZone }),
      expected.map((message) => `spec.timeZone: ${message}`),
    )
  })

test('its columns say when it ran', () => {
  const made = cronJob({ timeZone: 'UTC', suspend: true })
  made.status = { lastScheduleTime: '2026-01-01T00:30:00Z', active: [{}, {}] }
  const cells = CronJob.columns.map((column) => column.value(made, NOW))
  assert.equal(cells.slice(0, 7), ['nightly', '0 3 * * *', 'UTC', 'True', 2, '30m', '60m'])
})

test.run()
