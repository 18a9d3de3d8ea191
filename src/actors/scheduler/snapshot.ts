/**
 * `Snapshot`: nodes and the pods on them, kept up to date change by change.
 *
 * A pod that was given a node but whose binding is not yet in the cache is *assumed*: it counts as if it
 * were there until the cache shows it, shows otherwise, or the binding fails. Invariants: a pod is counted at
 * most once; sums equal those of a fresh count; `generation` grows with every change that a decision
 * could notice and with no other. It decides nothing and reads no clock.
 */
import type { Node } from '../../api/core/node.ts'
import type { Pod } from '../../api/core/pod.ts'
import { assert } from '../../std/assert.ts'
import type { Labels } from './match.ts'
import type { Aspect } from './plugin.ts'
import { isActive, type PodInfo, podInfo, sameForScheduling } from './pod-info.ts'
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

interface Placement {
  info: PodInfo
  node: NodeInfo
  isAssumed: boolean
}

/** Told of every pod that comes to or leaves a node, after the node's sums changed. */
export type PodListener = (pod: PodInfo, node: NodeInfo, delta: 1 | -1) => void

export interface Snapshot {
  readonly generation: number
  /** Changes when nodes come, go, or change in labels or taints. */
  readonly topologyGeneration: number
  /** Schedulable nodes, zones taking turns so that any run of them spans zones. */
  readonly order: readonly NodeInfo[]
  /** One more than the largest slot ever used. */
  readonly slots: number
  node(name: string): NodeInfo | undefined
  /** Pods on nodes, by namespace, with their node. */
  podsIn(namespace: string): Iterable<{ info: PodInfo; node: NodeInfo }>
  namespaces(): Iterable<string>
  /** Pods on nodes that have any pod affinity or anti-affinity. */
  podsWithAffinity(): Iterable<{ info: PodInfo; node: NodeInfo }>
  /** How many nodes hold an image. */
  nodesWithImage(name: string): number
  isAssumed(uid: string): boolean
  /** Takes over a node's new revision; returns what changed for scheduling. */
  setNode(node: Node): Aspect[]
  removeNode(name: string): void
  assume(info: PodInfo, nodeName: string): void
  /** The binding failed: the pod leaves its node unless the cache has shown it there. Returns the node. */
  forget(uid: string): NodeInfo | undefined
  /** Takes over a bound pod's new revision; returns what changed, with the node it concerns. */
  setPod(
    pod: Pod,
  ): { aspect: 'podPlaced' | 'podRemoved'; node: NodeInfo; info: PodInfo } | undefined
  removePod(uid: string): NodeInfo | undefined
  /** Makes every prepared answer about topology stale, e.g. when a namespace's labels changed. */
  invalidateTopology(): void
}

export const createSnapshot = (onPod: PodListener): Snapshot => {
  const nodes = new Map<string, NodeInfo>()
  const placements = new Map<string, Placement>()
  const byNamespace = new Map<string, Map<string, Placement>>()
  const withAffinity = new Map<string, Placement>()
  const imageCounts = new Map<string, number>()
  const freeSlots: number[] = []
  let slots = 0
  let generation = 0
  let topologyGeneration = 0
  let order: NodeInfo[] | undefined

  const touch = (node: NodeInfo) => {
    node.generation = ++generation
  }

  const obtainNode = (name: string): NodeInfo => {
    const known = nodes.get(name)
    if (known) return known
    const info = emptyNode(name, freeSlots.pop() ?? slots++)
    nodes.set(name, info)
    touch(info)
    return info
  }

  const dropIfEmpty = (info: NodeInfo) => {
    if (info.node || info.pods.size > 0) return
    nodes.delete(info.name)
    freeSlots.push(info.slot)
  }

  const place = (info: PodInfo, nodeName: string, isAssumed: boolean): NodeInfo => {
    assert(!placements.has(info.uid), `pod ${info.key} is placed twice`)
    const node = obtainNode(nodeName)
    const placement = { info, node, isAssumed }
    placements.set(info.uid, placement)
    const siblings = byNamespace.get(info.namespace)
    if (siblings) siblings.set(info.uid, placement)
    else byNamespace.set(info.namespace, new Map([[info.uid, placement]]))
    if (info.hasAffinity) withAffinity.set(info.uid, placement)
    addPod(node, info)
    touch(node)
    onPod(info, node, 1)
    return node
  }

  const unplace = ({ info, node }: Placement): NodeInfo => {
    placements.delete(info.uid)
    const siblings = byNamespace.get(info.namespace)
    siblings?.delete(info.uid)
    if (siblings?.size === 0) byNamespace.delete(info.namespace)
    withAffinity.delete(info.uid)
    subtractPod(node, info)
    touch(node)
    onPod(info, node, -1)
    dropIfEmpty(node)
    return node
  }

  const countImages = (images: ReadonlyMap<string, number>, delta: 1 | -1) => {
    for (const name of images.keys()) {
      const count = (imageCounts.get(name) ?? 0) + delta
      if (count > 0) imageCounts.set(name, count)
      else imageCounts.delete(name)
    }
  }

  const setNode = (node: Node): Aspect[] => {
    const info = obtainNode(node.metadata.name)
    const isNew = info.node === undefined
    const before = { ...info }
    countImages(info.images, -1)
    info.node = node
    Object.assign(info, readNode(node))
    countImages(info.images, 1)
    const aspects: Aspect[] = isNew ? ['nodeAdded'] : changedAspects(before, info)
    if (isNew || aspects.includes('nodeLabels') || aspects.includes('nodeTaints')) {
      topologyGeneration++
      order = undefined
    }
    if (aspects.length > 0 || !sameImages(before.images, info.images)) touch(info)
    return aspects
  }

  const setPod: Snapshot['setPod'] = (pod) => {
    const uid = pod.metadata.uid
    const known = placements.get(uid)
    const nodeName = pod.spec?.nodeName ?? ''
    if (!nodeName || !isActive(pod)) {
      if (!known || (known.isAssumed && isActive(pod))) return undefined
      return { aspect: 'podRemoved', node: unplace(known), info: known.info }
    }
    if (known && known.node.name === nodeName) {
      const isUnchanged = known.isAssumed || sameForScheduling(known.info.pod, pod)
      known.isAssumed = false
      if (isUnchanged && known.info.isTerminating === isTerminating(pod)) {
        known.info.pod = pod
        return undefined
      }
    }
    if (known) unplace(known)
    const info = podInfo(pod)
    return { aspect: known ? 'podRemoved' : 'podPlaced', node: place(info, nodeName, false), info }
  }

  return {
    get generation() {
      return generation
    },
    get topologyGeneration() {
      return topologyGeneration
    },
    get order() {
      order ??= interleaveZones(nodes.values())
      return order
    },
    get slots() {
      return slots
    },
    node: (name) => {
      const info = nodes.get(name)
      return info?.node ? info : undefined
    },
    podsIn: (namespace) => byNamespace.get(namespace)?.values() ?? [],
    namespaces: () => byNamespace.keys(),
    podsWithAffinity: () => withAffinity.values(),
    nodesWithImage: (name) => imageCounts.get(name) ?? 0,
    isAssumed: (uid) => placements.get(uid)?.isAssumed ?? false,
    setNode,
    removeNode: (name) => {
      const info = nodes.get(name)
      if (!info?.node) return
      countImages(info.images, -1)
      info.node = undefined
      Object.assign(info, noNode())
      topologyGeneration++
      order = undefined
      touch(info)
      dropIfEmpty(info)
    },
    assume: (info, nodeName) => {
      place(info, nodeName, true)
    },
    forget: (uid) => {
      const placement = placements.get(uid)
      return placement?.isAssumed ? unplace(placement) : undefined
    },
    setPod,
    removePod: (uid) => {
      const placement = placements.get(uid)
      return placement && unplace(placement)
    },
    invalidateTopology: () => {
      topologyGeneration++
    },
  }
}

