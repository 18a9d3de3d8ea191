/**
 * HorizontalPodAutoscalers: defaults of behavior, targets as `kubectl get` shows them, and version 1.
 */
import type { V2HorizontalPodAutoscalerSpec } from '@kubernetes/client-node'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HorizontalPodAutoscaler } from '../../../src/api/autoscaling/horizontal-pod-autoscaler.ts'
import { HorizontalPodAutoscalerV1 } from '../../../src/api/autoscaling/horizontal-pod-autoscaler-v1.ts'
import { deepCopy } from '../../../src/api/equality.ts'
import type { Wire } from '../../../src/api/meta.ts'

const NOW = Date.parse('2026-01-01T01:00:00Z')
const PREFIX = 'autoscaling.alpha.kubernetes.io/'

const scaler = (
  spec: Partial<Wire<V2HorizontalPodAutoscalerSpec>>,
  status?: HorizontalPodAutoscaler['status'],
): HorizontalPodAutoscaler => {
  const made = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: {
      name: 'web',
      annotations: { mine: 'stays' },
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      maxReplicas: 5,
      ...deepCopy(spec),
    },
    ...(status ? { status } : {}),
  } as HorizontalPodAutoscaler
  HorizontalPodAutoscaler.applyDefaults?.(made)
  return made
}

const cpu = { type: 'Utilization', averageUtilization: 60 }
const ingress = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', name: 'main' }
const selector = { matchLabels: { verb: 'GET' } }
const METRICS: Wire<V2HorizontalPodAutoscalerSpec>['metrics'] = [
  {
    type: 'Object',
    object: {
      describedObject: ingress,
      metric: { name: 'rps', selector },
      target: { type: 'AverageValue', averageValue: '10' },
    },
  },
  {
    type: 'Object',
    object: {
      describedObject: ingress,
      metric: { name: 'rps' },
      target: { type: 'Value', value: '2k' },
    },
  },
  {
    type: 'Pods',
    pods: { metric: { name: 'qps' }, target: { type: 'AverageValue', averageValue: '5' } },
  },
  {
    type: 'External',
    external: { metric: { name: 'queue', selector }, target: { type: 'Value', value: '30' } },
  },
  {
    type: 'ContainerResource',
    containerResource: {
      name: 'memory',
      container: 'c',
      target: { type: 'AverageValue', averageValue: '1Gi' },
    },
  },
  { type: 'Resource', resource: { name: 'cpu', target: cpu } },
]

test('a behavior is completed on both sides', () => {
  const { spec } = scaler({ behavior: { scaleUp: { stabilizationWindowSeconds: 30 } } })
  assert.equal(spec?.behavior, {
    scaleUp: {
      stabilizationWindowSeconds: 30,
      selectPolicy: 'Max',
      policies: [
        { type: 'Pods', value: 4, periodSeconds: 15 },
        { type: 'Percent', value: 100, periodSeconds: 15 },
      ],
    },
    scaleDown: {
      selectPolicy: 'Max',
      policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
    },
  })
})

test('the least that was accepted once may stay zero', () => {
  const metrics = METRICS.slice(0, 1)
  const old = scaler({ minReplicas: 0, metrics })
  assert.equal(HorizontalPodAutoscaler.validate?.(old, old), [])
  assert.is(HorizontalPodAutoscaler.validate?.(old)?.length, 1)
})

const targets = (...given: Parameters<typeof scaler>) =>
  HorizontalPodAutoscaler.columns
    .find(({ name }) => name === 'Targets')
    ?.value(scaler(...given), NOW)

test('targets are shown with what metrics say, two of them', () => {
  assert.is(targets({ metrics: METRICS }), '<unknown>/10 (avg), <unknown>/2k + 4 more...')
  const currentMetrics = [
    { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 12 } } },
  ]
  const status = { desiredReplicas: 1, currentMetrics }
  assert.is(targets({ metrics: METRICS.slice(-1) }, status), 'cpu: 12%/60%')
})

const inV1 = (object: HorizontalPodAutoscaler) =>
  HorizontalPodAutoscalerV1.storedAs!.show(object) as HorizontalPodAutoscalerV1

test('version 1 shows the target for CPU and keeps the rest in annotations', () => {
  const condition = {
    type: 'AbleToScale',
    status: 'True',
    reason: 'Fine',
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  }
  const { apiVersion, metadata, spec, status } = inV1(
    scaler(
      { metrics: METRICS, behavior: {} },
      {
        desiredReplicas: 2,
        conditions: [condition],
        currentMetrics: [
          {
            type: 'Resource',
            resource: { name: 'cpu', current: { averageUtilization: 12, averageValue: '6m' } },
          },
        ],
      },
    ),
  )
  assert.is(apiVersion, 'autoscaling/v1')
  assert.is(spec?.targetCPUUtilizationPercentage, 60)
  assert.equal(status, {
    currentReplicas: 0,
    desiredReplicas: 2,
    currentCPUUtilizationPercentage: 12,
  })
  const { mine, ...annotations } = metadata.annotations ?? {}
  assert.is(mine, 'stays')
  assert.equal(Object.keys(annotations).sort(), [
    `${PREFIX}behavior`,
    `${PREFIX}conditions`,
    `${PREFIX}current-metrics`,
    `${PREFIX}metrics`,
  ])
  assert.equal(JSON.parse(annotations[`${PREFIX}current-metrics`]!), [
    {
      type: 'Resource',
      resource: { name: 'cpu', currentAverageUtilization: 12, currentAverageValue: '6m' },
    },
  ])
  const [object] = JSON.parse(annotations[`${PREFIX}metrics`]!)
  assert.equal(object, {
    type: 'Object',
    object: {
      target: ingress,
      metricName: 'rps',
      targetValue: '0',
      selector,
      averageValue: '10',
    },
  })
  assert.match(annotations[`${PREFIX}behavior`]!, '"SelectPolicy":"Max"')
})

test('nothing is lost on the way to version 1 and back', () => {
  const stored = scaler(
    { minReplicas: 2, metrics: METRICS, behavior: { scaleDown: { tolerance: '50m' } } },
    { desiredReplicas: 2, currentReplicas: 1, lastScaleTime: '2026-01-01T00:00:00Z' },
  )
  assert.equal(HorizontalPodAutoscalerV1.storedAs!.store(inV1(stored)), stored)
})

test('an annotation that cannot be read is ignored', () => {
  const shown = inV1(scaler({}))
  shown.metadata.annotations = { [`${PREFIX}metrics`]: '{', [`${PREFIX}behavior`]: '[]' }
  const { metadata, spec } = HorizontalPodAutoscalerV1.storedAs!.store(
    shown,
  ) as HorizontalPodAutoscaler
  assert.is(metadata.annotations, undefined)
  assert.equal(spec?.metrics?.length, 1)
  assert.is(spec?.behavior, undefined)
})

test.run()
