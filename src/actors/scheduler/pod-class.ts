/**
 * `PodClass`: identical pods, and what the plug-ins already know of every node for them.
 *
 * A batch of replicas is one class: after the first pod, only the node just used is looked at again.
 * Invariant: a kept verdict is that of a fresh evaluation, because it carries the node's generation and
 * `node` rules read nothing but the node; `cluster` rules are never kept, only their counts are. (The one
 * exception, harmless because it only weighs, is how many nodes hold an image.)
 */
import type { View } from '../../client/view.ts'
import type { NodeInfo } from './node-info.ts'
import type { ClusterRule, NodeRule, Normalise, Plugin, Refusal, Refusals } from './plugin.ts'
import type { PodInfo } from './pod-info.ts'
import type { Snapshot } from './snapshot.ts'

/** A rule that scores, with what is needed to weigh it. */
export interface WeighedScore {
  plugin: string
  weight: number
  normalise: Normalise | undefined
  /** Raw scores by slot of `node` rules; undefined: ask `rule` each time. */
  kept: Float64Array | undefined
  rule: NodeRule | ClusterRule
}

export interface PodClass {
  readonly signature: string
  /** Any pod of the class. */
  readonly sample: PodInfo
  readonly scores: readonly WeighedScore[]
  readonly clusterRules: readonly ClusterRule[]
  readonly onlyNodes: ReadonlySet<string> | undefined
  /** Refusals of every node, valid while the snapshot has that generation. */
  failure: { generation: number; refusals: Refusals } | undefined
  /** What `node` rules say of the node; kept until the node changes. */
  refusal(node: NodeInfo): Refusal | undefined
  /** A pod came or went: brings the counts up to date. Returns whether any answer may differ now. */
  observe(pod: PodInfo, node: NodeInfo, delta: 1 | -1): boolean
}

const createPodClass = (
  sample: PodInfo,
  plugins: readonly Plugin[],
  snapshot: Snapshot,
  view: View,
): PodClass => {
  const nodeRules: NodeRule[] = []
  const clusterRules: ClusterRule[] = []
  const scores: WeighedScore[] = []
  const keptScores: WeighedScore[] = []
  let onlyNodes: ReadonlySet<string> | undefined
  let capacity = Math.max(8, snapshot.slots)
  for (const plugin of plugins) {
    const rule = plugin.prepare(sample, snapshot, view)
    if (!rule) continue
    if (rule.scope === 'node') {
      nodeRules.push(rule)
      onlyNodes ??= rule.onlyNodes
    } else clusterRules.push(rule)
    if (!rule.score || plugin.weight === 0) continue
    const { name, weight } = plugin
    const kept = rule.scope === 'node' ? new Float64Array(capacity) : undefined
    const entry = { plugin: name, weight, normalise: rule.normalise, kept, rule }
    scores.push(entry)
    if (kept) keptScores.push(entry)
  }
  const filters = nodeRules.filter((rule) => rule.filter !== undefined)
  let refusals: (Refusal | undefined)[] = new Array(capacity)
  let knownAt = new Float64Array(capacity)

  const grow = () => {
    capacity = Math.max(capacity * 2, snapshot.slots)
    const at = new Float64Array(capacity)
    at.set(knownAt)
    knownAt = at
    refusals = [...refusals, ...new Array(capacity - refusals.length)]
    for (const entry of keptScores) {
      const kept = new Float64Array(capacity)
      kept.set(entry.kept ?? [])
      entry.kept = kept
    }
  }

  const evaluate = (node: NodeInfo): Refusal | undefined => {
    for (const rule of filters) {
      const refusal = rule.filter?.(node)
      if (refusal) return refusal
    }
    for (const { kept, rule } of keptScores) if (kept) kept[node.slot] = rule.score?.(node) ?? 0
    return undefined
  }

  return {
    signature: sample.signature,
    sample,
    scores,
    clusterRules,
    onlyNodes,
    failure: undefined,
    refusal: (node) => {
      if (node.slot >= capacity) grow()
      if (knownAt[node.slot] !== node.generation) {
        refusals[node.slot] = evaluate(node)
        knownAt[node.slot] = node.generation
      }
      return refusals[node.slot]
    },
    observe: (pod, node, delta) => {
      let changed = false
      for (const rule of clusterRules) changed = rule.observe(pod, node, delta) || changed
      return changed
    },
  }
}

export interface PodClasses {
  /** The class of a pod, prepared for the snapshot as it is now. */
  of(pod: PodInfo): PodClass
  /** The class if it is still remembered and not stale. */
  known(signature: string): PodClass | undefined
  /** Passes a pod's coming or going on to every class. */
  observe(pod: PodInfo, node: NodeInfo, delta: 1 | -1): void
  /** Signatures of the classes that changes observed since the last call made a difference to. */
  takeAffected(): ReadonlySet<string>
  /** Forgets the classes of a namespace, e.g. when services that decide default spreading changed. */
  forget(namespace: string): void
}

/** Classes remembered; beyond it the least recently used is forgotten and prepared again when needed. */
const CLASSES_MAX = 64

export const createPodClasses = (
  plugins: readonly Plugin[],
  snapshot: () => Snapshot,
  view: View,
): PodClasses => {
  const classes = new Map<string, PodClass>()
  let affected = new Set<string>()
  let preparedAt = -1

  const dropStale = () => {
    if (preparedAt === snapshot().topologyGeneration) return
    classes.clear()
    preparedAt = snapshot().topologyGeneration
  }

  return {
    of: (pod) => {
      dropStale()
      const known = classes.get(pod.signature)
      if (known) {
        classes.delete(pod.signature)
        classes.set(pod.signature, known)
        return known
      }
      const made = createPodClass(pod, plugins, snapshot(), view)
      classes.set(pod.signature, made)
      const oldest = classes.keys().next().value
      if (classes.size > CLASSES_MAX && oldest !== undefined) classes.delete(oldest)
      return made
    },
    known: (signature) => {
      dropStale()
      return classes.get(signature)
    },
    observe: (pod, node, delta) => {
      for (const one of classes.values())
        if (one.clusterRules.length > 0 && one.observe(pod, node, delta))
          affected.add(one.signature)
    },
    takeAffected: () => {
      const taken = affected
      if (taken.size > 0) affected = new Set()
      return taken
    },
    forget: (namespace) => {
      for (const [signature, { sample }] of classes)
        if (sample.namespace === namespace) classes.delete(signature)
    },
  }
}
