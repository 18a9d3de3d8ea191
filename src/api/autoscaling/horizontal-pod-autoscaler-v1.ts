/**
 * HorizontalPodAutoscaler in version 1: one target for CPU, and annotations for everything else.
 *
 * Conversion follows Kubernetes 1.36 (`pkg/apis/autoscaling/v1/conversion.go`): the annotations hold further
 * metrics, what metrics show, conditions and behavior, so that nothing is lost on the way there and back. An
 * annotation that cannot be read is ignored. Metrics other than CPU's utilization come back first.
 */
import type {
  V1HorizontalPodAutoscaler,
  V2HorizontalPodAutoscalerBehavior,
  V2HPAScalingRules,
} from '@kubernetes/client-node'
import type { Wire, WireObject } from '../meta.ts'
import { defineVersion } from '../served-version.ts'
import { type FlatMetric, flatSpec, flatStatus, wholeSpec, wholeStatus } from './flat-metrics.ts'
import {
  cpuMetric,
  HorizontalPodAutoscaler,
  type MetricSpec,
  type MetricStatus,
} from './horizontal-pod-autoscaler.ts'

export type HorizontalPodAutoscalerV1 = WireObject<V1HorizontalPodAutoscaler>

type Spec = NonNullable<HorizontalPodAutoscaler['spec']>
type Status = NonNullable<HorizontalPodAutoscaler['status']>
type SpecV1 = NonNullable<HorizontalPodAutoscalerV1['spec']>
type StatusV1 = NonNullable<HorizontalPodAutoscalerV1['status']>
type Behavior = Wire<V2HorizontalPodAutoscalerBehavior>
type Rules = Wire<V2HPAScalingRules>
type Untyped<T> = Omit<T, 'apiVersion' | 'kind'>
type Annotations = { [key: string]: string }

const METRICS = 'autoscaling.alpha.kubernetes.io/metrics'
const CURRENT_METRICS = 'autoscaling.alpha.kubernetes.io/current-metrics'
const CONDITIONS = 'autoscaling.alpha.kubernetes.io/conditions'
const BEHAVIOR = 'autoscaling.alpha.kubernetes.io/behavior'

const isCpu = ({ type, resource }: MetricSpec | MetricStatus): boolean =>
  type === 'Resource' && resource?.name === 'cpu'

const isCpuUtilization = (metric: MetricSpec): boolean =>
  isCpu(metric) && metric.resource?.target?.averageUtilization != null

/** The object without fields that are undefined. */
const given = <T extends object>(object: T): T => {
  for (const key in object) if (object[key] === undefined) delete object[key]
  return object
}

const fromStored = ({
  metadata,
  spec,
  status,
}: HorizontalPodAutoscaler): Untyped<HorizontalPodAutoscalerV1> => {
  const annotations = { ...metadata.annotations, ...annotationsOf(spec, status) }
  const shown = {
    metadata: Object.keys(annotations).length > 0 ? { ...metadata, annotations } : metadata,
  } as Untyped<HorizontalPodAutoscalerV1>
  if (spec) shown.spec = specV1(spec)
  if (status) shown.status = statusV1(status)
  return shown
}

const specV1 = ({ scaleTargetRef, minReplicas, maxReplicas, metrics = [] }: Spec): SpecV1 =>
  given({
    scaleTargetRef,
    minReplicas: minReplicas as number,
    maxReplicas,
    targetCPUUtilizationPercentage: metrics.find(isCpu)?.resource?.target
      ?.averageUtilization as number,
  })

const statusV1 = (status: Status): StatusV1 =>
  given({
    observedGeneration: status.observedGeneration as number,
    lastScaleTime: status.lastScaleTime as string,
    currentReplicas: status.currentReplicas ?? 0,
    desiredReplicas: status.desiredReplicas,
    currentCPUUtilizationPercentage: status.currentMetrics?.findLast(isCpu)?.resource?.current
      ?.averageUtilization as number,
  })

const annotationsOf = (spec: Spec | undefined, status: Status | undefined): Annotations => {
  const annotations: Annotations = {}
  const others = (spec?.metrics ?? []).filter((metric) => !isCpuUtilization(metric))
  if (others.length > 0) annotations[METRICS] = JSON.stringify(others.map(flatSpec))
  const { currentMetrics = [], conditions = [] } = status ?? {}
  if (currentMetrics.length > 0)
    annotations[CURRENT_METRICS] = JSON.stringify(currentMetrics.map(flatStatus))
  if (conditions.length > 0) annotations[CONDITIONS] = JSON.stringify(conditions)
  if (spec?.behavior) annotations[BEHAVIOR] = JSON.stringify(shownBehavior(spec.behavior))
  return annotations
}

