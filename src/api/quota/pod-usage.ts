/**
 * What a pod uses of a quota, and which quotas' scopes it is in.
 *
 * After Kubernetes' `pkg/quota/v1/evaluator/core/pods.go` and `component-helpers/resource`: what was asked for,
 * what a node granted and what runs, whichever is more. A pod that has ended, or should have been gone by now, is
 * counted as an object only. Pure; usage of a pod is worked out once.
 */
import type { V1PodAffinityTerm, V1ResourceRequirements } from '@kubernetes/client-node'
import type { Pod } from '../core/pod.ts'
import { aggregateResources, isPodLevelResource } from '../core/pod-level-resources.ts'
import { qosClassOf } from '../core/pod-qos.ts'
import type { Container, PodSpec } from '../core/pod-spec-defaults.ts'
import {
  compareAmounts,
  isExtendedResource,
  isHugePages,
  isNativeResource,
  type ResourceList,
} from '../core/resource-list.ts'
import type { KubernetesObject, Wire } from '../meta.ts'
import { formatQuantity, type Quantity } from '../quantity.ts'
import { type Amounts, addAmount, amountOf, parseAmount } from './amounts.ts'
import { type Evaluator, hasScopeValue, type QuotaWrite } from './evaluator.ts'

type Requirements = Wire<V1ResourceRequirements>
type Status = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number]
type Field = 'requests' | 'limits'

const DEVICE_CLASS = 'deviceclass.resource.kubernetes.io/'
const COMPUTE = ['cpu', 'memory', 'ephemeral-storage']
const RESOURCES = new Set([
  'count/pods',
  'pods',
  ...COMPUTE.flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
])
/** What a container has to ask for where a quota bounds it: a mistake that Kubernetes keeps. */
const REQUIRED = new Set(
  ['cpu', 'memory'].flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
)

const specOf = (pod: Pod): PodSpec => pod.spec ?? ({} as PodSpec)

/** `requests.example.com/gpu`: a quota of a resource that nodes advertise. */
export const isExtendedQuota = (name: string): boolean =>
  name.startsWith('requests.') &&
  (!isNativeResource(name) || name.startsWith(`requests.${DEVICE_CLASS}`))

export const podEvaluator: Evaluator = {
  mayHandle: (operation, subresource) =>
    (subresource === undefined && operation !== 'DELETE') ||
    (subresource === 'resize' && operation === 'UPDATE'),
  handles: ({ operation, subresource, object, old }: QuotaWrite) =>
    operation === 'CREATE' ||
    subresource === 'resize' ||
    hasDeadline(object as Pod) !== hasDeadline(old as Pod),
  matching: (names) =>
    names.filter(
      (name) =>
        RESOURCES.has(name) ||
        name.startsWith('hugepages-') ||
        name.startsWith('requests.hugepages-') ||
        isExtendedQuota(name),
    ),
  usage: (object, { now }) => podUsage(object as Pod, now),
  isInScope: (requirement, object) => {
    const pod = object as Pod
    switch (requirement.scopeName) {
      case 'Terminating':
        return hasDeadline(pod)
      case 'NotTerminating':
        return !hasDeadline(pod)
      case 'BestEffort':
        return qosClassOf(specOf(pod)) === 'BestEffort'
      case 'NotBestEffort':
        return qosClassOf(specOf(pod)) !== 'BestEffort'
      case 'PriorityClass': {
        const { priorityClassName } = specOf(pod)
        return hasScopeValue(requirement, priorityClassName ? [priorityClassName] : [])
      }
      case 'CrossNamespacePodAffinity':
        return reachesOtherNamespaces(pod)
      default:
        return false
    }
  },
  fault: (required, object) => missingRequests(required, object as Pod),
  changesAt: (object) => {
    const { deletionTimestamp, deletionGracePeriodSeconds } = object.metadata
    if (!deletionTimestamp || deletionGracePeriodSeconds == null) return undefined
    return Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1000
  },
}

const hasDeadline = ({ spec }: Pod): boolean => (spec?.activeDeadlineSeconds ?? -1) >= 0

const isCharged = (pod: Pod, now: number): boolean => {
  const phase = pod.status?.phase
  if (phase === 'Succeeded' || phase === 'Failed') return false
  const goneBy = podEvaluator.changesAt!(pod)
  return goneBy === undefined || now <= goneBy
}

const COUNTED: Amounts = { 'count/pods': amountOf(1) }
const usages = new WeakMap<KubernetesObject, Amounts>()

const podUsage = (pod: Pod, now: number): Amounts => {
  if (!isCharged(pod, now)) return COUNTED
  const known = usages.get(pod)
  if (known) return known
  const amounts = { ...COUNTED, ...computeUsage(totalOf(pod, 'requests'), totalOf(pod, 'limits')) }
  // What is still on its way may change; only what is stored is shared and stays.
  if (pod.metadata.resourceVersion) usages.set(pod, amounts)
  return amounts
}

