/**
 * Whether this node may run a pod: the checks a kubelet repeats after the scheduler. Pure.
 *
 * Reasons and messages follow Kubernetes' `lifecycle/predicate.go`. Invariant: what runs already is never
 * asked again. It knows nothing of priorities: preemption is the scheduler's.
 */
import type { Pod } from '../../api/core/pod.ts'
import { milliValue, value as quantityValue } from '../../api/quantity.ts'
import type { Verdict } from './pod-memory.ts'
import { containersOf, initContainersOf, isSidecar, type PodContainer } from './pod-view.ts'

export interface Amounts {
  cpu: number
  memory: number
  'ephemeral-storage': number
}

/** What the pods on the node hold, `pods` their number. */
export interface Held extends Amounts {
  pods: number
  /** `protocol/hostIP/port` in use on the host. */
  ports: ReadonlySet<string>
}

export interface Offer {
  labels: { readonly [key: string]: string }
  allocatable: { readonly [resource: string]: string }
}

const RESOURCES = ['cpu', 'memory', 'ephemeral-storage'] as const

/** CPU in thousandths, the others in bytes. */
export const amountOf = (resource: string, text: string | undefined): number =>
  resource === 'cpu' ? milliValue(text) : quantityValue(text)

const requestsOf = ({ resources }: PodContainer): Amounts => ({
  cpu: amountOf('cpu', resources?.requests?.['cpu']),
  memory: amountOf('memory', resources?.requests?.['memory']),
  'ephemeral-storage': amountOf('ephemeral-storage', resources?.requests?.['ephemeral-storage']),
})

/** A pod's requests: containers and sidecars together, or its most demanding init container. */
export const podRequests = (pod: Pod): Amounts => {
  const total: Amounts = { cpu: 0, memory: 0, 'ephemeral-storage': 0 }
  const peak: Amounts = { ...total }
  const sidecars: Amounts = { ...total }
  for (const container of initContainersOf(pod)) {
    const own = requestsOf(container)
    for (const resource of RESOURCES) {
      if (isSidecar(container)) sidecars[resource] += own[resource]
      const at = sidecars[resource] + (isSidecar(container) ? 0 : own[resource])
      peak[resource] = Math.max(peak[resource], at)
    }
  }
  for (const container of containersOf(pod)) {
    const own = requestsOf(container)
    for (const resource of RESOURCES) total[resource] += own[resource]
  }
  for (const resource of RESOURCES) {
    total[resource] = Math.max(total[resource] + sidecars[resource], peak[resource])
    total[resource] += amountOf(resource, pod.spec?.overhead?.[resource])
  }
  return total
}

export const hostPortsOf = (pod: Pod): string[] =>
  containersOf(pod).flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, protocol = 'TCP', hostIP }) =>
      hostPort ? [`${protocol}/${hostIP ?? '0.0.0.0'}/${hostPort}`] : [],
    ),
  )

/** Why the node refuses `pod`, or undefined when it is welcome. */
export const refuse = (pod: Pod, offer: Offer, held: Held): Verdict | undefined => {
  const allowed = amountOf('pods', offer.allocatable['pods'] ?? '110')
  if (held.pods + 1 > allowed) return rejected('OutOfpods', outOf('pods', 1, held.pods, allowed))
  const lacking = lackOf(podRequests(pod), offer, held)
  if (lacking) return rejected(`OutOf${lacking.resource}`, lacking.message)
  for (const [key, value] of Object.entries(pod.spec?.nodeSelector ?? {}))
    if (offer.labels[key] !== value)
      return rejected(
        'NodeAffinity',
        "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
      )
  if (hostPortsOf(pod).some((port) => held.ports.has(port)))
    return rejected(
      'NodePorts',
      "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    )
  return undefined
}

/** The first resource of which the node has too little beside what others hold. */
export const lackOf = (
  wanted: Amounts,
  offer: Offer,
  held: Amounts,
): { resource: string; message: string } | undefined => {
  for (const resource of RESOURCES) {
    const capacity = offer.allocatable[resource]
    if (wanted[resource] === 0 || capacity === undefined) continue
    const amount = amountOf(resource, capacity)
    if (held[resource] + wanted[resource] > amount)
      return { resource, message: outOf(resource, wanted[resource], held[resource], amount) }
  }
  return undefined
}

const rejected = (reason: string, message: string): Verdict => ({
  reason,
  message: `Pod was rejected: ${message}`,
})

const outOf = (resource: string, requested: number, used: number, capacity: number): string =>
  `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`
