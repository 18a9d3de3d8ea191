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
import type { Aspect } from './aspect.ts'
import {
  addPod,
  changedAspects,
  emptyNode,
  type NodeInfo,
  noNode,
  readNode,
  sameImages,
  subtractPod,
} from './node-info.ts'
import { isActive, type PodInfo, podInfo, sameForScheduling } from './pod-info.ts'

interface Placement {
  info: PodInfo
  node: NodeInfo
  isAssumed: boolean
}

/** A pod came to a node or left it. */
interface Move {
  aspect: 'podPlaced' | 'podRemoved'
  node: NodeInfo
  info: PodInfo
}

/** Told of every pod that comes to or leaves a node, after the node's sums changed. */
export type PodListener = (pod: PodInfo, node: NodeInfo, delta: 1 | -1) => void

export class Snapshot {
  private readonly nodes = new Map<string, NodeInfo>()
  private readonly placements = new Map<string, Placement>()
  private readonly byNamespace = new Map<string, Map<string, Placement>>()
  private readonly withAffinity = new Map<string, Placement>()
  private readonly imageCounts = new Map<string, number>()
  private readonly freeSlots: number[] = []
  private slotsUsed = 0
  private changes = 0
  private topologyChanges = 0
  private interleaved: NodeInfo[] | undefined

  constructor(private readonly onPod: PodListener) {}

  get generation(): number {
    return this.changes
  }
  /** Changes when nodes come, go, or change in labels or taints. */
  get topologyGeneration(): number {
    return this.topologyChanges
  }
  /** Schedulable nodes, zones taking turns so that any run of them spans zones. */
  get order(): readonly NodeInfo[] {
    this.interleaved ??= interleaveZones(this.nodes.values())
    return this.interleaved
  }
  /** One more than the largest slot ever used. */
  get slots(): number {
    return this.slotsUsed
  }

  node(name: string): NodeInfo | undefined {
    const info = this.nodes.get(name)
    return info?.node ? info : undefined
  }
  /** Pods on nodes, by namespace, with their node. */
  podsIn(namespace: string): Iterable<{ info: PodInfo; node: NodeInfo }> {
    return this.byNamespace.get(namespace)?.values() ?? []
  }
  namespaces(): Iterable<string> {
    return this.byNamespace.keys()
  }
  /** Pods on nodes that have any pod affinity or anti-affinity. */
  podsWithAffinity(): Iterable<{ info: PodInfo; node: NodeInfo }> {
    return this.withAffinity.values()
  }
  /** How many nodes hold an image. */
  nodesWithImage(name: string): number {
    return this.imageCounts.get(name) ?? 0
  }
  isAssumed(uid: string): boolean {
    return this.placements.get(uid)?.isAssumed ?? false
  }

  /** Takes over a node's new revision; returns what changed for scheduling. */
  setNode(node: Node): Aspect[] {
    const info = this.obtainNode(node.metadata.name)
    const isNew = info.node === undefined
    const before = { ...info }
    this.countImages(info.images, -1)
    info.node = node
    Object.assign(info, readNode(node))
    this.countImages(info.images, 1)
    const aspects: Aspect[] = isNew ? ['nodeAdded'] : changedAspects(before, info)
    if (isNew || aspects.includes('nodeLabels') || aspects.includes('nodeTaints')) {
      this.topologyChanges++
      this.interleaved = undefined
    }
    if (aspects.length > 0 || !sameImages(before.images, info.images)) this.touch(info)
    return aspects
  }

  removeNode(name: string): void {
    const info = this.nodes.get(name)
    if (!info?.node) return
    this.countImages(info.images, -1)
    info.node = undefined
    Object.assign(info, noNode())
    this.topologyChanges++
    this.interleaved = undefined
    this.touch(info)
    this.dropIfEmpty(info)
  }

  assume(info: PodInfo, nodeName: string): void {
    this.place(info, nodeName, true)
  }

  /** The binding failed: the pod leaves its node unless the cache has shown it there. Returns the node. */
  forget(uid: string): NodeInfo | undefined {
    const placement = this.placements.get(uid)
    return placement?.isAssumed ? this.unplace(placement) : undefined
  }

  /** Takes over a bound pod's new revision; returns what changed, with the node it concerns. */
  setPod(pod: Pod): Move | undefined {
    const known = this.placements.get(pod.metadata.uid)
    const nodeName = pod.spec?.nodeName ?? ''
    if (!nodeName || !isActive(pod)) {
      if (!known || (known.isAssumed && isActive(pod))) return undefined
      return { aspect: 'podRemoved', node: this.unplace(known), info: known.info }
    }
    if (known && known.node.name === nodeName) {
      const isUnchanged = known.isAssumed || sameForScheduling(known.info.pod, pod)
      known.isAssumed = false
      if (isUnchanged && known.info.isTerminating === isTerminating(pod)) {
        known.info.pod = pod
        return undefined
      }
    }
    if (known) this.unplace(known)
    const info = podInfo(pod)
    const node = this.place(info, nodeName, false)
    return { aspect: known ? 'podRemoved' : 'podPlaced', node, info }
  }

  removePod(uid: string): NodeInfo | undefined {
    const placement = this.placements.get(uid)
    return placement && this.unplace(placement)
  }

  /** Makes every prepared answer about topology stale, e.g. when a namespace's labels changed. */
  invalidateTopology(): void {
    this.topologyChanges++
  }

  private touch(node: NodeInfo) {
    node.generation = ++this.changes
  }

  private obtainNode(name: string): NodeInfo {
    const known = this.nodes.get(name)
    if (known) return known
    const info = emptyNode(name, this.freeSlots.pop() ?? this.slotsUsed++)
    this.nodes.set(name, info)
    this.touch(info)
    return info
  }

  private dropIfEmpty(info: NodeInfo) {
    if (info.node || info.pods.size > 0) return
    this.nodes.delete(info.name)
    this.freeSlots.push(info.slot)
  }

  private place(info: PodInfo, nodeName: string, isAssumed: boolean): NodeInfo {
    assert(!this.placements.has(info.uid), `pod ${info.key} is placed twice`)
    const node = this.obtainNode(nodeName)
    const placement = { info, node, isAssumed }
    this.placements.set(info.uid, placement)
    const siblings = this.byNamespace.get(info.namespace)
    if (siblings) siblings.set(info.uid, placement)
    else this.byNamespace.set(info.namespace, new Map([[info.uid, placement]]))
    if (info.hasAffinity) this.withAffinity.set(info.uid, placement)
    addPod(node, info)
    this.touch(node)
    this.onPod(info, node, 1)
    return node
  }

  private unplace({ info, node }: Placement): NodeInfo {
    this.placements.delete(info.uid)
    const siblings = this.byNamespace.get(info.namespace)
    siblings?.delete(info.uid)
    if (siblings?.size === 0) this.byNamespace.delete(info.namespace)
    this.withAffinity.delete(info.uid)
    subtractPod(node, info)
    this.touch(node)
    this.onPod(info, node, -1)
    this.dropIfEmpty(node)
    return node
  }

  private countImages(images: ReadonlyMap<string, number>, delta: 1 | -1) {
    for (const name of images.keys()) {
      const count = (this.imageCounts.get(name) ?? 0) + delta
      if (count > 0) this.imageCounts.set(name, count)
      else this.imageCounts.delete(name)
    }
  }
}

const isTerminating = (pod: Pod) => pod.metadata.deletionTimestamp !== undefined

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