const isTerminating = (pod: Pod) => pod.metadata.deletionTimestamp !== undefined

/** What a node's object says, as far as scheduling reads it. */
const readNode = (node: Node) => ({
  labels: node.metadata.labels ?? {},
  taints: node.spec?.taints ?? [],
  isUnschedulable: node.spec?.unschedulable ?? false,
  allocatable: readResources(node.status?.allocatable),
  podsMax: Number(node.status?.allocatable?.['pods'] ?? 0),
  images: readImages(node),
})

const noNode = () => ({
  labels: {},
  taints: [],
  isUnschedulable: false,
  allocatable: noResources(),
  podsMax: 0,
  images: new Map<string, number>(),
})

const emptyNode = (name: string, slot: number): NodeInfo => ({
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

const addPod = (node: NodeInfo, info: PodInfo): void => {
  node.pods.set(info.uid, info)
  addResources(node.requested, info.requests)
  addResources(node.scored, info.scored)
  for (const { port, ip } of info.hostPorts) {
    const addresses = node.usedPorts.get(port) ?? new Map<string, number>()
    addresses.set(ip, (addresses.get(ip) ?? 0) + 1)
    node.usedPorts.set(port, addresses)
  }
}

const subtractPod = (node: NodeInfo, info: PodInfo): void => {
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

const sameImages = (left: ReadonlyMap<string, number>, right: ReadonlyMap<string, number>) =>
  left.size === right.size && [...left.keys()].every((name) => right.has(name))

const changedAspects = (before: NodeInfo, after: NodeInfo): Aspect[] => {
  const aspects: Aspect[] = []
  if (before.podsMax !== after.podsMax || !sameResources(before.allocatable, after.allocatable))
    aspects.push('nodeAllocatable')
  if (!sameText(before.labels, after.labels)) aspects.push('nodeLabels')
  if (!sameText(before.taints, after.taints)) aspects.push('nodeTaints')
  if (before.isUnschedulable !== after.isUnschedulable) aspects.push('nodeUnschedulable')
  return aspects
}

const zoneOf = ({ labels }: NodeInfo): string =>
  `${labels['topology.kubernetes.io/region'] ?? ''}:${labels['topology.kubernetes.io/zone'] ?? ''}`

/** Nodes that exist, one of each zone in turn. */
const interleaveZones = (nodes: Iterable<NodeInfo>): NodeInfo[] => {
  const zones = new Map<string, NodeInfo[]>()
  let total = 0
  for (const node of nodes) {
    if (!node.node) continue
    const zone = zones.get(zoneOf(node))
    if (zone) zone.push(node)
    else zones.set(zoneOf(node), [node])
    total++
  }
  const order: NodeInfo[] = []
  for (let round = 0; order.length < total; round++)
    for (const zone of zones.values()) {
      const node = zone[round]
      if (node) order.push(node)
    }
  return order
}
