/**
 * PodDisruptionBudget for the test of every kind.
 */
import { PodDisruptionBudget } from '../../../src/api/policy/pod-disruption-budget.ts'
import type { KindCase } from '../kind-case.ts'

const INVALID = 'FieldValueInvalid'

export const cases: KindCase = {
  kind: PodDisruptionBudget,
  minimal: {
    metadata: { name: 'web' },
    spec: { minAvailable: '50%', selector: { matchLabels: { app: 'web' } } },
  },
  defaults: {
    status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
  },
  bad: [
    {
      name: 'both bounds',
      change: ({ spec }) => {
        spec.maxUnavailable = 1
      },
      causes: [
        {
          field: 'spec',
          reason: INVALID,
          message: /: minAvailable and maxUnavailable cannot be both set$/,
        },
      ],
    },
    {
      name: 'more than all',
      change: ({ spec }) => {
        spec.minAvailable = '110%'
      },
      causes: [
        {
          field: 'spec.minAvailable',
          reason: INVALID,
          message: 'Invalid value: "110%": must not be greater than 100%',
        },
      ],
    },
    {
      name: 'a share that is none, a selector without sense, a policy there is not',
      change: ({ spec }) => {
        spec.minAvailable = 'half'
        spec.selector = { matchExpressions: [{ key: 'app', operator: 'In' }] }
        spec.unhealthyPodEvictionPolicy = 'Sometimes'
      },
      causes: [
        { field: 'spec.minAvailable', reason: INVALID, message: /must be a numeric string/ },
        {
          field: 'spec.selector.matchExpressions[0].values',
          reason: 'FieldValueRequired',
          message: "Required value: must be specified when `operator` is 'In' or 'NotIn'",
        },
        {
          field: 'spec.unhealthyPodEvictionPolicy',
          reason: 'FieldValueNotSupported',
          message:
            'Unsupported value: "Sometimes": supported values: "AlwaysAllow", "IfHealthyBudget"',
        },
      ],
    },
  ],
  change: ({ spec }) => {
    spec.minAvailable = 2
  },
  status: {
    disruptionsAllowed: 1,
    currentHealthy: 3,
    desiredHealthy: 2,
    expectedPods: 3,
    conditions: [
      {
        type: 'DisruptionAllowed',
        status: 'True',
        reason: 'SufficientPods',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
  },
  cells: ['web', '50%', 'N/A', 0],
}
