/**
 * Validation of a HorizontalPodAutoscaler's spec: bounds, target, metrics and how fast it may scale.
 *
 * Order, paths and wording follow Kubernetes 1.36 (`pkg/apis/autoscaling/validation`). Scaling to zero is off by
 * default there and refused here.
 */
import type {
  V2CrossVersionObjectReference,
  V2HorizontalPodAutoscaler,
  V2HPAScalingRules,
  V2MetricSpec,
  V2MetricTarget,
} from '@kubernetes/client-node'
import { checkDnsLabel, isOneOf } from '../core/field-rules.ts'
import { checkContainerResourceName } from '../core/resource-validation.ts'
import type { Wire, WireObject } from '../meta.ts'
import { pathSegmentErrors } from '../names.ts'
import { milliValue } from '../quantity.ts'
import {
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  unsupportedField,
} from '../status-error.ts'

type Reference = Wire<V2CrossVersionObjectReference>
type ScalingRules = Wire<V2HPAScalingRules>
type Metric = Wire<V2MetricSpec>
type Target = Wire<V2MetricTarget>
type Autoscaler = WireObject<V2HorizontalPodAutoscaler>
type AutoscalerSpec = NonNullable<Autoscaler['spec']>

const MAX_PERIOD_SECONDS = 1800
const MAX_STABILIZATION_SECONDS = 3600
const SELECT_POLICIES = ['Disabled', 'Max', 'Min']
const POLICY_TYPES = ['Percent', 'Pods']
const METRIC_TYPES = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource']
/** The field that each type of metric fills, in the order Kubernetes looks at them. */
const SOURCES = ['object', 'external', 'pods', 'resource', 'containerResource'] as const

/** `old` is the autoscaler before an update: what was accepted once is not refused afterwards. */
export const validateAutoscaler = (
  { spec = {} as AutoscalerSpec }: Autoscaler,
  old?: Autoscaler,
): FieldError[] => {
  const errors: FieldError[] = []
  const { minReplicas, maxReplicas = 0 } = spec
  const lowest = old?.spec?.minReplicas === 0 ? 0 : 1
  if (minReplicas != null && minReplicas < lowest) {
    const why = `must be greater than or equal to ${lowest}`
    errors.push(invalidField('spec.minReplicas', minReplicas, why))
  }
  if (maxReplicas === 0) {
    errors.push(requiredField('spec.maxReplicas', 'must be set and greater than 0'))
  } else if (maxReplicas < 0) {
    const why = 'must be greater than or equal to 1'
    errors.push(invalidField('spec.maxReplicas', maxReplicas, why))
  }
  if (minReplicas != null && maxReplicas < minReplicas) {
    const why = 'must be greater than or equal to `minReplicas`'
    errors.push(invalidField('spec.maxReplicas', maxReplicas, why))
  }
  checkTargetRef(errors, spec.scaleTargetRef ?? ({} as Reference), old?.spec?.scaleTargetRef)
  checkMetrics(errors, spec)
  const { scaleUp, scaleDown } = spec.behavior ?? {}
  if (scaleUp) checkScalingRules(errors, 'spec.behavior.scaleUp', scaleUp)
  if (scaleDown) checkScalingRules(errors, 'spec.behavior.scaleDown', scaleDown)
  return errors
}

const checkTargetRef = (errors: FieldError[], ref: Reference, old: Reference | undefined): void => {
  const isKnown = old && old.kind === ref.kind && old.apiVersion === ref.apiVersion
  const mayBeCore = ref.kind === 'ReplicationController'
  checkReference(errors, 'spec.scaleTargetRef', ref, isKnown ? 'any' : mayBeCore ? 'core' : 'group')
}

