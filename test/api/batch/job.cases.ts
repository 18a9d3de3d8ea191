/**
 * Job for the test of every kind.
 */
import { Job } from '../../../src/api/batch/job.ts'
import type { KindCase, LooseObject } from '../kind-case.ts'

const INVALID = 'FieldValueInvalid'
const REQUIRED = 'FieldValueRequired'
const UNSUPPORTED = 'FieldValueNotSupported'

const index = (spec: LooseObject, fields: object = {}) =>
  Object.assign(spec, { completionMode: 'Indexed', completions: 3, parallelism: 3 }, fields)

export const cases: KindCase = {
  kind: Job,
  minimal: {
    metadata: { name: 'once' },
    spec: {
      template: { spec: { containers: [{ name: 'c', image: 'once:1' }], restartPolicy: 'Never' } },
    },
  },
  defaults: {
    metadata: { labels: { 'job-name': 'once', 'batch.kubernetes.io/job-name': 'once' } },
    spec: {
      completions: 1,
      parallelism: 1,
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      suspend: false,
      podReplacementPolicy: 'TerminatingOrFailed',
      manualSelector: false,
      template: {
        metadata: { labels: { 'job-name': 'once', 'batch.kubernetes.io/job-name': 'once' } },
      },
    },
    status: {},
  },
  bad: [
    {
      name: 'pods that are started again for ever',
      change: ({ spec }) => {
        delete spec.template.spec.restartPolicy
      },
      causes: [
        {
          field: 'spec.template.spec.restartPolicy',
          reason: REQUIRED,
          message: 'Required value: valid values: "OnFailure", "Never"',
        },
      ],
    },
    {
      name: 'negative numbers',
      change: ({ spec }) => {
        for (const field of [
          'parallelism',
          'completions',
          'activeDeadlineSeconds',
          'backoffLimit',
          'ttlSecondsAfterFinished',
        ])
          spec[field] = -1
      },
      causes: [
        {
          field: 'spec.parallelism',
          reason: INVALID,
          message: 'Invalid value: -1: must be greater than or equal to 0',
        },
        { field: 'spec.completions', reason: INVALID },
        { field: 'spec.activeDeadlineSeconds', reason: INVALID },
        { field: 'spec.backoffLimit', reason: INVALID },
        { field: 'spec.ttlSecondsAfterFinished', reason: INVALID },
      ],
    },
    {
      name: 'labels that belong to another Job',
      change: ({ spec }) => {
        spec.template.metadata = { labels: { 'job-name': 'another' } }
      },
      causes: [
        {
          field: 'spec.template.metadata.labels[job-name]',
          reason: INVALID,
          message: /must be 'once'$/,
        },
      ],
    },
    {
      name: 'a manual selector that is not there',
      change: ({ spec }) => {
        spec.manualSelector = true
      },
      causes: [
        { field: 'spec.selector', reason: REQUIRED },
        { field: 'spec.template.metadata.labels', reason: INVALID },
      ],
    },
    {
      name: 'limits of indexes where there are none',
      change: ({ spec }) => {
        Object.assign(spec, { backoffLimitPerIndex: 1, maxFailedIndexes: 1 })
      },
      causes: [
        {
          field: 'spec.backoffLimitPerIndex',
          reason: INVALID,
          message: 'Invalid value: 1: requires indexed completion mode',
        },
        { field: 'spec.maxFailedIndexes', reason: INVALID },
      ],
    },
    {
      name: 'indexes without an end, a name too long for its pods',
      change: ({ metadata, spec }) => {
        metadata.name = 'x'.repeat(62)
        spec.completionMode = 'Indexed'
        spec.parallelism = 1
        delete spec.completions
      },
      causes: [
        {
          field: 'spec.completions',
          reason: REQUIRED,
          message: 'Required value: when completion mode is Indexed',
        },
      ],
    },
    {
      name: 'a name too long for its pods',
      change: ({ metadata, spec }) => {
        metadata.name = 'x'.repeat(62)
        index(spec)
      },
      causes: [
        {
          field: 'metadata.name',
          reason: INVALID,
          message: /will not able to create pod with invalid DNS label: x{62}-2$/,
        },
      ],
    },
    {
      name: 'more failures allowed than there are indexes',
      change: ({ spec }) => {
        index(spec, { backoffLimitPerIndex: 1, maxFailedIndexes: 4, managedBy: 'me' })
      },
      causes: [
        {
          field: 'spec.managedBy',
          reason: INVALID,
          message: 'Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")',
        },
        {
          field: 'spec.maxFailedIndexes',
          reason: INVALID,
          message: 'Invalid value: 4: must be less than or equal to completions',
        },
      ],
    },
    {
      name: 'a failure policy that makes no sense',
      change: ({ spec }) => {
        spec.podReplacementPolicy = 'TerminatingOrFailed'
        spec.template.spec.restartPolicy = 'OnFailure'
        spec.podFailurePolicy = {
          rules: [
            { action: 'FailIndex', onExitCodes: { operator: 'In', values: [2, 0, 2] } },
            { action: 'Panic' },
            {
              action: 'Ignore',
              onExitCodes: { containerName: 'other', operator: 'Is', values: [1] },
              onPodConditions: [{ type: 'a b', status: 'Maybe' }],
            },
          ],
        }
      },
      causes: [
        {
          field: 'spec.podFailurePolicy.rules[0].action',
          reason: INVALID,
          message: 'Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set',
        },
        {
          field: 'spec.podFailurePolicy.rules[0].onExitCodes.values[1]',
          reason: INVALID,
          message: 'Invalid value: 0: must not be 0 for the In operator',
        },
        {
          field: 'spec.podFailurePolicy.rules[0].onExitCodes.values[2]',
          reason: 'FieldValueDuplicate',
        },
        {
          field: 'spec.podFailurePolicy.rules[0].onExitCodes.values',
          reason: INVALID,
          message: 'Invalid value: [2,0,2]: must be ordered',
        },
        {
          field: 'spec.podFailurePolicy.rules[1].action',
          reason: UNSUPPORTED,
          message:
            'Unsupported value: "Panic": supported values: "Count", "FailIndex", "FailJob", "Ignore"',
        },
        {
          field: 'spec.podFailurePolicy.rules[1]',
          reason: INVALID,
          message: 'Invalid value: specifying one of OnExitCodes and OnPodConditions is required',
        },
        { field: 'spec.podFailurePolicy.rules[2].onExitCodes.operator', reason: UNSUPPORTED },
        {
          field: 'spec.podFailurePolicy.rules[2].onExitCodes.containerName',
          reason: INVALID,
          message:
            'Invalid value: "other": must be one of the container or initContainer names in the pod template',
        },
        { field: 'spec.podFailurePolicy.rules[2].onPodConditions[0].type', reason: INVALID },
        { field: 'spec.podFailurePolicy.rules[2].onPodConditions[0].status', reason: UNSUPPORTED },
        {
          field: 'spec.podFailurePolicy.rules[2]',
          reason: INVALID,
          message:
            'Invalid value: specifying both OnExitCodes and OnPodConditions is not supported',
        },
        {
          field: 'spec.podReplacementPolicy',
          reason: UNSUPPORTED,
          message: 'Unsupported value: "TerminatingOrFailed": supported values: "Failed"',
        },
        {
          field: 'spec.template.spec.restartPolicy',
          reason: INVALID,
          message:
            'Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified',
        },
      ],
    },
    {
      name: 'a success policy of a Job without indexes',
      change: ({ spec }) => {
        spec.successPolicy = { rules: [{ succeededCount: 1 }] }
      },
      causes: [
        {
          field: 'spec.successPolicy',
          reason: INVALID,
          message: /requires indexed completion mode$/,
        },
      ],
    },
    {
      name: 'a success policy that cannot be met',
      change: ({ spec }) => {
        index(spec, {
          successPolicy: {
            rules: [
              {},
              { succeededIndexes: '0-1', succeededCount: 4 },
              { succeededIndexes: '2,1' },
              { succeededIndexes: '3' },
              { succeededIndexes: '1-2-3' },
            ],
          },
        })
      },
      causes: [
        {
          field: 'spec.successPolicy.rules[0]',
          reason: REQUIRED,
          message:
            'Required value: at least one of succeededCount or succeededIndexes must be specified',
        },
        {
          field: 'spec.successPolicy.rules[1].succeededCount',
          reason: INVALID,
          message:
            'Invalid value: 4: must be less than or equal to 3 (the number of specified completions)',
        },
        {
          field: 'spec.successPolicy.rules[1].succeededCount',
          reason: INVALID,
          message:
            'Invalid value: 4: must be less than or equal to 2 (the number of indexes in the specified succeededIndexes field)',
        },
        {
          field: 'spec.successPolicy.rules[2].succeededIndexes',
          reason: INVALID,
          message:
            'Invalid value: "2,1": error parsing succeededIndexes: non-increasing order, previous: 2, current: 1',
        },
        {
          field: 'spec.successPolicy.rules[3].succeededIndexes',
          reason: INVALID,
          message: 'Invalid value: "3": error parsing succeededIndexes: too large index: "3"',
        },
        {
          field: 'spec.successPolicy.rules[4].succeededIndexes',
          reason: INVALID,
          message: /the fragment "1-2-3" violates the requirement/,
        },
      ],
    },
  ],
  immutable: [
    {
      name: 'completions, template and mode',
      change: ({ spec }) => {
        spec.completions = 2
        spec.template.spec.containers[0].image = 'once:2'
        spec.managedBy = 'example.com/me'
      },
      causes: [
        {
          field: 'spec.completions',
          reason: INVALID,
          message: 'Invalid value: 2: field is immutable',
        },
        { field: 'spec.template', reason: INVALID, message: /field is immutable$/ },
        { field: 'spec.managedBy', reason: INVALID },
      ],
    },
    {
      name: 'the selector',
      change: ({ spec }) => {
        spec.selector.matchLabels['job-name'] = 'once'
      },
      causes: [{ field: 'spec.selector', reason: INVALID, message: /field is immutable$/ }],
    },
  ],
  change: ({ spec }) => {
    spec.parallelism = 2
    spec.suspend = true
  },
  status: { active: 1, ready: 1, startTime: '2026-01-01T00:00:00Z' },
  cells: [
    'once',
    'Running',
    '0/1',
    '',
    'c',
    'once:1',
    /^batch\.kubernetes\.io\/controller-uid=[0-9a-f-]{36}$/,
  ],
}