/** Kubernetes writes its internal form, whose fields begin with capitals. */
const shownBehavior = ({ scaleUp, scaleDown }: Behavior) => ({
  ScaleUp: scaleUp ? shownRules(scaleUp) : null,
  ScaleDown: scaleDown ? shownRules(scaleDown) : null,
})

const shownRules = (rules: Rules) => ({
  StabilizationWindowSeconds: rules.stabilizationWindowSeconds ?? null,
  SelectPolicy: rules.selectPolicy ?? null,
  Policies: (rules.policies ?? []).map(({ type, value, periodSeconds }) => ({
    Type: type,
    Value: value,
    PeriodSeconds: periodSeconds,
  })),
  Tolerance: rules.tolerance ?? null,
})

const toStored = ({
  metadata,
  spec,
  status,
}: HorizontalPodAutoscalerV1): Untyped<HorizontalPodAutoscaler> => {
  const {
    [METRICS]: metrics,
    [CURRENT_METRICS]: currentMetrics,
    [CONDITIONS]: conditions,
    [BEHAVIOR]: behavior,
    ...annotations
  } = metadata.annotations ?? {}
  const { annotations: _, ...rest } = metadata
  const stored = {
    metadata: Object.keys(annotations).length > 0 ? { ...rest, annotations } : rest,
  } as Untyped<HorizontalPodAutoscaler>
  if (spec) stored.spec = specV2(spec, metrics, behavior)
  if (status) stored.status = statusV2(status, currentMetrics, conditions)
  return stored
}

const specV2 = (
  { scaleTargetRef, minReplicas, maxReplicas, targetCPUUtilizationPercentage: cpu }: SpecV1,
  metrics: string | undefined,
  behavior: string | undefined,
): Spec => {
  const others = (parsed<FlatMetric[]>(metrics, Array.isArray) ?? []).map(wholeSpec)
  const all = cpu == null ? others : [...others, cpuMetric(cpu)]
  const rules = parsed<Record<string, unknown>>(behavior, isRecord)
  return given({
    scaleTargetRef,
    minReplicas: minReplicas as number,
    maxReplicas,
    metrics: all.length > 0 ? all : [cpuMetric()],
    behavior: (rules && readBehavior(rules)) as Behavior,
  })
}

const statusV2 = (
  status: StatusV1,
  currentMetrics: string | undefined,
  conditions: string | undefined,
): Status => {
  const cpu = status.currentCPUUtilizationPercentage
  const metrics = parsed<FlatMetric[]>(currentMetrics, Array.isArray)?.map(wholeStatus)
  const cpuStatus = (averageUtilization: number): MetricStatus[] => [
    { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization } } },
  ]
  return given({
    observedGeneration: status.observedGeneration as number,
    lastScaleTime: status.lastScaleTime as string,
    // Required in version 1, and not shown in version 2 while there are none.
    currentReplicas: (status.currentReplicas || undefined) as number,
    desiredReplicas: status.desiredReplicas,
    currentMetrics: (metrics ?? (cpu == null ? undefined : cpuStatus(cpu))) as MetricStatus[],
    conditions: parsed(conditions, Array.isArray) as NonNullable<Status['conditions']>,
  })
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What an annotation holds, if it is of the expected shape. */
const parsed = <T>(text: string | undefined, fits: (value: unknown) => boolean): T | undefined => {
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return fits(value) ? (value as T) : undefined
  } catch {
    return undefined
  }
}

const readBehavior = (shown: Record<string, unknown>): Behavior => {
  const { ScaleUp, ScaleDown } = shown
  return given({ scaleUp: readRules(ScaleUp) as Rules, scaleDown: readRules(ScaleDown) as Rules })
}

const readRules = (shown: unknown): Rules | undefined => {
  if (!isRecord(shown)) return undefined
  const { StabilizationWindowSeconds, SelectPolicy, Policies, Tolerance } = shown
  const policies = (Array.isArray(Policies) ? Policies : []).filter(isRecord)
  return given({
    stabilizationWindowSeconds: (StabilizationWindowSeconds ?? undefined) as number,
    selectPolicy: (SelectPolicy ?? undefined) as string,
    policies: policies.map(({ Type, Value, PeriodSeconds }) => ({
      type: Type as string,
      value: Value as number,
      periodSeconds: PeriodSeconds as number,
    })),
    tolerance: (Tolerance ?? undefined) as string,
  })
}

export const HorizontalPodAutoscalerV1 = defineVersion<
  HorizontalPodAutoscalerV1,
  HorizontalPodAutoscaler
>(HorizontalPodAutoscaler, {
  version: 'v1',
  model: 'V1HorizontalPodAutoscaler',
  fromStored,
  toStored,
})