/** `versions`: any apiVersion, one that may lack a group, or one that must have a group. */
const checkReference = (
  errors: FieldError[],
  path: string,
  { kind = '', name = '', apiVersion = '' }: Partial<Reference>,
  versions: 'any' | 'core' | 'group',
): void => {
  checkSegment(errors, `${path}.kind`, kind)
  checkSegment(errors, `${path}.name`, name)
  if (versions === 'any') return
  const parts = apiVersion.split('/')
  if (parts.length > 2) {
    const why = `unexpected GroupVersion string: ${apiVersion}`
    errors.push(invalidField(`${path}.apiVersion`, apiVersion, why))
  } else if (versions === 'group' && (parts.length < 2 || parts[0] === '')) {
    const why = 'apiVersion must specify API group'
    errors.push(invalidField(`${path}.apiVersion`, apiVersion, why))
  }
}

const checkSegment = (errors: FieldError[], path: string, text: string, missing = ''): void => {
  if (text === '') errors.push(requiredField(path, missing))
  else for (const fault of pathSegmentErrors(text)) errors.push(invalidField(path, text, fault))
}

const checkMetrics = (
  errors: FieldError[],
  { metrics = [], minReplicas }: AutoscalerSpec,
): void => {
  for (const [index, metric] of metrics.entries()) {
    checkMetric(errors, `spec.metrics[${index}]`, metric)
  }
  if (minReplicas !== 0) return
  if (metrics.some(({ type }) => type === 'Object' || type === 'External')) return
  const why =
    'must specify at least one Object or External metric to support scaling to zero replicas'
  errors.push(forbiddenField('spec.metrics', why))
}

const checkMetric = (errors: FieldError[], path: string, metric: Metric): void => {
  const { type = '' } = metric
  if (type === '') errors.push(requiredField(`${path}.type`, 'must specify a metric source type'))
  const isKnown = METRIC_TYPES.includes(type)
  if (!isKnown) errors.push(unsupportedField(`${path}.type`, type, METRIC_TYPES))
  const present = SOURCES.filter((source) => metric[source] != null)
  const [first] = present
  if (first) checkSource(errors, `${path}.${first}`, first, metric)
  const expected = isKnown ? `${type.charAt(0).toLowerCase()}${type.slice(1)}` : ''
  if (!isKnown) errors.push(unsupportedField(`${path}.type`, type, METRIC_TYPES))
  else if (metric[expected as (typeof SOURCES)[number]] == null) {
    const why = 'must populate information for the given metric source'
    errors.push(requiredField(`${path}.${expected}`, why))
  }
  if (present.length === 1) return
  for (const source of present.filter((name) => name !== expected)) {
    const why = 'must populate the given metric source only'
    errors.push(forbiddenField(`${path}.${source}`, why))
  }
}

const checkSource = (
  errors: FieldError[],
  path: string,
  source: (typeof SOURCES)[number],
  metric: Metric,
): void => {
  const { object, external, pods, resource, containerResource } = metric
  if (source === 'object' && object) {
    checkReference(errors, `${path}.describedObject`, object.describedObject ?? {}, 'core')
    checkIdentified(errors, path, object.metric?.name, object.target)
    if (object.target?.value != null || object.target?.averageValue != null) return
    const why = 'must set either a target value or averageValue'
    errors.push(requiredField(`${path}.target.averageValue`, why))
  } else if (source === 'external' && external) {
    checkIdentified(errors, path, external.metric?.name, external.target)
    checkExternalTarget(errors, `${path}.target`, external.target ?? {})
  } else if (source === 'pods' && pods) {
    checkIdentified(errors, path, pods.metric?.name, pods.target)
    if (pods.target?.averageValue != null) return
    const why = 'must specify a positive target averageValue'
    errors.push(requiredField(`${path}.target.averageValue`, why))
  } else if (source === 'resource' && resource) {
    if (!resource.name) errors.push(requiredField(`${path}.name`, 'must specify a resource name'))
    checkResourceTarget(errors, `${path}.target`, resource.target)
  } else if (containerResource) {
    const { name, container, target } = containerResource
    if (!name) errors.push(requiredField(`${path}.name`, 'must specify a resource name'))
    else checkContainerResourceName(errors, `${path}.name`, name)
    if (!container) errors.push(requiredField(`${path}.container`, 'must specify a container'))
    else checkDnsLabel(errors, `${path}.container`, container)
    checkResourceTarget(errors, `${path}.target`, target)
  }
}

