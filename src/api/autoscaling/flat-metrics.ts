/**
 * Metrics of an autoscaler as the annotations of version 1 hold them: targets and values are fields of the
 * metric itself, not objects of their own.
 *
 * The form is that of `k8s.io/api/autoscaling/v1`. It converts; it checks nothing.
 */
import type { MetricSpec, MetricStatus } from './horizontal-pod-autoscaler.ts'

/** One metric; which of the fields are there depends on its type. */
export interface FlatMetric {
  type: string
  object?: FlatSource
  pods?: FlatSource
  resource?: FlatSource
  containerResource?: FlatSource
  external?: FlatSource
}

/** All fields that a source of any type may have. */
interface FlatSource {
  target?: Reference
  name?: string
  container?: string
  metricName?: string
  selector?: Selector
  metricSelector?: Selector
  targetValue?: string
  averageValue?: string
  targetAverageValue?: string
  targetAverageUtilization?: number
  currentValue?: string
  currentAverageValue?: string
  currentAverageUtilization?: number
}

type Reference = NonNullable<MetricSpec['object']>['describedObject']
type Identifier = NonNullable<MetricSpec['object']>['metric']
type Selector = NonNullable<Identifier['selector']>
type Target = NonNullable<MetricSpec['object']>['target']
type Current = NonNullable<MetricStatus['object']>['current']

/** `fields` without those that are undefined. */
const given = <T extends object>(fields: { [Key in keyof T]: T[Key] | undefined }): T => {
  for (const key in fields) if (fields[key] === undefined) delete fields[key]
  return fields as T
}

export const flatSpec = (metric: MetricSpec): FlatMetric => {
  const { type, object, pods, resource, containerResource, external } = metric
  return given<FlatMetric>({
    type,
    object: object && {
      target: object.describedObject,
      metricName: object.metric.name,
      // Required there, so a metric with an average only has the amount zero.
      targetValue: object.target.value ?? '0',
      ...given<FlatSource>({
        selector: object.metric.selector,
        averageValue: object.target.averageValue,
      }),
    },
    pods:
      pods &&
      given<FlatSource>({
        metricName: pods.metric.name,
        targetAverageValue: pods.target.averageValue,
        selector: pods.metric.selector,
      }),
    resource: resource && flatResource(resource.name, undefined, resource.target),
    containerResource:
      containerResource &&
      flatResource(containerResource.name, containerResource.container, containerResource.target),
    external:
      external &&
      given<FlatSource>({
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        targetValue: external.target.value,
        targetAverageValue: external.target.averageValue,
      }),
  })
}

const flatResource = (name: string, container: string | undefined, target: Target): FlatSource =>
  given<FlatSource>({
    name,
    targetAverageUtilization: target.averageUtilization,
    targetAverageValue: target.averageValue,
    container,
  })

export const wholeSpec = (flat: FlatMetric): MetricSpec => {
  const { type, object, pods, resource, containerResource, external } = flat
  return given<MetricSpec>({
    type,
    object: object && {
      describedObject: object.target ?? { kind: '', name: '' },
      metric: identifier(object.metricName, object.selector),
      target: wholeTarget({
        value: object.targetValue === '0' ? undefined : object.targetValue,
        averageValue: object.averageValue,
      }),
    },
    pods: pods && {
      metric: identifier(pods.metricName, pods.selector),
      target: given<Target>({ type: 'AverageValue', averageValue: pods.targetAverageValue }),
    },
    resource: resource && { name: resource.name ?? '', target: resourceTarget(resource) },
    containerResource: containerResource && {
      name: containerResource.name ?? '',
      container: containerResource.container ?? '',
      target: resourceTarget(containerResource),
    },
    external: external && {
      metric: identifier(external.metricName, external.metricSelector),
      target: wholeTarget({
        value: external.targetValue,
        averageValue: external.targetAverageValue,
      }),
    },
  })
}

const identifier = (name = '', selector: Selector | undefined): Identifier =>
  given<Identifier>({ name, selector })

const wholeTarget = ({
  value,
  averageValue,
}: {
  value: string | undefined
  averageValue: string | undefined
}): Target =>
  given<Target>({
    type: averageValue === undefined ? 'Value' : 'AverageValue',
    value,
    averageValue,
  })

const resourceTarget = (flat: FlatSource): Target =>
  given<Target>({
    type: flat.targetAverageUtilization === undefined ? 'AverageValue' : 'Utilization',
    averageUtilization: flat.targetAverageUtilization,
    averageValue: flat.targetAverageValue,
  })

export const flatStatus = (metric: MetricStatus): FlatMetric => {
  const { type, object, pods, resource, containerResource, external } = metric
  return given<FlatMetric>({
    type,
    object: object && {
      target: object.describedObject,
      metricName: object.metric.name,
      currentValue: object.current.value ?? '0',
      ...given<FlatSource>({
        selector: object.metric.selector,
        averageValue: object.current.averageValue,
      }),
    },
    pods:
      pods &&
      given<FlatSource>({
        metricName: pods.metric.name,
        currentAverageValue: pods.current.averageValue,
        selector: pods.metric.selector,
      }),
    resource: resource && flatCurrent(resource.name, undefined, resource.current),
    containerResource:
      containerResource &&
      flatCurrent(containerResource.name, containerResource.container, containerResource.current),
    external: external && {
      metricName: external.metric.name,
      currentValue: external.current.value ?? '0',
      ...given<FlatSource>({
        metricSelector: external.metric.selector,
        currentAverageValue: external.current.averageValue,
      }),
    },
  })
}

const flatCurrent = (name: string, container: string | undefined, current: Current): FlatSource =>
  given<FlatSource>({
    name,
    currentAverageUtilization: current.averageUtilization,
    currentAverageValue: current.averageValue,
    container,
  })

export const wholeStatus = (flat: FlatMetric): MetricStatus => {
  const { type, object, pods, resource, containerResource, external } = flat
  return given<MetricStatus>({
    type,
    object: object && {
      describedObject: object.target ?? { kind: '', name: '' },
      metric: identifier(object.metricName, object.selector),
      current: wholeCurrent(object.currentValue, object.averageValue),
    },
    pods: pods && {
      metric: identifier(pods.metricName, pods.selector),
      current: wholeCurrent(undefined, pods.currentAverageValue),
    },
    resource: resource && { name: resource.name ?? '', current: resourceCurrent(resource) },
    containerResource: containerResource && {
      name: containerResource.name ?? '',
      container: containerResource.container ?? '',
      current: resourceCurrent(containerResource),
    },
    external: external && {
      metric: identifier(external.metricName, external.metricSelector),
      current: wholeCurrent(external.currentValue, external.currentAverageValue),
    },
  })
}

const wholeCurrent = (value: string | undefined, averageValue: string | undefined): Current =>
  given<Current>({ value: value === '0' && averageValue ? undefined : value, averageValue })

const resourceCurrent = (flat: FlatSource): Current =>
  given<Current>({
    averageUtilization: flat.currentAverageUtilization,
    averageValue: flat.currentAverageValue,
  })
