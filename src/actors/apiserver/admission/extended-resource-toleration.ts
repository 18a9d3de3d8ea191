/**
 * ExtendedResourceToleration: pods that ask for a device tolerate the taint of nodes that are kept for it.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/extendedresourcetoleration`). Off unless it is asked for.
 */
import { Pod } from '../../../api/core/pod.ts'
import { isExtendedResource } from '../../../api/core/resource-list.ts'
import { withToleration } from '../../../api/core/tolerations.ts'
import type { AdmissionPlugin } from './plugin.ts'

export const extendedResourceToleration: AdmissionPlugin = {
  name: 'ExtendedResourceToleration',
  handles: (kind, operation, subresource) =>
    kind === Pod && subresource === undefined && (operation === 'CREATE' || operation === 'UPDATE'),
  mutate: ({ object }) => {
    const { spec } = object as Pod
    if (!spec) return
    const names = new Set<string>()
    for (const { resources } of [...spec.containers, ...(spec.initContainers ?? [])])
      for (const name of Object.keys(resources?.requests ?? {}))
        if (isExtendedResource(name)) names.add(name)
    for (const key of [...names].sort())
      spec.tolerations = withToleration(spec.tolerations ?? [], {
        key,
        operator: 'Exists',
        effect: 'NoSchedule',
      })
  },
}
