/**
 * Deployment for the test of every kind.
 */
import { Deployment } from '../../../src/api/apps/deployment.ts'
import type { KindCase } from '../kind-case.ts'

const INVALID = 'FieldValueInvalid'
const REQUIRED = 'FieldValueRequired'

export const cases: KindCase = {
  kind: Deployment,
  minimal: {
    metadata: { name: 'web' },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'c', image: 'web:1' }] },
      },
    },
  },
  defaults: {
    spec: {
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: {
        type: 'RollingUpdate',
        rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' },
      },
      template: {
        spec: {
          restartPolicy: 'Always',
          dnsPolicy: 'ClusterFirst',
          schedulerName: 'default-scheduler',
          terminationGracePeriodSeconds: 30,
          securityContext: {},
        },
      },
    },
    status: {},
  },
  bad: [
    {
      name: 'no selector',
      change: ({ spec }) => {
        delete spec.selector
      },
      causes: [
        { field: 'spec.selector', reason: REQUIRED, message: 'Required value' },
        {
          field: 'spec.template.metadata.labels',
          reason: INVALID,
          message: 'Invalid value: {"app":"web"}: `selector` does not match template `labels`',
        },
      ],
    },
    {
      name: 'a selector that finds everything',
      change: ({ spec }) => {
        spec.selector = {}
      },
      causes: [
        {
          field: 'spec.selector',
          reason: INVALID,
          message: 'Invalid value: {}: empty selector is invalid for deployment',
        },
      ],
    },
    {
      name: 'negative numbers',
      change: ({ spec }) => {
        Object.assign(spec, { replicas: -1, minReadySeconds: -1, revisionHistoryLimit: -1 })
      },
      causes: [
        {
          field: 'spec.replicas',
          reason: INVALID,
          message: 'Invalid value: -1: must be greater than or equal to 0',
        },
        { field: 'spec.minReadySeconds', reason: INVALID },
        { field: 'spec.revisionHistoryLimit', reason: INVALID },
      ],
    },
    {
      name: 'a template whose pods end',
      change: ({ spec }) => {
        spec.template.spec.restartPolicy = 'Never'
        spec.template.spec.activeDeadlineSeconds = 5
      },
      causes: [
        {
          field: 'spec.template.spec.restartPolicy',
          reason: 'FieldValueNotSupported',
          message: 'Unsupported value: "Never": supported values: "Always"',
        },
        {
          field: 'spec.template.spec.activeDeadlineSeconds',
          reason: 'FieldValueForbidden',
          message: 'Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported',
        },
      ],
    },
    {
      name: 'a rolling update that cannot roll',
      change: ({ spec }) => {
        spec.strategy = { rollingUpdate: { maxUnavailable: 0, maxSurge: '0%' } }
      },
      causes: [
        {
          field: 'spec.strategy.rollingUpdate.maxUnavailable',
          reason: INVALID,
          message: 'Invalid value: 0: may not be 0 when `maxSurge` is 0',
        },
      ],
    },
    {
      name: 'a rolling update of a recreation',
      change: ({ spec }) => {
        spec.strategy = { type: 'Recreate', rollingUpdate: {} }
      },
      causes: [
        {
          field: 'spec.strategy.rollingUpdate',
          reason: 'FieldValueForbidden',
          message: "Forbidden: may not be specified when strategy `type` is 'Recreate'",
        },
      ],
    },
    {
      name: 'a deadline within the time to become available',
      change: ({ spec }) => {
        Object.assign(spec, { minReadySeconds: 10, progressDeadlineSeconds: 10 })
      },
      causes: [
        {
          field: 'spec.progressDeadlineSeconds',
          reason: INVALID,
          message: 'Invalid value: 10: must be greater than minReadySeconds',
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
      causes: [
        {
          field: 'spec.selector',
          reason: INVALID,
          message:
            'Invalid value: {"matchLabels":{"app":"web","tier":"front"}}: field is immutable',
        },
      ],
    },
  ],
  change: ({ spec }) => {
    spec.replicas = 2
    spec.template.spec.containers[0].image = 'web:2'
  },
  status: { observedGeneration: 1, replicas: 2, updatedReplicas: 1, readyReplicas: 1 },
  cells: ['web', '0/1', 0, 0, 'c', 'web:1', 'app=web'],
}
