/**
 * InterPodAffinity: places pods near or away from others, by topology domain (zone, host …).
 *
 * Required terms filter, preferred terms score; both are symmetric: a running pod's required anti-affinity
 * refuses the newcomer, and its preferences (and required affinity, with weight 1) count for the newcomer.
 * Invariant: the counts equal those of a fresh pass over all pods.
 */
import { Namespace } from '../../../api/core/namespace.ts'
import type { View } from '../../../client/view.ts'
import type { NodeInfo } from '../node-info.ts'
import { type ClusterRule, MAX_SCORE, type Plugin, type Refusal } from '../plugin.ts'
import type { AffinityTerm, PodInfo } from '../pod-info.ts'
import type { Snapshot } from '../snapshot.ts'

const NAME = 'InterPodAffinity'
const HARD_AFFINITY_WEIGHT = 1
const refusal = (reason: string, resolvable: boolean): Refusal => ({
  plugin: NAME,
  reasons: [reason],
  resolvable,
})
const NO_AFFINITY = refusal("node(s) didn't match pod affinity rules", false)
const ANTI_AFFINITY = refusal("node(s) didn't match pod anti-affinity rules", true)
const EXISTING = refusal("node(s) didn't satisfy existing pods anti-affinity rules", true)

export const interPodAffinity: Plugin = {
  name: NAME,
  weight: 2,
  helpedBy: ['nodeAdded', 'nodeLabels', 'podPlaced', 'podRemoved'],
  prepare: (pod, snapshot, view) => {
    const rule = createRule(pod, view)
    for (const { info, node } of podsThatMatter(pod, snapshot)) rule.observe(info, node, 1)
    return rule
  },
}

/** All pods when the newcomer has terms of its own, else only pods with terms. */
function* podsThatMatter(pod: PodInfo, snapshot: Snapshot) {
  if (!pod.hasAffinity) return yield* snapshot.podsWithAffinity()
  for (const namespace of snapshot.namespaces()) yield* snapshot.podsIn(namespace)
}

/** Numbers by topology key and value. */
class DomainSums {
  readonly byKey = new Map<string, Map<string, number>>()
  add({ topologyKey }: AffinityTerm, node: NodeInfo, amount: number): boolean {
    const value = node.labels[topologyKey]
    if (value === undefined) return false
    const sums = this.byKey.get(topologyKey) ?? new Map<string, number>()
    this.byKey.set(topologyKey, sums)
    const sum = (sums.get(value) ?? 0) + amount
    if (sum === 0) sums.delete(value)
    else sums.set(value, sum)
    if (sums.size === 0) this.byKey.delete(topologyKey)
    return true
  }
  get(topologyKey: string, value: string): number {
    return this.byKey.get(topologyKey)?.get(value) ?? 0
  }
  /** Whether any domain of the node has an entry. */
  touches(node: NodeInfo): boolean {
    for (const [key, sums] of this.byKey) {
      const value = node.labels[key]
      if (value !== undefined && sums.has(value)) return true
    }
    return false
  }
  total(node: NodeInfo): number {
    let total = 0
    for (const [key, sums] of this.byKey) {
      const value = node.labels[key]
      if (value !== undefined) total += sums.get(value) ?? 0
    }
    return total
  }
}

const termMatches = (term: AffinityTerm, pod: PodInfo, view: View): boolean => {
  if (!term.matches(pod.labels)) return false
  if (term.namespaces.has(pod.namespace)) return true
  if (!term.selectNamespace) return false
  return term.selectNamespace(view.get(Namespace, undefined, pod.namespace)?.metadata.labels ?? {})
}

const createRule = (newcomer: PodInfo, view: View): ClusterRule => {
  const { requiredAffinity, requiredAntiAffinity, preferredAffinity, preferredAntiAffinity } =
    newcomer
  const attracting = new DomainSums()
  const repelling = new DomainSums()
  const repelledBy = new DomainSums()
  const preferred = new DomainSums()
  const matchesAll = (pod: PodInfo) =>
    requiredAffinity.length > 0 && requiredAffinity.every((term) => termMatches(term, pod, view))
  const isFirstOfItsKind = matchesAll(newcomer)

  /** Adds what `terms` of one pod say about `other` to `sums`. */
  const tally = (
    sums: DomainSums,
    terms: readonly AffinityTerm[],
    other: PodInfo,
    node: NodeInfo,
    amount: (term: AffinityTerm) => number,
  ): boolean => {
    let changed = false
    for (const term of terms)
      if (termMatches(term, other, view)) changed = sums.add(term, node, amount(term)) || changed
    return changed
  }

  const satisfiesAffinity = (node: NodeInfo): boolean => {
    let found = true
    for (const { topologyKey } of requiredAffinity) {
      const value = node.labels[topologyKey]
      if (value === undefined) return false
      if (attracting.get(topologyKey, value) <= 0) found = false
    }
    return found || (attracting.byKey.size === 0 && isFirstOfItsKind)
  }

  return {
    scope: 'cluster',
    observe: (pod, node, delta) => {
      let changed = false
      if (newcomer.hasAffinity) {
        if (matchesAll(pod))
          for (const term of requiredAffinity)
            changed = attracting.add(term, node, delta) || changed
        changed = tally(repelling, requiredAntiAffinity, pod, node, () => delta) || changed
        tally(preferred, preferredAffinity, pod, node, ({ weight }) => delta * weight)
        tally(preferred, preferredAntiAffinity, pod, node, ({ weight }) => -delta * weight)
      }
      if (pod.hasAffinity) {
        changed =
          tally(repelledBy, pod.requiredAntiAffinity, newcomer, node, () => delta) || changed
        tally(preferred, pod.requiredAffinity, newcomer, node, () => delta * HARD_AFFINITY_WEIGHT)
        tally(preferred, pod.preferredAffinity, newcomer, node, ({ weight }) => delta * weight)
        tally(preferred, pod.preferredAntiAffinity, newcomer, node, ({ weight }) => -delta * weight)
      }
      return changed
    },
    active: () =>
      requiredAffinity.length > 0 ||
      repelling.byKey.size > 0 ||
      repelledBy.byKey.size > 0 ||
      preferred.byKey.size > 0,
    filter: (node) => {
      if (requiredAffinity.length > 0 && !satisfiesAffinity(node)) return NO_AFFINITY
      if (repelling.touches(node)) return ANTI_AFFINITY
      return repelledBy.touches(node) ? EXISTING : undefined
    },
    score: (node) => preferred.total(node),
    normalise: (raw, min, max) => (max > min ? (MAX_SCORE * (raw - min)) / (max - min) : 0),
  }
}
