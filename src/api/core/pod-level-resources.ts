/**
 * What all containers of a pod ask for together, and the defaults of the pod's own resources that follow.
 *
 * Kubernetes' rules (`component-helpers/resource`): containers and sidecars run side by side and add up; other
 * init containers run before, one at a time, beside the sidecars started so far. Amounts stay exact.
 */
import { formatQuantity, parseQuantity, type Quantity } from '../quantity.ts'
import type { Container, PodSpec } from './pod-spec-defaults.ts'
import {
  compareAmounts,
  isHugePages,
  isKnownQuantity,
  isOvercommitAllowed,
  type ResourceList,
} from './resource-list.ts'

/** Of `requests` or of `limits`, what the containers need together. */
export const aggregateResources = (
  { containers, initContainers }: Partial<PodSpec>,
  field: 'requests' | 'limits',
): ResourceList => {
  const total: ResourceList = {}
  const sidecars: ResourceList = {}
  const initial: ResourceList = {}
  const listOf = ({ resources }: Container) => resources?.[field] ?? {}
  for (const container of containers ?? []) add(total, listOf(container))
  for (const container of initContainers ?? []) {
    const list = listOf(container)
    if (container.restartPolicy === 'Always') {
      add(total, list)
      add(sidecars, list)
      raise(initial, sidecars)
    } else {
      const beside = { ...list }
      add(beside, sidecars)
      raise(initial, beside)
    }
  }
  raise(total, initial)
  return total
}

const add = (total: ResourceList, list: ResourceList): void => {
  for (const name in list) {
    const amount = list[name]!
    if (isKnownQuantity(amount)) total[name] = sum(total[name], amount)
  }
}

/** The sum keeps the first one's format, as Kubernetes' does. */
const sum = (one: string | undefined, other: string): string => {
  if (one === undefined) return other
  const first = parseQuantity(one)
  const second = parseQuantity(other)
  const format: Quantity['format'] = first.nanos === 0n ? second.format : first.format
  return formatQuantity({ nanos: first.nanos + second.nanos, format })
}

const raise = (total: ResourceList, list: ResourceList): void => {
  for (const name in list) {
    const amount = list[name]!
    if (!isKnownQuantity(amount)) continue
    if (total[name] === undefined || compareAmounts(amount, total[name]) > 0) total[name] = amount
  }
}

/** Resources that a pod as a whole may ask for. */
export const isPodLevelResource = (name: string): boolean =>
  name === 'cpu' || name === 'memory' || isHugePages(name)

/** Defaults of `spec.resources` of a pod, after those of its containers. */
export const applyPodLevelDefaults = (spec: PodSpec): void => {
  const { resources } = spec
  if (!resources || (!resources.limits && !resources.requests)) return
  const limits: ResourceList = { ...resources.limits }
  for (const [name, amount] of Object.entries(aggregateResources(spec, 'limits'))) {
    if (isHugePages(name) && resources.requests?.[name] === undefined) limits[name] ??= amount
  }
  if (Object.keys(limits).length === 0) return
  resources.limits = limits
  const requests: ResourceList = { ...resources.requests }
  for (const [name, amount] of Object.entries(aggregateResources(spec, 'requests'))) {
    if (isPodLevelResource(name) && isOvercommitAllowed(name)) requests[name] ??= amount
  }
  for (const name in limits) if (isPodLevelResource(name)) requests[name] ??= limits[name]!
  if (Object.keys(requests).length > 0) resources.requests = requests
}
