/**
 * Amounts of resources that pods request and nodes offer, as plain numbers.
 *
 * CPU is in thousandths of a core, everything else in whole units (bytes, devices), rounded up as
 * Kubernetes' scheduler does. Invariant: a `Resources` that left this file is not mutated elsewhere than by
 * `addResources` and `subtractResources`. It validates nothing: the apiserver did.
 */
import type { Pod } from '../../api/core/pod.ts'
import { milliValue, value } from '../../api/quantity.ts'

export interface Resources {
  cpuMillis: number
  memoryBytes: number
  ephemeralBytes: number
  /** Every other resource by name: huge pages, devices. */
  extended: Map<string, number>
}

type Quantities = { [name: string]: string } | undefined

export const noResources = (): Resources => ({
  cpuMillis: 0,
  memoryBytes: 0,
  ephemeralBytes: 0,
  extended: new Map(),
})

/** Reads a map of quantities; the `pods` entry is left out. */
export const readResources = (quantities: Quantities): Resources => {
  const resources = noResources()
  for (const name in quantities) setResource(resources, name, quantities[name] ?? '0')
  return resources
}

const setResource = (resources: Resources, name: string, quantity: string): void => {
  if (name === 'cpu') resources.cpuMillis = milliValue(quantity)
  else if (name === 'memory') resources.memoryBytes = value(quantity)
  else if (name === 'ephemeral-storage') resources.ephemeralBytes = value(quantity)
  else if (name !== 'pods') resources.extended.set(name, value(quantity))
}

export const addResources = (to: Resources, more: Resources): Resources => {
  to.cpuMillis += more.cpuMillis
  to.memoryBytes += more.memoryBytes
  to.ephemeralBytes += more.ephemeralBytes
  for (const [name, amount] of more.extended)
    to.extended.set(name, (to.extended.get(name) ?? 0) + amount)
  return to
}

export const subtractResources = (from: Resources, less: Resources): Resources => {
  from.cpuMillis -= less.cpuMillis
  from.memoryBytes -= less.memoryBytes
  from.ephemeralBytes -= less.ephemeralBytes
  for (const [name, amount] of less.extended)
    from.extended.set(name, (from.extended.get(name) ?? 0) - amount)
  return from
}

const maxResources = (left: Resources, right: Resources): Resources => {
  const extended = new Map(left.extended)
  for (const [name, amount] of right.extended)
    extended.set(name, Math.max(extended.get(name) ?? 0, amount))
  return {
    cpuMillis: Math.max(left.cpuMillis, right.cpuMillis),
    memoryBytes: Math.max(left.memoryBytes, right.memoryBytes),
    ephemeralBytes: Math.max(left.ephemeralBytes, right.ephemeralBytes),
    extended,
  }
}

const isSidecar = (container: { restartPolicy?: string }) => container.restartPolicy === 'Always'

type Container = { resources?: { requests?: Quantities }; restartPolicy?: string }
type ReadContainer = (container: Container) => Resources

/**
 * What a pod needs of a node: its containers and sidecars together, or an init container with the sidecars
 * started before it, whichever is more; plus overhead. Pod-level requests replace the sum where given.
 */
const totalRequests = (spec: Pod['spec'], read: ReadContainer): Resources => {
  const running = noResources()
  for (const container of spec?.containers ?? []) addResources(running, read(container))
  const sidecars = noResources()
  let starting = noResources()
  for (const container of spec?.initContainers ?? []) {
    const own = read(container)
    if (isSidecar(container)) {
      addResources(running, own)
      addResources(sidecars, own)
      starting = maxResources(starting, sidecars)
    } else starting = maxResources(starting, addResources(own, sidecars))
  }
  return maxResources(running, starting)
}

export const podRequests = (pod: Pod): Resources => {
  const total = totalRequests(pod.spec, (container) => readResources(container.resources?.requests))
  const podLevel = pod.spec?.resources?.requests
  for (const name in podLevel) setResource(total, name, podLevel[name] ?? '0')
  return addResources(total, readResources(pod.spec?.overhead))
}

/** What a container without requests counts as when nodes are compared, so that they do not pile up. */
const ASSUMED_CPU_MILLIS = 100
const ASSUMED_MEMORY_BYTES = 200 * 1024 * 1024

/** CPU and memory of the pod with Kubernetes' assumptions for containers that request none. */
export const scoredRequests = (pod: Pod): Resources => {
  const total = totalRequests(pod.spec, (container) => {
    const requests = container.resources?.requests
    const own = readResources(requests)
    if (requests?.['cpu'] === undefined) own.cpuMillis = ASSUMED_CPU_MILLIS
    if (requests?.['memory'] === undefined) own.memoryBytes = ASSUMED_MEMORY_BYTES
    return own
  })
  const podLevel = pod.spec?.resources?.requests
  for (const name in podLevel) setResource(total, name, podLevel[name] ?? '0')
  return addResources(total, readResources(pod.spec?.overhead))
}
