/**
 * A pod's quality-of-service class, from its requests and limits of CPU and memory.
 *
 * Kubernetes' rules (`pkg/apis/core/helper/qos`): nothing asked for is BestEffort; every container
 * limited in both, with requests equal to limits, is Guaranteed; the rest is Burstable. The class
 * never changes.
 */
import { milliValue } from '../quantity.ts'
import type { PodSpec } from './pod-spec-defaults.ts'
import { isKnownQuantity, type ResourceList } from './resource-list.ts'

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort'

interface Totals {
  cpu: number
  memory: number
}

export const qosClassOf = (spec: PodSpec): QosClass => {
  const requests: Totals = { cpu: 0, memory: 0 }
  const limits: Totals = { cpu: 0, memory: 0 }
  let guaranteed = true
  const count = (resources: { requests?: ResourceList; limits?: ResourceList } | undefined) => {
    // A limit stands for the request that was left out, whether defaults have been applied or not.
    add(requests, { ...resources?.limits, ...resources?.requests })
    if (!add(limits, resources?.limits)) guaranteed = false
  }
  // Resources of the pod as a whole decide alone where they are given.
  if (spec.resources) count(spec.resources)
  else {
    for (const container of spec.containers ?? []) count(container.resources)
    for (const container of spec.initContainers ?? []) count(container.resources)
  }
  const asked = requests.cpu + requests.memory + limits.cpu + limits.memory
  if (asked === 0) return 'BestEffort'
  const equal = requests.cpu === limits.cpu && requests.memory === limits.memory
  const both = limits.cpu > 0 && limits.memory > 0
  return guaranteed && equal && both ? 'Guaranteed' : 'Burstable'
}

/** Adds what is positive; returns whether both resources were. */
const add = (totals: Totals, list: ResourceList | undefined): boolean => {
  const cpu = positive(list?.['cpu'])
  const memory = positive(list?.['memory'])
  totals.cpu += cpu
  totals.memory += memory
  return cpu > 0 && memory > 0
}

const positive = (amount: string | undefined): number =>
  amount !== undefined && isKnownQuantity(amount) ? Math.max(0, milliValue(amount)) : 0
