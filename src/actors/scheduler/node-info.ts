/**
 * `NodeInfo`: one node as scheduling sees it, with the sums of the pods on it.
 *
 * Invariant: sums equal those of a fresh count of `pods`. It does not know other nodes, and leaves it to the
 * snapshot to say when a node changed.
 */
import type { Node } from '../../api/core/node.ts'
import type { Aspect } from './aspect.ts'
import type { Labels } from './match.ts'
import type { PodInfo } from './pod-info.ts'
import {
  addResources,
  noResources,
  type Resources,
  readResources,
  subtractResources,
} from './resources.ts'

export interface Taint {
  key: string
  value?: string
  effect: string
}

export interface NodeInfo {
  readonly name: string
  /** Small number that no other present node has; indexes arrays. */
  readonly slot: number
  /** Undefined while only pods name this node. */
  node: Node | undefined
  labels: Labels
  taints: readonly Taint[]
  isUnschedulable: boolean
  allocatable: Resources
  podsMax: number
  /** Bytes by image name. */
  images: ReadonlyMap<string, number>
  /** The snapshot's generation when this node last changed. */
  generation: number
  readonly requested: Resources
  /** Sum of what pods count as when nodes are compared. */
  readonly scored: Resources
  readonly pods: Map<string, PodInfo>
  /** How many pods use each `TCP/80`, by address. */
  readonly usedPorts: Map<string, Map<string, number>>
}

/** What a node's object says, as far as scheduling reads it. */
export const readNode = (node: Node) => ({
  labels: node.metadata.labels ?? {},
  taints: node.spec?.taints ?? [],
  isUnschedulable: node.spec?.unschedulable ?? false,
  allocatable: readResources(node.status?.allocatable),
  podsMax: Number(node.status?.allocatable?.['pods'] ?? 0),
  images: readImages(node),
})

export const noNode = () => ({
  labels: {},
  taints: [],
  isUnschedulable: false,
  allocatable: noResources(),
  podsMax: 0,
  images: new Map<string, number>(),
})

export const emptyNode = (name: string, slot: number): NodeInfo => ({
  name,
  slot,
  node: undefined,
  ...noNode(),
  generation: 0,
  requested: noResources(),
  scored: noResources(),
  pods: new Map(),
  usedPorts: new Map(),
})

const readImages = (node: Node): Map<string, number> => {
  const images = new Map<string, number>()
  for (const image of node.status?.images ?? [])
    for (const name of image.names ?? []) images.set(name, image.sizeBytes ?? 0)
  return images
}

export const addPod = (node: NodeInfo, info: PodInfo): void => {
  node.pods.set(info.uid, info)
  addResources(node.requested, info.requests)
  addResources(node.scored, info.scored)
  for (const { port, ip } of info.hostPorts) {
    const addresses = node.usedPorts.get(port) ?? new Map<string, number>()
    addresses.set(ip, (addresses.get(ip) ?? 0) + 1)
    node.usedPorts.set(port, addresses)
  }
}

export const subtractPod = (node: NodeInfo, info: PodInfo): void => {
  node.pods.delete(info.uid)
  subtractResources(node.requested, info.requests)
  subtractResources(node.scored, info.scored)
  for (const { port, ip } of info.hostPorts) {
    const addresses = node.usedPorts.get(port)
    const count = (addresses?.get(ip) ?? 0) - 1
    if (count > 0) addresses?.set(ip, count)
    else addresses?.delete(ip)
    if (addresses?.size === 0) node.usedPorts.delete(port)
  }
}

const sameText = (left: unknown, right: unknown) => JSON.stringify(left) === JSON.stringify(right)

const sameResources = (left: Resources, right: Resources): boolean =>
  left.cpuMillis === right.cpuMillis &&
  left.memoryBytes === right.memoryBytes &&
  left.ephemeralBytes === right.ephemeralBytes &&
  left.extended.size === right.extended.size &&
  [...left.extended].every(([name, amount]) => right.extended.get(name) === amount)

export const sameImages = (left: ReadonlyMap<string, number>, right: ReadonlyMap<string, number>) =>
  left.size === right.size && [...left.keys()].every((name) => right.has(name))

export const changedAspects = (before: NodeInfo, after: NodeInfo): Aspect[] => {
  const aspects: Aspect[] = []
  if (before.podsMax !== after.podsMax || !sameResources(before.allocatable, after.allocatable))
    aspects.push('nodeAllocatable')
  if (!sameText(before.labels, after.labels)) aspects.push('nodeLabels')
  if (!sameText(before.taints, after.taints)) aspects.push('nodeTaints')
  if (before.isUnschedulable !== after.isUnschedulable) aspects.push('nodeUnschedulable')
  return aspects
}
