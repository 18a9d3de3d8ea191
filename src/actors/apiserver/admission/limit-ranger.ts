/**
 * LimitRanger: gives containers the requests and limits of their namespace, and refuses what is out of its bounds.
 *
 * After Kubernetes' `plugin/pkg/admission/limitranger`. A pod is completed when it is created and judged then and when
 * it is resized; a volume claim is judged whenever it is written. The rules are in `limit-range-admission.ts`.
 */
import { LimitRange } from '../../../api/core/limit-range.ts'
import {
  applyLimitDefaults,
  claimLimitFault,
  podLimitFault,
} from '../../../api/core/limit-range-admission.ts'
import { PersistentVolumeClaim } from '../../../api/core/persistent-volume-claim.ts'
import { Pod } from '../../../api/core/pod.ts'
import { refusedBy } from './chain.ts'
import type { AdmissionAttributes, AdmissionPlugin } from './plugin.ts'

const rangesOf = ({ services, namespace, old }: AdmissionAttributes): LimitRange[] => {
  // What is on its way out is left alone.
  if (namespace === undefined || old?.metadata.deletionTimestamp) return []
  return services.storage.cache
    .list(LimitRange, { namespace })
    .sort((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1))
}

export const limitRanger: AdmissionPlugin = {
  name: 'LimitRanger',
  handles: (kind, operation, subresource) => {
    if (kind === Pod)
      return subresource === undefined
        ? operation === 'CREATE'
        : subresource === 'resize' && operation === 'UPDATE'
    const isWrite = operation === 'CREATE' || operation === 'UPDATE'
    return kind === PersistentVolumeClaim && isWrite && subresource === undefined
  },
  mutate: (attributes) => {
    const { kind, object } = attributes
    if (kind !== Pod || !object) return
    for (const range of rangesOf(attributes)) applyLimitDefaults(range, object as Pod)
  },
  validate: (attributes) => {
    const { kind, object } = attributes
    if (!object) return undefined
    for (const range of rangesOf(attributes)) {
      const fault =
        kind === Pod
          ? podLimitFault(range, object as Pod)
          : claimLimitFault(range, object as PersistentVolumeClaim)
      if (fault !== undefined) throw refusedBy(attributes, fault)
    }
    return undefined
  },
}