/** By the names quotas have for it. */
const computeUsage = (requests: ResourceList, limits: ResourceList): Amounts => {
  const amounts: Record<string, Quantity> = { pods: amountOf(1) }
  for (const name in requests) {
    const amount = parseAmount(requests[name]!)
    const isCompute = COMPUTE.includes(name) || isHugePages(name)
    if (isCompute) amounts[name] = amount
    if (isCompute || isExtendedResource(name) || name.startsWith(DEVICE_CLASS))
      amounts[`requests.${name}`] = amount
  }
  for (const name of COMPUTE)
    if (limits[name] !== undefined) amounts[`limits.${name}`] = parseAmount(limits[name])
  return amounts
}

/** What the whole pod asks for, overhead included. */
const totalOf = (pod: Pod, field: Field): ResourceList => {
  const spec = specOf(pod)
  const total = aggregateResources(effective(pod), field)
  const podLevel = spec.resources?.[field] ?? {}
  for (const name in podLevel) if (isPodLevelResource(name)) total[name] = podLevel[name]!
  for (const name in spec.overhead) {
    const present = total[name]
    // Overhead is no limit of its own.
    if (field === 'limits' && (present === undefined || parseAmount(present).nanos === 0n)) continue
    total[name] = plus(present, spec.overhead[name]!)
  }
  return total
}

const plus = (one: string | undefined, other: string): string => {
  if (one === undefined) return other
  return formatQuantity(addAmount(parseAmount(one), parseAmount(other)))
}

/** The containers with what they ask for, were granted or have, whichever is more. */
const effective = (pod: Pod): Partial<PodSpec> => {
  const { containers = [], initContainers = [] } = specOf(pod)
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {}
  const statuses = new Map<string, Status>()
  for (const status of [...containerStatuses, ...initContainerStatuses])
    if (status.resources) statuses.set(status.name, status)
  if (statuses.size === 0) return { containers, initContainers }
  const isInfeasible = pod.status?.conditions?.some(
    ({ type, reason }) => type === 'PodResizePending' && reason === 'Infeasible',
  )
  const grown = (container: Container): Container => {
    const status = statuses.get(container.name)
    if (!status) return container
    const asked: Requirements = isInfeasible ? {} : (container.resources ?? {})
    const { requests, limits } = status.resources!
    return {
      ...container,
      resources: {
        requests: most([asked.requests, requests, status.allocatedResources]),
        limits: most([asked.limits, limits]),
      },
    }
  }
  return {
    containers: containers.map(grown),
    initContainers: initContainers.map((container) =>
      container.restartPolicy === 'Always' ? grown(container) : container,
    ),
  }
}

const most = (lists: readonly (ResourceList | undefined)[]): ResourceList => {
  const result: ResourceList = {}
  for (const list of lists)
    for (const name in list) {
      const present = result[name]
      if (present === undefined || compareAmounts(list[name]!, present) > 0)
        result[name] = list[name]!
    }
  return result
}

/** `must specify limits.cpu for: a,b; memory for: a`. */
const missingRequests = (required: readonly string[], pod: Pod): string | undefined => {
  const { containers = [], initContainers = [], resources } = specOf(pod)
  const ofPod = [...Object.keys(resources?.requests ?? {}), ...Object.keys(resources?.limits ?? {})]
  if (ofPod.some(isPodLevelResource)) return undefined
  const wanted = required.filter((name) => REQUIRED.has(name)).sort()
  if (wanted.length === 0) return undefined
  const missing = wanted.flatMap((name) => {
    const without = [...containers, ...initContainers].filter(
      (container) =>
        computeUsage(container.resources?.requests ?? {}, container.resources?.limits ?? {})[
          name
        ] === undefined,
    )
    if (without.length === 0) return []
    const names = [...new Set(without.map((container) => container.name))].sort()
    return [`${name} for: ${names.join(',')}`]
  })
  return missing.length > 0 ? `must specify ${missing.join('; ')}` : undefined
}

const reachesOtherNamespaces = ({ spec }: Pod): boolean => {
  const { podAffinity, podAntiAffinity } = spec?.affinity ?? {}
  const terms: Wire<V1PodAffinityTerm>[] = []
  for (const affinity of [podAffinity, podAntiAffinity]) {
    terms.push(...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []))
    for (const { podAffinityTerm } of affinity?.preferredDuringSchedulingIgnoredDuringExecution ??
      [])
      terms.push(podAffinityTerm)
  }
  return terms.some(
    ({ namespaces, namespaceSelector }) => namespaces?.length || namespaceSelector != null,
  )
}
