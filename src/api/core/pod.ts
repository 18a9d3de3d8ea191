/**
 * Pod: one or more containers that share a network and volumes on one node.
 *
 * Defaults, admission, validation and columns are in the `pod-*` files; here is what they add up to.
 * The spec is written by users, the status by the kubelet, `spec.nodeName` by the scheduler's binding.
 */

import type { V1Pod } from '@kubernetes/client-node'
import { carryField } from '../carry-field.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { admitPod } from './pod-admission.ts'
import { podColumns } from './pod-columns.ts'
import { ephemeralContainersPart, resizePart } from './pod-parts.ts'
import { sharePodParts } from './pod-shared-parts.ts'
import { applyPodOnlyDefaults, applyPodSpecDefaults } from './pod-spec-defaults.ts'
import { validatePodStatusUpdate } from './pod-status-validation.ts'
import { validatePod, validatePodUpdate } from './pod-validation.ts'
import { podWarnings } from './pod-warnings.ts'

export type Pod = WireObject<V1Pod>

const DEFAULT_GRACE_SECONDS = 30

/** At once where nothing runs: not bound to a node, or ended. */
const gracePeriodSeconds = ({ spec, status }: Pod): number => {
  if (!spec?.nodeName || status?.phase === 'Failed' || status?.phase === 'Succeeded') return 0
  const seconds = spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS
  return seconds < 0 ? 1 : seconds
}

const prepareForStatusUpdate = (pod: Pod, old: Pod): void => {
  carryField(pod, old, 'spec')
  carryField(pod.metadata, old.metadata, 'ownerReferences')
  pod.status ??= {}
  // Claims on what nodes allocate are off by default in 1.36.
  delete pod.status.nodeAllocatableResourceClaimStatuses
  const last = old.status ?? {}
  if (!pod.status.qosClass) carryField(pod.status, last, 'qosClass')
  if (!pod.status.observedGeneration) carryField(pod.status, last, 'observedGeneration')
  for (const condition of pod.status.conditions ?? []) {
    const before = last.conditions?.find(({ type }) => type === condition.type)
    if (before && !condition.observedGeneration) {
      carryField(condition, before, 'observedGeneration')
    }
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
    carryField(pod, old, 'status')
  },
  prepareForStatusUpdate,
  validate: validatePod,
  validateUpdate: validatePodUpdate,
  validateStatusUpdate: validatePodStatusUpdate,
  warnings: (pod, old) => (old ? [] : podWarnings(pod)),
  parts: { ephemeralcontainers: ephemeralContainersPart, resize: resizePart },
  share: sharePodParts,
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec?.nodeName ?? '',
    /** Its name in the first clients. */
    'spec.host': ({ spec }) => spec?.nodeName ?? '',
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
