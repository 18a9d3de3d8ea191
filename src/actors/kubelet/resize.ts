/**
 * Resizing a pod in place: what it asks for, what it was granted (its allocation), what its containers have. Pure.
 *
 * The kubelet runs a pod with its allocation; a resize that does not fit now is deferred and tried again when others
 * leave. Invariant: only CPU and memory are compared, in the units the runtime keeps.
 */
import type { Pod } from '../../api/core/pod.ts'
import { deepEqual } from '../../api/equality.ts'
import type { ContainerResources } from '../../node/runtime.ts'
import {
  containersOf,
  initContainersOf,
  isSidecar,
  type ObservedContainer,
  type PodContainer,
} from './pod-view.ts'
import { resourcesOf } from './runtime-spec.ts'

type Requirements = NonNullable<PodContainer['resources']>
/** By the container's name. */
export type Allocation = ReadonlyMap<string, Requirements>

/** What a kernel grants at least, in thousandths of a CPU. */
const CPU_REQUEST_MIN = 2
const CPU_LIMIT_MIN = 10

const resizable = (pod: Pod): readonly PodContainer[] => [
  ...initContainersOf(pod),
  ...containersOf(pod),
]

export const allocationOf = (pod: Pod): Allocation =>
  new Map(resizable(pod).map(({ name, resources }) => [name, resources ?? {}]))

/** What a pod was granted as its status tells, for a kubelet that has just begun; else what it asks for. */
export const reportedAllocation = (pod: Pod): Allocation => {
  const isPending = pod.status?.conditions?.some(({ type }) => type === 'PodResizePending')
  if (!isPending) return allocationOf(pod)
  const statuses = [
    ...(pod.status?.initContainerStatuses ?? []),
    ...(pod.status?.containerStatuses ?? []),
  ]
  return new Map(
    resizable(pod).map(({ name, resources = {} }) => {
      const status = statuses.find((one) => one.name === name)
      if (!status?.allocatedResources) return [name, resources]
      const limits = status.resources?.limits
      return [name, { ...(limits ? { limits } : {}), requests: status.allocatedResources }]
    }),
  )
}

/** The pod with the resources it was granted; the same object when they are those it asks for. */
export const withAllocation = (pod: Pod, allocation: Allocation): Pod => {
  if (!pod.spec || isAllocated(pod, allocation)) return pod
  const granted = (container: PodContainer): PodContainer => {
    const resources = allocation.get(container.name)
    return resources ? { ...container, resources } : container
  }
  const { initContainers, containers } = pod.spec
  return {
    ...pod,
    spec: {
      ...pod.spec,
      ...(initContainers ? { initContainers: initContainers.map(granted) } : {}),
      containers: containers.map(granted),
    },
  }
}

export const isAllocated = (pod: Pod, allocation: Allocation): boolean =>
  resizable(pod).every(({ name, resources }) => {
    const granted = allocation.get(name)
    return granted === undefined || granted === resources || deepEqual(granted, resources ?? {})
  })

/** In which resources a running container differs from what it should have. */
export const sizeDifference = (
  container: PodContainer,
  { resources }: Pick<ObservedContainer, 'resources'>,
): readonly ('cpu' | 'memory')[] => {
  if (!resources) return []
  const wanted = normal(resourcesOf(container))
  const actual = normal(resources)
  const keepsCpu = resources.cpuRequestMillis !== undefined
  const keepsMemory = resources.memoryLimitBytes !== undefined
  const isOtherCpu = wanted.request !== actual.request || wanted.limit !== actual.limit
  return [
    ...(keepsCpu && isOtherCpu ? (['cpu'] as const) : []),
    ...(keepsMemory && wanted.memory !== actual.memory ? (['memory'] as const) : []),
  ]
}

const normal = ({ cpuRequestMillis, cpuLimitMillis, memoryLimitBytes }: ContainerResources) => ({
  request: Math.max(CPU_REQUEST_MIN, cpuRequestMillis ?? cpuLimitMillis ?? 0),
  limit: cpuLimitMillis ? Math.max(CPU_LIMIT_MIN, cpuLimitMillis) : 0,
  memory: memoryLimitBytes ?? 0,
})

/** Whether a change of these resources needs a new start of the container. */
export const needsRestart = (
  { resizePolicy = [] }: PodContainer,
  changed: readonly string[],
): boolean =>
  resizePolicy.some(
    ({ resourceName, restartPolicy }) =>
      restartPolicy === 'RestartContainer' && changed.includes(resourceName),
  )

/** Containers that may run beside each other, whose size is kept up. */
export const sizedContainersOf = (pod: Pod): readonly PodContainer[] => [
  ...initContainersOf(pod).filter(isSidecar),
  ...containersOf(pod),
]

/** Kubernetes' text of an event about a resize: the resources of every container, as JSON. */
export const resizeMessage = (
  what: string,
  pod: Pod,
  generation: number | undefined,
  error?: string,
): string => {
  const summary = (containers: readonly PodContainer[]) =>
    containers.map(({ name, resources = {} }) => ({ name, resources }))
  const init = initContainersOf(pod)
  const text = JSON.stringify({
    ...(init.length > 0 ? { initContainers: summary(init) } : {}),
    containers: summary(containersOf(pod)),
    generation: generation ?? 0,
    ...(error ? { error } : {}),
  })
  return `Pod resize ${what}: ${text}`
}
