/**
 * DaemonSet for the test of every kind.
 */
import { DaemonSet } from '../../../src/api/apps/daemon-set.ts'
import type { KindCase } from '../kind-case.ts'

const INVALID = 'FieldValueInvalid'
const GENERATION = 'deprecated.daemonset.template.generation'

export const cases: KindCase = {
  kind: DaemonSet,
  minimal: {
    metadata: { name: 'agent' },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      template: {
        metadata: { labels: { app: 'agent' } },
        spec: { containers: [{ name: 'c', image: 'agent:1' }], nodeSelector: { disk: 'ssd' } },
      },
    },
  },
  defaults: {
    metadata: { annotations: { [GENERATION]: '1' } },
    spec: {
      updateStrategy: {
        type: 'RollingUpdate',
        rollingUpdate: { maxUnavailable: 1, maxSurge: 0 },
      },
      revisionHistoryLimit: 10,
    },
    status: {
      currentNumberScheduled: 0,
      desiredNumberScheduled: 0,
      numberMisscheduled: 0,
      numberReady: 0,
    },
  },
  bad: [
    {
      name: 'a selector that finds everything',
      change: ({ spec }) => {
        spec.selector = {}
      },
      causes: [
        {
          field: 'spec.selector',
          reason: INVALID,
          message: 'Invalid value: {}: empty selector is invalid for daemonset',
        },
      ],
    },
    {
      name: 'no selector',
      change: ({ spec }) => {
        delete spec.selector
      },
      causes: [{ field: 'spec.template.metadata.labels', reason: INVALID }],
    },
    {
      name: 'pods that end, negative numbers',
      change: ({ spec }) => {
        spec.template.spec.restartPolicy = 'Never'
        spec.template.spec.activeDeadlineSeconds = 3
        Object.assign(spec, { minReadySeconds: -1, revisionHistoryLimit: -1 })
      },
      causes: [
        { field: 'spec.template.spec.restartPolicy', reason: 'FieldValueNotSupported' },
        {
          field: 'spec.template.spec.activeDeadlineSeconds',
          reason: 'FieldValueForbidden',
          message: 'Forbidden: activeDeadlineSeconds in DaemonSet is not Supported',
        },
        { field: 'spec.minReadySeconds', reason: INVALID },
        { field: 'spec.revisionHistoryLimit', reason: INVALID },
      ],
    },
    {
      name: 'both a pod more and a pod less',
      change: ({ spec }) => {
        spec.updateStrategy = { rollingUpdate: { maxUnavailable: 1, maxSurge: '120%' } }
      },
      causes: [
        {
          field: 'spec.updateStrategy.rollingUpdate.maxSurge',
          reason: INVALID,
          message: 'Invalid value: "120%": must not be greater than 100%',
        },
        {
          field: 'spec.updateStrategy.rollingUpdate.maxSurge',
          reason: INVALID,
          message: 'Invalid value: "120%": may not be set when maxUnavailable is non-zero',
        },
      ],
    },
    {
      name: 'neither a pod more nor a pod less',
      change: ({ spec }) => {
        spec.updateStrategy = { rollingUpdate: { maxUnavailable: 0 } }
      },
      causes: [
        {
          field: 'spec.updateStrategy.rollingUpdate.maxUnavailable',
          reason: 'FieldValueRequired',
          message: 'Required value: cannot be 0 when maxSurge is 0',
        },
      ],
    },
    {
      name: 'a strategy there is not',
      change: ({ spec }) => {
        spec.updateStrategy = { type: 'Recreate' }
      },
      causes: [
        {
          field: 'spec.updateStrategy',
          reason: 'FieldValueNotSupported',
          message: /supported values: "RollingUpdate", "OnDelete"$/,
        },
      ],
    },
  ],
  immutable: [
    {
      name: 'the selector',
      change: ({ spec }) => {
        spec.selector.matchLabels.tier = 'front'
        spec.template.metadata.labels.tier = 'front'
      },
      causes: [{ field: 'spec.selector', reason: INVALID, message: /field is immutable$/ }],
    },
  ],
  change: ({ spec }) => {
    spec.minReadySeconds = 5
  },
  status: {
    currentNumberScheduled: 2,
    desiredNumberScheduled: 3,
    numberReady: 1,
    updatedNumberScheduled: 2,
    numberUnavailable: 2,
  },
  cells: ['agent', 0, 0, 0, 0, 0, 'disk=ssd', 'c', 'agent:1', 'app=agent'],
}
