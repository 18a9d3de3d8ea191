/**
 * HorizontalPodAutoscaler, version 2, for the test of every kind.
 */
import { HorizontalPodAutoscaler } from '../../../src/api/autoscaling/horizontal-pod-autoscaler.ts'
import type { KindCase } from '../kind-case.ts'

const INVALID = 'FieldValueInvalid'
const REQUIRED = 'FieldValueRequired'
const UNSUPPORTED = 'FieldValueNotSupported'
const FORBIDDEN = 'FieldValueForbidden'

export const cases: KindCase = {
  kind: HorizontalPodAutoscaler,
  minimal: {
    metadata: { name: 'web' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      maxReplicas: 5,
    },
  },
  defaults: {
    spec: {
      minReplicas: 1,
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
        },
      ],
    },
    status: { desiredReplicas: 0 },
  },
  bad: [
    {
      name: 'no bounds, no target',
      change: ({ spec }) => {
        spec.maxReplicas = 0
        spec.minReplicas = 0
        spec.scaleTargetRef = {}
      },
      causes: [
        {
          field: 'spec.minReplicas',
          reason: INVALID,
          message: 'Invalid value: 0: must be greater than or equal to 1',
        },
        {
          field: 'spec.maxReplicas',
          reason: REQUIRED,
          message: 'Required value: must be set and greater than 0',
        },
        { field: 'spec.scaleTargetRef.kind', reason: REQUIRED },
        { field: 'spec.scaleTargetRef.name', reason: REQUIRED },
        { field: 'spec.scaleTargetRef.apiVersion', reason: INVALID },
        { field: 'spec.metrics', reason: FORBIDDEN },
      ],
    },
    {
      name: 'the least above the most, a target that is a path',
      change: ({ spec }) => {
        spec.minReplicas = 6
        spec.scaleTargetRef.name = 'a/b'
        spec.scaleTargetRef.apiVersion = 'v1'
      },
      causes: [
        {
          field: 'spec.maxReplicas',
          reason: INVALID,
          message: 'Invalid value: 5: must be greater than or equal to `minReplicas`',
        },
        {
          field: 'spec.scaleTargetRef.name',
          reason: INVALID,
          message: 'Invalid value: "a/b": may not contain \'/\'',
        },
        {
          field: 'spec.scaleTargetRef.apiVersion',
          reason: INVALID,
          message: 'Invalid value: "v1": apiVersion must specify API group',
        },
      ],
    },
    {
      name: 'metrics without a source, of two, of none there is',
      change: ({ spec }) => {
        spec.metrics = [
          { type: 'Pods' },
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 0 } },
            pods: {
              metric: { name: 'qps' },
              target: { type: 'AverageValue', averageValue: '10' },
            },
          },
          { type: 'Luck' },
        ]
      },
      causes: [
        {
          field: 'spec.metrics[0].pods',
          reason: REQUIRED,
          message: 'Required value: must populate information for the given metric source',
        },
        {
          field: 'spec.metrics[1].pods',
          reason: FORBIDDEN,
          message: 'Forbidden: must populate the given metric source only',
        },
        {
          field: 'spec.metrics[2].type',
          reason: UNSUPPORTED,
          message:
            'Unsupported value: "Luck": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"',
        },
        { field: 'spec.metrics[2].type', reason: UNSUPPORTED },
      ],
    },
    {
      name: 'targets that cannot be met',
      change: ({ spec }) => {
        spec.metrics = [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization' } } },
          {
            type: 'External',
            external: {
              metric: { name: '' },
              target: { type: 'Sum', value: '1', averageValue: '-1' },
            },
          },
          {
            type: 'ContainerResource',
            containerResource: {
              name: 'luck',
              container: 'a b',
              target: { type: 'Utilization', averageUtilization: 0 },
            },
          },
        ]
      },
      causes: [
        {
          field: 'spec.metrics[0].resource.target.averageUtilization',
          reason: REQUIRED,
          message: 'Required value: must set either a target raw value or a target utilization',
        },
        {
          field: 'spec.metrics[1].external.metric.name',
          reason: REQUIRED,
          message: 'Required value: must specify a metric name',
        },
        {
          field: 'spec.metrics[1].external.target.type',
          reason: INVALID,
          message: 'Invalid value: "Sum": must be either Utilization, Value, or AverageValue',
        },
        {
          field: 'spec.metrics[1].external.target.averageValue',
          reason: INVALID,
          message: 'Invalid value: "-1": must be positive',
        },
        {
          field: 'spec.metrics[1].external.target.value',
          reason: FORBIDDEN,
          message: 'Forbidden: may not set both a target value for metric and a per-pod target',
        },
        {
          field: 'spec.metrics[2].containerResource.name',
          reason: INVALID,
          message: 'Invalid value: "luck": must be a standard resource type or fully qualified',
        },
        {
          field: 'spec.metrics[2].containerResource.name',
          reason: INVALID,
          message: 'Invalid value: "luck": must be a standard resource for containers',
        },
        { field: 'spec.metrics[2].containerResource.container', reason: INVALID },
        {
          field: 'spec.metrics[2].containerResource.target.averageUtilization',
          reason: INVALID,
          message: 'Invalid value: 0: must be greater than 0',
        },
      ],
    },
    {
      name: 'a behavior out of bounds',
      change: ({ spec }) => {
        spec.behavior = {
          scaleUp: {
            stabilizationWindowSeconds: 3601,
            selectPolicy: 'Best',
            policies: [{ type: 'Nodes', value: 0, periodSeconds: 1801 }],
            tolerance: '-0.1',
          },
        }
      },
      causes: [
        {
          field: 'spec.behavior.scaleUp.stabilizationWindowSeconds',
          reason: INVALID,
          message: 'Invalid value: 3601: must be less than or equal to 3600',
        },
        { field: 'spec.behavior.scaleUp.selectPolicy', reason: UNSUPPORTED },
        { field: 'spec.behavior.scaleUp.policies[0].type', reason: UNSUPPORTED },
        {
          field: 'spec.behavior.scaleUp.policies[0].value',
          reason: INVALID,
          message: 'Invalid value: 0: must be greater than zero',
        },
        {
          field: 'spec.behavior.scaleUp.policies[0].periodSeconds',
          reason: INVALID,
          message: 'Invalid value: 1801: must be less than or equal to 1800',
        },
        {
          field: 'spec.behavior.scaleUp.tolerance',
          reason: INVALID,
          message: 'Invalid value: "-100m": must be greater than or equal to 0',
        },
      ],
    },
  ],
  change: ({ spec }) => {
    spec.maxReplicas = 7
    spec.behavior = { scaleDown: { selectPolicy: 'Min' } }
  },
  status: { currentReplicas: 2, desiredReplicas: 3, lastScaleTime: '2026-01-01T00:00:00Z' },
  cells: ['web', 'Deployment/web', 'cpu: <unknown>/80%', '1', 5, 0],
}
