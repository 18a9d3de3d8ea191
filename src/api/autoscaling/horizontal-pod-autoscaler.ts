/**
 * HorizontalPodAutoscaler: changes the number of pods of a workload with what metrics say.
 *
 * This is version 2, which is stored; version 1 is in `horizontal-pod-autoscaler-v1.ts`. The spec is the
 * user's, the status the autoscaler's.
 */
import type {
  V2HorizontalPodAutoscaler,
  V2MetricSpec,
  V2MetricStatus,
} from '@kubernetes/client-node'
import { carryField } from '../carry-field.ts'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { checkNonNegative } from '../core/field-rules.ts'
import { defineKind } from '../kind.ts'
import type { Wire, WireObject } from '../meta.ts'
import type { FieldError } from '../status-error.ts'
import { validateAutoscaler } from './autoscaler-validation.ts'

export type HorizontalPodAutoscaler = WireObject<V2HorizontalPodAutoscaler>

export type MetricSpec = Wire<V2MetricSpec>
export type MetricStatus = Wire<V2MetricStatus>

const DEFAULT_CPU_UTILIZATION = 80
const DEFAULT_PERIOD_SECONDS = 15

/** The metric of an autoscaler that names none. */
export const cpuMetric = (averageUtilization = DEFAULT_CPU_UTILIZATION): MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
})

const doubling = () => ({ type: 'Percent', value: 100, periodSeconds: DEFAULT_PERIOD_SECONDS })
const fourPods = () => ({ type: 'Pods', value: 4, periodSeconds: DEFAULT_PERIOD_SECONDS })

const applyDefaults = ({ spec, status }: HorizontalPodAutoscaler): void => {
  if (status) status.desiredReplicas ??= 0
  if (!spec) return
  spec.minReplicas ??= 1
  if (!spec.metrics?.length) spec.metrics = [cpuMetric()]
  if (!spec.behavior) return
  spec.behavior.scaleUp ??= {}
  const up = spec.behavior.scaleUp
  up.stabilizationWindowSeconds ??= 0
  up.selectPolicy ??= 'Max'
  up.policies ??= [fourPods(), doubling()]
  spec.behavior.scaleDown ??= {}
  const down = spec.behavior.scaleDown
  down.selectPolicy ??= 'Max'
  down.policies ??= [doubling()]
}

const MAX_SHOWN_METRICS = 2

/** `cpu: 10%/80%, 5/10 + 1 more...`, as `kubectl get` shows targets. */
const targetsOf = ({ spec, status }: HorizontalPodAutoscaler): string => {
  const metrics = spec?.metrics ?? []
  if (metrics.length === 0) return '<none>'
  const shown = metrics
    .slice(0, MAX_SHOWN_METRICS)
    .map((metric, index) => targetOf(metric, status?.currentMetrics?.[index]))
    .join(', ')
  const more = metrics.length - MAX_SHOWN_METRICS
  return more > 0 ? `${shown} + ${more} more...` : shown
}

const UNKNOWN = '<unknown>'

const targetOf = (metric: MetricSpec, status: MetricStatus | undefined): string => {
  switch (metric.type) {
    case 'External':
      return amountTarget(metric.external?.target, status?.external?.current)
    case 'Object':
      return amountTarget(metric.object?.target, status?.object?.current)
    case 'Pods':
      return `${status?.pods?.current?.averageValue ?? UNKNOWN}/${metric.pods?.target.averageValue}`
    case 'Resource':
      return resourceTarget(metric.resource, status?.resource?.current)
    case 'ContainerResource':
      return resourceTarget(metric.containerResource, status?.containerResource?.current)
    default:
      return '<unknown type>'
  }
}

type Target = NonNullable<MetricSpec['resource']>['target']
type Current = NonNullable<MetricStatus['resource']>['current']

const amountTarget = (target: Target | undefined, current: Current | undefined): string =>
  target?.averageValue != null
    ? `${current?.averageValue ?? UNKNOWN}/${target.averageValue} (avg)`
    : `${current?.value ?? UNKNOWN}/${target?.value}`

const resourceTarget = (
  source: { name: string; target: Target } | undefined,
  current: Current | undefined,
): string => {
  const { averageValue, averageUtilization } = source?.target ?? ({} as Target)
  if (averageValue != null)
    return `${source?.name}: ${current?.averageValue ?? UNKNOWN}/${averageValue}`
  const now = current?.averageUtilization == null ? UNKNOWN : `${current.averageUtilization}%`
  const target = averageUtilization == null ? '<auto>' : `${averageUtilization}%`
  return `${source?.name}: ${now}/${target}`
}

export const HorizontalPodAutoscaler = defineKind<HorizontalPodAutoscaler>({
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  singular: 'horizontalpodautoscaler',
  shortNames: ['hpa'],
  categories: ['all'],
  namespaced: true,
  model: 'V2HorizontalPodAutoscaler',
  statusSubresource: true,
  applyDefaults,
  prepareForCreate: (autoscaler) => {
    autoscaler.status = { desiredReplicas: 0 }
  },
  prepareForUpdate: (autoscaler, old) => {
    carryField(autoscaler, old, 'status')
  },
  prepareForStatusUpdate: (autoscaler, old) => {
    carryField(autoscaler, old, 'spec')
  },
  validate: validateAutoscaler,
  validateStatusUpdate: ({ status }) => {
    const errors: FieldError[] = []
    checkNonNegative(errors, 'status.currentReplicas', status?.currentReplicas)
    checkNonNegative(errors, 'status.desiredReplicas', status?.desiredReplicas)
    return errors
  },
  columns: [
    nameColumn,
    column('Reference', 'What it scales.', ({ spec }) => {
      return `${spec?.scaleTargetRef?.kind}/${spec?.scaleTargetRef?.name}`
    }),
    column('Targets', 'What metrics show, and what they should.', targetsOf),
    column('MinPods', 'The least pods it goes down to.', ({ spec }) => {
      return String(spec?.minReplicas ?? '<unset>')
    }),
    column('MaxPods', 'The most pods it goes up to.', ({ spec }) => spec?.maxReplicas ?? 0),
    column('Replicas', 'Pods there are.', ({ status }) => status?.currentReplicas ?? 0),
    ageColumn,
  ],
})
