/**
 * Pod: one or more containers that share a network and volumes on one node.
 *
 * Defaults, admission, validation and columns are in the `pod-*` files; here is what they add up to.
 * The spec is written by users, the status by the kubelet, `spec.nodeName` by the scheduler's binding.
 */
import type { V1Pod } from '@kubernetes/client-node'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { admitPod } from './pod-admission.ts'
import { podColumns } from './pod-columns.ts'
import { applyPodOnlyDefaults, applyPodSpecDefaults } from './pod-spec-defaults.ts'
import { validatePod, validatePodStatusUpdate, validatePodUpdate } from './pod-validation.ts'

export type Pod = WireObject<V1Pod>

const DEFAULT_GRACE_SECONDS = 30

/** At once where nothing runs: not bound to a node, or ended. */
const gracePeriodSeconds = ({ spec, status }: Pod): number => {
  if (!spec?.nodeName || status?.phase === 'Failed' || status?.phase === 'Succeeded') return 0
  const seconds = spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS
  return seconds < 0 ? 1 : seconds
}

const prepareForStatusUpdate = (pod: Pod, old: Pod): void => {
  pod.spec = old.spec
  pod.metadata.ownerReferences = old.metadata.ownerReferences
  pod.status ??= {}
  pod.status.qosClass ||= old.status?.qosClass
  pod.status.observedGeneration ||= old.status?.observedGeneration
  for (const condition of pod.status.conditions ?? []) {
    condition.observedGeneration ||= old.status?.conditions?.find(
      ({ type }) => type === condition.type,
    )?.observedGeneration
  }
}

export const Pod = defineKind<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  singular: 'pod',
  shortNames: ['po'],
  categories: ['all'],
  namespaced: true,
  model: 'V1Pod',
  statusSubresource: true,
  tracksGeneration: true,
  gracePeriodSeconds,
  applyDefaults: (pod) => {
    if (!pod.spec) return
    applyPodSpecDefaults(pod.spec)
    applyPodOnlyDefaults(pod.spec)
  },
  prepareForCreate: admitPod,
  prepareForUpdate: (pod, old) => {
    pod.status = old.status
  },
  prepareForStatusUpdate,
  validate: validatePod,
  validateUpdate: validatePodUpdate,
  validateStatusUpdate: validatePodStatusUpdate,
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec?.nodeName ?? '',
    'spec.restartPolicy': ({ spec }) => spec?.restartPolicy ?? '',
    'spec.schedulerName': ({ spec }) => spec?.schedulerName ?? '',
    'spec.serviceAccountName': ({ spec }) => spec?.serviceAccountName ?? '',
    'spec.hostNetwork': ({ spec }) => String(spec?.hostNetwork ?? false),
    'status.phase': ({ status }) => status?.phase ?? '',
    'status.podIP': ({ status }) => status?.podIPs?.[0]?.ip ?? status?.podIP ?? '',
    'status.podIPs': ({ status }) => status?.podIPs?.[0]?.ip ?? status?.podIP ?? '',
    'status.nominatedNodeName': ({ status }) => status?.nominatedNodeName ?? '',
  },
  columns: podColumns,
})
