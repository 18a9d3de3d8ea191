/**
 * PodTopologySpread: spreads a group of pods evenly over topology domains (zones, hosts …).
 *
 * `DoNotSchedule` constraints filter by skew, `ScheduleAnyway` ones score. Pods without constraints that
 * belong to a Service or a workload are spread by host (skew 3) and zone (skew 5), Kubernetes' system
 * defaults. Invariant: counts equal those of a fresh pass over the namespace's pods.
 */
import type { V1TopologySpreadConstraint } from '@kubernetes/client-node'
import { Service } from '../../../api/core/service.ts'
import { kindByName } from '../../../api/kinds.ts'
import { controllerOf, type KubernetesObject, type Wire } from '../../../api/meta.ts'
import type { View } from '../../../client/view.ts'
import {
  compileLabelMap,
  compileLabelSelector,
  compileRequiredNodes,
  isTolerated,
  type MatchLabels,
  type MatchNode,
} from '../match.ts'
import type { NodeInfo } from '../node-info.ts'
import { type ClusterRule, MAX_SCORE, type Plugin, type Refusal } from '../plugin.ts'
import type { PodInfo } from '../pod-info.ts'
import type { Snapshot } from '../snapshot.ts'

const NAME = 'PodTopologySpread'
const HOSTNAME = 'kubernetes.io/hostname'
const SYSTEM_DEFAULTS = [
  { topologyKey: HOSTNAME, maxSkew: 3 },
  { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5 },
]
const SKEWED: Refusal = {
  plugin: NAME,
  reasons: ["node(s) didn't match pod topology spread constraints"],
  resolvable: true,
}
const NO_LABEL: Refusal = {
  plugin: NAME,
  reasons: ["node(s) didn't match pod topology spread constraints (missing required label)"],
  resolvable: false,
}

export const podTopologySpread: Plugin = {
  name: NAME,
  weight: 2,
  helpedBy: ['nodeAdded', 'nodeRemoved', 'nodeLabels', 'nodeTaints', 'podPlaced', 'podRemoved'],
  prepare: (pod, snapshot, view) => {
    const own = pod.pod.spec?.topologySpreadConstraints ?? []
    const constraints =
      own.length > 0 ? own.map((one) => compileConstraint(one, pod)) : defaults(pod, view)
    return constraints.length > 0 ? createRule(pod, constraints, snapshot) : undefined
  },
}

interface Constraint {
  topologyKey: string
  maxSkew: number
  minDomains: number
  filters: boolean
  matches: MatchLabels
  matchesSelf: boolean
  honoursTaints: boolean
  /** Whether the node selector limits the nodes that count. */
  honoursAffinity: boolean
  isDefault: boolean
}

const compileConstraint = (
  source: Wire<V1TopologySpreadConstraint>,
  { labels }: PodInfo,
): Constraint => {
  const keys = (source.matchLabelKeys ?? []).filter((key) => labels[key] !== undefined)
  const matches = compileLabelSelector({
    ...source.labelSelector,
    matchExpressions: [
      ...(source.labelSelector?.matchExpressions ?? []),
      ...keys.map((key) => ({ key, operator: 'In', values: [labels[key] ?? ''] })),
    ],
  })
  const isAbsent = source.labelSelector === undefined && keys.length === 0
  return {
    topologyKey: source.topologyKey,
    maxSkew: source.maxSkew,
    minDomains: source.minDomains ?? 1,
    filters: source.whenUnsatisfiable === 'DoNotSchedule',
    matches: isAbsent ? () => false : matches,
    matchesSelf: !isAbsent && matches(labels),
    honoursTaints: source.nodeTaintsPolicy === 'Honor',
    honoursAffinity: source.nodeAffinityPolicy !== 'Ignore',
    isDefault: false,
  }
}

/** The system's constraints for a pod of a Service or workload; none for a pod of neither. */
const defaults = (pod: PodInfo, view: View): Constraint[] => {
  const selectors: MatchLabels[] = []
  for (const service of view.list(Service, { namespace: pod.namespace })) {
    const selector = service.spec?.selector
    if (!selector || Object.keys(selector).length === 0) continue
    const matches = compileLabelMap(selector)
    if (matches(pod.labels)) selectors.push(matches)
  }
  const owned = ownerSelector(pod, view)
  if (owned) selectors.push(owned)
  if (selectors.length === 0) return []
  const matches: MatchLabels = (labels) => selectors.every((selector) => selector(labels))
  return SYSTEM_DEFAULTS.map((one) => ({
    ...one,
    minDomains: 1,
    filters: false,
    matches,
    matchesSelf: true,
    honoursTaints: false,
    honoursAffinity: true,
    isDefault: true,
  }))
}

type Selecting = KubernetesObject & {
  spec?: { selector?: { matchLabels?: Record<string, string> } & Record<string, unknown> }
}

const ownerSelector = ({ pod, namespace }: PodInfo, view: View): MatchLabels | undefined => {
  const owner = controllerOf(pod)
  const kind = owner && kindByName(owner.apiVersion, owner.kind)
  if (!kind || !['ReplicaSet', 'StatefulSet', 'ReplicationController'].includes(kind.kind))
    return undefined
  const selector = (view.get(kind, namespace, owner.name) as Selecting | undefined)?.spec?.selector
  if (!selector) return undefined
  return kind.kind === 'ReplicationController'
    ? compileLabelMap(selector as Record<string, string>)
    : compileLabelSelector(selector)
}

