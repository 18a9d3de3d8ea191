/**
 * `Plugin`: the port of a scheduling rule: what refuses a node, and what makes one better than another.
 *
 * A plug-in prepares once for a class of identical pods and is then asked about nodes. Invariant: a `node`
 * rule depends on the pod's class and on that one node alone, so its answers are kept until the node changes;
 * a `cluster` rule depends on pods elsewhere, keeps counts, and is told of every pod that comes or goes.
 * Plug-ins do no I/O, read no clock and draw nothing at random. Behaviour follows kube-scheduler 1.36.
 */
import type { View } from '../../client/view.ts'
import type { Aspect } from './aspect.ts'
import type { NodeInfo } from './node-info.ts'
import type { PodInfo } from './pod-info.ts'
import type { Snapshot } from './snapshot.ts'

/** Why a node was refused. */
export interface Refusal {
  plugin: string
  /** Kubernetes' reasons, as they stand in events. */
  reasons: readonly string[]
  /** Whether taking pods off the node could help; otherwise preemption is not tried there. */
  resolvable: boolean
}

/** Why every node was refused. */
export interface Refusals {
  /** How many nodes there are. */
  nodes: number
  /** How many nodes gave each reason. */
  reasons: ReadonlyMap<string, number>
  /** Plug-ins that refused. */
  plugins: ReadonlySet<string>
  /** Nodes on which taking pods off could help. */
  resolvable: number
}

/** How raw scores become 0..100, given the candidates' smallest and largest. */
export type Normalise = (raw: number, min: number, max: number) => number

interface Scorer {
  /** Raw score of a node that passed every filter. */
  score(node: NodeInfo): number
  /** Absent: the raw score is 0..100 already. */
  normalise?: Normalise
}

export interface NodeRule extends Partial<Scorer> {
  scope: 'node'
  filter?(node: NodeInfo): Refusal | undefined
  /** The only nodes that can pass, when the pod itself names them. */
  onlyNodes?: ReadonlySet<string>
}

export interface ClusterRule extends Partial<Scorer> {
  scope: 'cluster'
  filter?(node: NodeInfo): Refusal | undefined
  /** Called once before candidates are scored, with their number. */
  beforeScore?(candidates: number): void
  /** A pod came to (`delta` 1) or left (-1) `node`. Returns whether that changed any answer. */
  observe(pod: PodInfo, node: NodeInfo, delta: 1 | -1): boolean
  /** False while it would pass every node and score all alike. */
  active(): boolean
}

export interface Plugin {
  name: string
  /** Weight of its score among all; 0: it only filters. */
  weight: number
  /** Changes after which a refusal by this plug-in deserves another try. */
  helpedBy: readonly Aspect[]
  /** Undefined: the plug-in has nothing to say about this class of pods. */
  prepare(pod: PodInfo, snapshot: Snapshot, view: View): NodeRule | ClusterRule | undefined
}

export const MAX_SCORE = 100

/** More is better: the largest becomes 100. */
export const largerIsBetter: Normalise = (raw, _min, max) => (max > 0 ? (raw * MAX_SCORE) / max : 0)
/** Less is better: the largest becomes 0. */
export const smallerIsBetter: Normalise = (raw, _min, max) =>
  max > 0 ? MAX_SCORE - (raw * MAX_SCORE) / max : MAX_SCORE
