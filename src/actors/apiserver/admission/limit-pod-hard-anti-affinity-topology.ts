/**
 * LimitPodHardAntiAffinityTopology: a pod may demand a node for itself, but no zone.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/antiaffinity`). Off unless it is asked for.
 */
import { Pod } from '../../../api/core/pod.ts'
import { forbidden } from '../../../api/status-error.ts'
import type { AdmissionPlugin } from './plugin.ts'

const HOSTNAME = 'kubernetes.io/hostname'

export const limitPodHardAntiAffinityTopology: AdmissionPlugin = {
  name: 'LimitPodHardAntiAffinityTopology',
  handles: (kind, operation, subresource) =>
    kind === Pod && subresource === undefined && (operation === 'CREATE' || operation === 'UPDATE'),
  validate: ({ kind, object }) => {
    const { metadata, spec } = object as Pod
    const terms = spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution
    const wide = terms?.find(({ topologyKey }) => topologyKey !== HOSTNAME)
    if (wide)
      throw forbidden(
        kind,
        metadata.name,
        `affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey ${wide.topologyKey} but only key ${HOSTNAME} is allowed`,
      )
    return undefined
  },
}
