/**
 * What a new pod gets besides its defaults: a fresh status, and selectors by its own labels.
 *
 * `admitPod` runs once, before validation of a create, in place, after the pod's registry strategy of Kubernetes.
 * What admission plug-ins add is not here.
 */
import type { V1LabelSelector, V1PodAffinityTerm } from '@kubernetes/client-node'
import { timestamp } from '../../std/clock.ts'
import type { Wire } from '../meta.ts'
import type { Pod } from './pod.ts'
import { qosClassOf } from './pod-qos.ts'
import type { PodSpec } from './pod-spec-defaults.ts'
import { applyAppArmorAnnotations } from './profile-annotations.ts'

export const admitPod = (pod: Pod, { now }: { now: number }): void => {
  const { spec } = pod
  if (!spec) return
  pod.status = { phase: 'Pending', qosClass: qosClassOf(spec) }
  if (spec.schedulingGates?.length) {
    pod.status.conditions = [
      {
        type: 'PodScheduled',
        status: 'False',
        reason: 'SchedulingGated',
        message: 'Scheduling is blocked due to non-empty scheduling gates',
        lastTransitionTime: timestamp(now),
      },
    ]
  }
  selectByOwnLabels(spec, pod.metadata.labels ?? {})
  const { annotations } = pod.metadata
  if (annotations) applyAppArmorAnnotations(spec, annotations)
}

type Labels = { [key: string]: string }

/** Turns `matchLabelKeys` into requirements on the pod's own values. */
const selectByOwnLabels = (spec: PodSpec, labels: Labels): void => {
  for (const affinity of [spec.affinity?.podAffinity, spec.affinity?.podAntiAffinity]) {
    if (!affinity) continue
    const preferred = affinity.preferredDuringSchedulingIgnoredDuringExecution ?? []
    const required = affinity.requiredDuringSchedulingIgnoredDuringExecution ?? []
    for (const { podAffinityTerm } of preferred) mergeLabelKeys(podAffinityTerm, labels)
    for (const term of required) mergeLabelKeys(term, labels)
  }
  for (const constraint of spec.topologySpreadConstraints ?? []) mergeLabelKeys(constraint, labels)
}

const mergeLabelKeys = (
  term: Pick<Wire<V1PodAffinityTerm>, 'labelSelector' | 'matchLabelKeys' | 'mismatchLabelKeys'>,
  labels: Labels,
): void => {
  const selector = term.labelSelector
  if (!selector) return
  for (const key of term.matchLabelKeys ?? []) require(selector, key, 'In', labels[key])
  for (const key of term.mismatchLabelKeys ?? []) require(selector, key, 'NotIn', labels[key])
}

const require = (
  selector: V1LabelSelector,
  key: string,
  operator: string,
  value: string | undefined,
): void => {
  if (value === undefined) return
  selector.matchExpressions ??= []
  selector.matchExpressions.push({ key, operator, values: [value] })
}
