/**
 * The decision: one pod's class and the snapshot → a node, or the reasons of every refusal.
 *
 * Pure: same snapshot, same class, same start → same answer. Among equal scores the node with the fewest
 * pods wins, then the first in turn, so that replicas spread evenly. On clusters above 100 nodes only a
 * sample of feasible nodes is scored, starting where the last decision stopped, as kube-scheduler does.
 */
import type { NodeInfo } from './node-info.ts'
import { MAX_SCORE, type Refusal, type Refusals } from './plugin.ts'
import type { PodClass } from './pod-class.ts'
import type { Snapshot } from './snapshot.ts'

export type Decision =
  | { node: NodeInfo; nextStart: number }
  | { refusals: Refusals; nextStart: number }

const MIN_FEASIBLE = 100
const MIN_PERCENT = 5

/** kube-scheduler's adaptive percentageOfNodesToScore. */
export const nodesToFind = (nodes: number): number => {
  if (nodes < MIN_FEASIBLE) return nodes
  const percent = Math.max(MIN_PERCENT, 50 - Math.floor(nodes / 125))
  return Math.max(MIN_FEASIBLE, Math.floor((nodes * percent) / 100))
}

export const schedule = (podClass: PodClass, snapshot: Snapshot, start: number): Decision => {
  const order = nodesToTry(podClass, snapshot)
  const wanted = nodesToFind(order.length)
  const rules = podClass.clusterRules.filter((rule) => rule.filter && rule.active())
  const candidates: NodeInfo[] = []
  let tried = 0
  for (; tried < order.length && candidates.length < wanted; tried++) {
    const node = order[(start + tried) % order.length]
    if (!node || podClass.refusal(node)) continue
    if (rules.length === 0 || !rules.some((rule) => rule.filter?.(node))) candidates.push(node)
  }
  const nextStart = order.length === 0 ? 0 : (start + tried) % order.length
  const only = candidates[0]
  if (!only) return { refusals: explain(podClass, snapshot, order), nextStart }
  if (candidates.length === 1) return { node: only, nextStart }
  return { node: best(candidates, totals(podClass, candidates)), nextStart }
}

const nodesToTry = (podClass: PodClass, snapshot: Snapshot): readonly NodeInfo[] => {
  if (!podClass.onlyNodes) return snapshot.order
  const nodes: NodeInfo[] = []
  for (const name of podClass.onlyNodes) {
    const node = snapshot.node(name)
    if (node) nodes.push(node)
  }
  return nodes
}

/** Weighted sum of every plug-in's score, 0..100 each, per candidate. */
export const totals = (podClass: PodClass, candidates: readonly NodeInfo[]): Float64Array => {
  const sums = new Float64Array(candidates.length)
  const raws = new Float64Array(candidates.length)
  for (const { weight, normalise, kept, rule } of podClass.scores) {
    if (rule.scope === 'cluster') {
      if (!rule.active()) continue
      rule.beforeScore?.(candidates.length)
    }
    let min = Number.POSITIVE_INFINITY
    let max = Number.NEGATIVE_INFINITY
    for (let index = 0; index < candidates.length; index++) {
      const node = candidates[index]
      if (!node) continue
      const raw = kept ? (kept[node.slot] ?? 0) : (rule.score?.(node) ?? 0)
      raws[index] = raw
      if (raw < min) min = raw
      if (raw > max) max = raw
    }
    for (let index = 0; index < candidates.length; index++) {
      const raw = raws[index] ?? 0
      sums[index] = (sums[index] ?? 0) + weight * (normalise ? normalise(raw, min, max) : raw)
    }
  }
  return sums
}

/** Scores closer than this are equal: sums of fractions differ in their last digits. */
const EPSILON = MAX_SCORE * 1e-9

const best = (candidates: readonly NodeInfo[], sums: Float64Array): NodeInfo => {
  let chosen = candidates[0] as NodeInfo
  let top = sums[0] ?? 0
  for (let index = 1; index < candidates.length; index++) {
    const node = candidates[index] as NodeInfo
    const sum = sums[index] ?? 0
    const isBetter = sum > top + EPSILON
    const isEqual = !isBetter && sum > top - EPSILON
    if (isBetter || (isEqual && node.pods.size < chosen.pods.size)) {
      chosen = node
      top = sum
    }
  }
  return chosen
}

/** What nodes outside `metadata.name` affinity are refused for. */
const NOT_NAMED = "node(s) didn't satisfy plugin(s) [NodeAffinity]"

const explain = (podClass: PodClass, snapshot: Snapshot, tried: readonly NodeInfo[]): Refusals => {
  const reasons = new Map<string, number>()
  const plugins = new Set<string>()
  const nodes = snapshot.order.length
  let resolvable = 0
  const count = (reason: string, times = 1) =>
    reasons.set(reason, (reasons.get(reason) ?? 0) + times)
  for (const node of tried) {
    const refusal = podClass.refusal(node) ?? refusalByCluster(podClass, node)
    if (!refusal) continue
    for (const reason of refusal.reasons) count(reason)
    plugins.add(refusal.plugin)
    if (refusal.resolvable) resolvable++
  }
  if (nodes > tried.length) {
    count(NOT_NAMED, nodes - tried.length)
    plugins.add('NodeAffinity')
  }
  return { nodes, reasons, plugins, resolvable }
}

const refusalByCluster = (podClass: PodClass, node: NodeInfo): Refusal | undefined => {
  for (const rule of podClass.clusterRules) {
    const refusal = rule.filter?.(node)
    if (refusal) return refusal
  }
  return undefined
}
