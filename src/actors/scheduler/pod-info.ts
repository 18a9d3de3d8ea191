/**
 * `PodInfo`: what the scheduler needs of a pod, computed once when the pod is first seen.
 *
 * `signature` is equal for pods that every plug-in treats alike: replicas of one template share it, and
 * with it all work. Invariant: immutable, except that `pod` may be replaced by a newer revision that differs
 * in nothing computed here.
 */
import type { V1PodAffinityTerm } from '@kubernetes/client-node'
import type { Pod } from '../../api/core/pod.ts'
import { controllerOf, objectKey, type Wire } from '../../api/meta.ts'
import { compileLabelSelector, type Labels, type MatchLabels } from './match.ts'
import { podRequests, type Resources, scoredRequests } from './resources.ts'

export interface HostPort {
  /** `TCP`, `UDP` or `SCTP` and the port, e.g. `TCP/80`. */
  port: string
  /** `0.0.0.0` for every address. */
  ip: string
}

/** A pod (anti-)affinity term, ready to be asked. */
export interface AffinityTerm {
  topologyKey: string
  matches: MatchLabels
  /** Undefined: only `selectNamespace` decides. */
  namespaces: ReadonlySet<string>
  /** Chooses further namespaces by their labels; undefined: none. */
  selectNamespace?: MatchLabels
  /** 0 for a required term. */
  weight: number
}

export interface PodInfo {
  pod: Pod
  readonly uid: string
  /** `namespace/name`. */
  readonly key: string
  readonly namespace: string
  readonly labels: Labels
  readonly priority: number
  readonly isTerminating: boolean
  readonly requests: Resources
  readonly scored: Resources
  readonly hostPorts: readonly HostPort[]
  readonly requiredAffinity: readonly AffinityTerm[]
  readonly requiredAntiAffinity: readonly AffinityTerm[]
  readonly preferredAffinity: readonly AffinityTerm[]
  readonly preferredAntiAffinity: readonly AffinityTerm[]
  readonly hasAffinity: boolean
  readonly signature: string
}

export const podInfo = (pod: Pod): PodInfo => {
  const affinity = pod.spec?.affinity
  const namespace = pod.metadata.namespace ?? ''
  const labels = pod.metadata.labels ?? {}
  const term = (source: Wire<V1PodAffinityTerm>, weight = 0) =>
    affinityTerm(source, namespace, labels, weight)
  const weighted = (list: { weight: number; podAffinityTerm: Wire<V1PodAffinityTerm> }[] = []) =>
    list.map(({ weight, podAffinityTerm }) => term(podAffinityTerm, weight))
  const { podAffinity: attracts, podAntiAffinity: repels } = affinity ?? {}
  return {
    pod,
    uid: pod.metadata.uid,
    key: objectKey(pod),
    namespace,
    labels,
    priority: pod.spec?.priority ?? 0,
    isTerminating: pod.metadata.deletionTimestamp !== undefined,
    requests: podRequests(pod),
    scored: scoredRequests(pod),
    hostPorts: hostPorts(pod),
    requiredAffinity: (attracts?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((one) =>
      term(one),
    ),
    requiredAntiAffinity: (repels?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(
      (one) => term(one),
    ),
    preferredAffinity: weighted(attracts?.preferredDuringSchedulingIgnoredDuringExecution),
    preferredAntiAffinity: weighted(repels?.preferredDuringSchedulingIgnoredDuringExecution),
    hasAffinity: attracts !== undefined || repels !== undefined,
    signature: signature(pod),
  }
}

/** Whether the pod still takes up room: it has not finished. */
export const isActive = (pod: Pod): boolean =>
  pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed'

const sameLabels = (left: Labels = {}, right: Labels = {}): boolean => {
  const keys = Object.keys(left)
  return keys.length === Object.keys(right).length && keys.every((key) => left[key] === right[key])
}

/** Whether nothing in `PodInfo` differs between two revisions of one pod. */
export const sameForScheduling = (left: Pod, right: Pod): boolean =>
  left.metadata.generation === right.metadata.generation &&
  left.metadata.generation !== undefined &&
  left.metadata.deletionTimestamp === right.metadata.deletionTimestamp &&
  sameLabels(left.metadata.labels, right.metadata.labels)

const hostPorts = (pod: Pod): HostPort[] => {
  const ports: HostPort[] = []
  const sidecars = (pod.spec?.initContainers ?? []).filter(
    (container) => container.restartPolicy === 'Always',
  )
  for (const container of [...(pod.spec?.containers ?? []), ...sidecars])
    for (const port of container.ports ?? [])
      if (port.hostPort)
        ports.push({
          port: `${port.protocol ?? 'TCP'}/${port.hostPort}`,
          ip: port.hostIP || '0.0.0.0',
        })
  return ports
}

const affinityTerm = (
  term: Wire<V1PodAffinityTerm>,
  namespace: string,
  labels: Labels,
  weight: number,
): AffinityTerm => {
  const values = (keys: readonly string[] = [], operator: string) =>
    keys
      .filter((key) => labels[key] !== undefined)
      .map((key) => ({ key, operator, values: [labels[key] ?? ''] }))
  const selector = term.labelSelector && {
    ...term.labelSelector,
    matchExpressions: [
      ...(term.labelSelector.matchExpressions ?? []),
      ...values(term.matchLabelKeys, 'In'),
      ...values(term.mismatchLabelKeys, 'NotIn'),
    ],
  }
  const named = term.namespaces ?? []
  const own = named.length === 0 && !term.namespaceSelector
  return {
    topologyKey: term.topologyKey,
    matches: compileLabelSelector(selector),
    namespaces: new Set(own ? [namespace] : named),
    ...(term.namespaceSelector
      ? { selectNamespace: compileLabelSelector(term.namespaceSelector) }
      : {}),
    weight,
  }
}

/** Everything any plug-in reads, as text; what differs between replicas is left out. */
const signature = (pod: Pod): string => {
  const { spec, metadata } = pod
  const container = (one: NonNullable<typeof spec>['containers'][number]) => [
    one.image,
    one.resources?.requests,
    one.ports,
    one.restartPolicy,
  ]
  return JSON.stringify([
    metadata.namespace,
    metadata.labels,
    metadata.deletionTimestamp === undefined,
    controllerOf(pod)?.uid,
    spec?.nodeName,
    spec?.nodeSelector,
    spec?.affinity,
    spec?.tolerations,
    spec?.topologySpreadConstraints,
    spec?.containers.map(container),
    spec?.initContainers?.map(container),
    spec?.overhead,
    spec?.resources?.requests,
    spec?.priority,
    spec?.preemptionPolicy,
  ])
}
