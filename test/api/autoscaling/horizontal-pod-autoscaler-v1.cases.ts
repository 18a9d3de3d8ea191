/**
 * HorizontalPodAutoscaler, version 1, for the test of every kind.
 */
import { HorizontalPodAutoscalerV1 } from '../../../src/api/autoscaling/horizontal-pod-autoscaler-v1.ts'
import type { KindCase } from '../kind-case.ts'

const METRICS = 'autoscaling.alpha.kubernetes.io/metrics'
const MEMORY = [{ type: 'Resource', resource: { name: 'memory', targetAverageUtilization: 70 } }]

export const cases: KindCase = {
  kind: HorizontalPodAutoscalerV1,
  minimal: {
    metadata: { name: 'elder', annotations: { [METRICS]: JSON.stringify(MEMORY) } },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      maxReplicas: 5,
      targetCPUUtilizationPercentage: 60,
    },
  },
  defaults: {
    metadata: { annotations: { [METRICS]: JSON.stringify(MEMORY) } },
    spec: { minReplicas: 1, targetCPUUtilizationPercentage: 60 },
    status: { currentReplicas: 0, desiredReplicas: 0 },
  },
  bad: [
    {
      name: 'no bound, a target without a group',
      change: ({ spec }) => {
        spec.maxReplicas = 0
        delete spec.scaleTargetRef.apiVersion
      },
      causes: [
        { field: 'spec.maxReplicas', reason: 'FieldValueRequired' },
        { field: 'spec.maxReplicas', reason: 'FieldValueInvalid' },
        { field: 'spec.scaleTargetRef.apiVersion', reason: 'FieldValueInvalid' },
      ],
    },
  ],
  change: ({ spec }) => {
    spec.targetCPUUtilizationPercentage = 50
  },
  status: { currentReplicas: 1, desiredReplicas: 2, currentCPUUtilizationPercentage: 40 },
  cells: ['elder', 'Deployment/web', 'memory: <unknown>/70%, cpu: <unknown>/60%', '1', 5, 0],
}