const checkIdentified = (
  errors: FieldError[],
  path: string,
  name: string | undefined,
  target: Target | undefined,
): void => {
  checkSegment(errors, `${path}.metric.name`, name ?? '', 'must specify a metric name')
  checkTarget(errors, `${path}.target`, target)
}

const checkExternalTarget = (errors: FieldError[], path: string, target: Partial<Target>): void => {
  const hasValue = target.value != null
  const hasAverage = target.averageValue != null
  if (!hasValue && !hasAverage) {
    const why = 'must set either a target value for metric or a per-pod target'
    errors.push(requiredField(`${path}.averageValue`, why))
  } else if (hasValue && hasAverage) {
    const why = 'may not set both a target value for metric and a per-pod target'
    errors.push(forbiddenField(`${path}.value`, why))
  }
}

const checkResourceTarget = (
  errors: FieldError[],
  path: string,
  target: Target | undefined,
): void => {
  checkTarget(errors, path, target)
  const hasUtilization = target?.averageUtilization != null
  const hasValue = target?.averageValue != null
  if (!hasUtilization && !hasValue) {
    const why = 'must set either a target raw value or a target utilization'
    errors.push(requiredField(`${path}.averageUtilization`, why))
  } else if (hasUtilization && hasValue) {
    const why = 'may not set both a target raw value and a target utilization'
    errors.push(forbiddenField(`${path}.averageValue`, why))
  }
}

const checkTarget = (errors: FieldError[], path: string, target: Target | undefined): void => {
  const { type = '', value, averageValue, averageUtilization } = target ?? ({} as Target)
  if (type === '') errors.push(requiredField(`${path}.type`, 'must specify a metric target type'))
  if (type !== 'Utilization' && type !== 'Value' && type !== 'AverageValue') {
    const why = 'must be either Utilization, Value, or AverageValue'
    errors.push(invalidField(`${path}.type`, type, why))
  }
  for (const [field, amount] of Object.entries({ value, averageValue })) {
    if (amount == null || milliValue(amount) > 0) continue
    errors.push(invalidField(`${path}.${field}`, amount, 'must be positive'))
  }
  if (averageUtilization == null || averageUtilization >= 1) return
  const why = 'must be greater than 0'
  errors.push(invalidField(`${path}.averageUtilization`, averageUtilization, why))
}

const checkScalingRules = (errors: FieldError[], path: string, rules: ScalingRules): void => {
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance } = rules
  const at = `${path}.stabilizationWindowSeconds`
  if (window != null && window < 0) {
    errors.push(invalidField(at, window, 'must be greater than or equal to zero'))
  }
  if (window != null && window > MAX_STABILIZATION_SECONDS) {
    const why = `must be less than or equal to ${MAX_STABILIZATION_SECONDS}`
    errors.push(invalidField(at, window, why))
  }
  if (selectPolicy != null) isOneOf(errors, `${path}.selectPolicy`, selectPolicy, SELECT_POLICIES)
  if (policies.length === 0) {
    errors.push(requiredField(`${path}.policies`, 'must specify at least one Policy'))
  }
  for (const [index, policy] of policies.entries()) {
    checkScalingPolicy(errors, `${path}.policies[${index}]`, policy)
  }
  if (tolerance == null || milliValue(tolerance) >= 0) return
  errors.push(invalidField(`${path}.tolerance`, tolerance, 'must be greater than or equal to 0'))
}

const checkScalingPolicy = (
  errors: FieldError[],
  path: string,
  { type, value = 0, periodSeconds = 0 }: NonNullable<ScalingRules['policies']>[number],
): void => {
  isOneOf(errors, `${path}.type`, type ?? '', POLICY_TYPES)
  if (value <= 0) errors.push(invalidField(`${path}.value`, value, 'must be greater than zero'))
  const at = `${path}.periodSeconds`
  if (periodSeconds <= 0) errors.push(invalidField(at, periodSeconds, 'must be greater than zero'))
  if (periodSeconds <= MAX_PERIOD_SECONDS) return
  const why = `must be less than or equal to ${MAX_PERIOD_SECONDS}`
  errors.push(invalidField(at, periodSeconds, why))
}