/** Matching pods per domain, with the least of all domains at hand. */
class DomainCounts {
  readonly counts = new Map<string, number>()
  private readonly domainsWith = new Map<number, number>()
  private least = 0
  /** Makes a domain known without pods. */
  admit(value: string): void {
    if (this.counts.has(value)) return
    this.counts.set(value, 0)
    this.shift(undefined, 0)
  }
  add(value: string, delta: number): void {
    const before = this.counts.get(value)
    if (before === undefined) return
    this.counts.set(value, before + delta)
    this.shift(before, before + delta)
  }
  get(value: string): number {
    return this.counts.get(value) ?? 0
  }
  minimum(): number {
    if (this.counts.size === 0) return 0
    while (!this.domainsWith.has(this.least)) this.least++
    return this.least
  }
  private shift(from: number | undefined, to: number): void {
    this.domainsWith.set(to, (this.domainsWith.get(to) ?? 0) + 1)
    this.least = Math.min(this.least, to)
    if (from === undefined) return
    const left = (this.domainsWith.get(from) ?? 0) - 1
    if (left > 0) this.domainsWith.set(from, left)
    else this.domainsWith.delete(from)
  }
}

interface Counted {
  constraint: Constraint
  domains: DomainCounts
  /** Weight of one pod when scoring: small topologies are not watered down by large ones. */
  weight: number
}

const createRule = (
  newcomer: PodInfo,
  constraints: readonly Constraint[],
  snapshot: Snapshot,
): ClusterRule => {
  const required = compileRequiredNodes(newcomer.pod.spec)
  const counted = constraints.map((constraint) => ({
    constraint,
    domains: new DomainCounts(),
    weight: 0,
  }))
  const filtering = counted.filter(({ constraint }) => constraint.filters)
  const scoring = counted.filter(({ constraint }) => !constraint.filters)
  const counts = (group: readonly Counted[], one: Counted, node: NodeInfo) =>
    countsNode(group, one.constraint, node, newcomer, required)

  const observe: ClusterRule['observe'] = (pod, node, delta) => {
    if (pod.namespace !== newcomer.namespace || pod.isTerminating) return false
    let changed = false
    for (const group of [filtering, scoring])
      for (const one of group) {
        const value = node.labels[one.constraint.topologyKey]
        if (value === undefined || !one.constraint.matches(pod.labels)) continue
        if (!counts(group, one, node)) continue
        one.domains.add(value, delta)
        if (one.constraint.filters) changed = true
      }
    return changed
  }

  for (const node of snapshot.order)
    for (const group of [filtering, scoring])
      for (const one of group) {
        const value = node.labels[one.constraint.topologyKey]
        if (value !== undefined && counts(group, one, node)) one.domains.admit(value)
      }
  for (const { info, node } of snapshot.podsIn(newcomer.namespace)) observe(info, node, 1)

  const rule: ClusterRule = { scope: 'cluster', observe, active: () => true }
  if (filtering.length > 0) rule.filter = (node) => filterNode(filtering, node)
  if (scoring.length > 0) addScore(rule, scoring)
  return rule
}

const hasLabels = (group: readonly Counted[], node: NodeInfo): boolean =>
  group.every(({ constraint }) => node.labels[constraint.topologyKey] !== undefined)

/** Whether pods on this node count: it has every topology label, and the inclusion policies admit it. */
const countsNode = (
  group: readonly Counted[],
  constraint: Constraint,
  node: NodeInfo,
  newcomer: PodInfo,
  required: MatchNode | undefined,
): boolean => {
  if (!constraint.isDefault && !hasLabels(group, node)) return false
  if (constraint.honoursAffinity && required && !required(node)) return false
  if (!constraint.honoursTaints) return true
  const tolerations = newcomer.pod.spec?.tolerations ?? []
  return node.taints.every(
    (taint) => taint.effect === 'PreferNoSchedule' || isTolerated(taint, tolerations),
  )
}

const filterNode = (filtering: readonly Counted[], node: NodeInfo): Refusal | undefined => {
  for (const { constraint, domains } of filtering) {
    const value = node.labels[constraint.topologyKey]
    if (value === undefined) return NO_LABEL
    const least = domains.counts.size < constraint.minDomains ? 0 : domains.minimum()
    const self = constraint.matchesSelf ? 1 : 0
    if (domains.get(value) + self - least > constraint.maxSkew) return SKEWED
  }
  return undefined
}

/** A raw score below every real one: the node lacks a topology label and gets 0. */
const IGNORED = Number.NEGATIVE_INFINITY

const addScore = (rule: ClusterRule, scoring: Counted[]): void => {
  let least = 0
  let most = 0
  rule.beforeScore = (candidates) => {
    least = Number.POSITIVE_INFINITY
    most = 0
    for (const one of scoring) {
      const isHost = one.constraint.topologyKey === HOSTNAME
      one.weight = Math.log((isHost ? candidates : one.domains.counts.size) + 2)
    }
  }
  rule.score = (node) => {
    let raw = 0
    for (const { constraint, domains, weight } of scoring) {
      const value = node.labels[constraint.topologyKey]
      if (value !== undefined) raw += domains.get(value) * weight + constraint.maxSkew - 1
      else if (!constraint.isDefault) return IGNORED
    }
    least = Math.min(least, raw)
    most = Math.max(most, raw)
    return raw
  }
  rule.normalise = (raw) => {
    if (raw === IGNORED) return 0
    return most === 0 ? MAX_SCORE : (MAX_SCORE * (most + least - raw)) / most
  }
}
