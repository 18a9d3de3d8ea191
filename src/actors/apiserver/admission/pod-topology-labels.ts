/**
 * PodTopologyLabels: a pod carries the zone and region of its node as labels of its own.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/podtopologylabels`): with the binding, or with the pod where that
 * names its node itself. A node that is not known gives none.
 */
import { Node } from '../../../api/core/node.ts'
import { Pod } from '../../../api/core/pod.ts'
import type { KubernetesObject } from '../../../api/meta.ts'
import type { AdmissionPlugin } from './plugin.ts'

const COPIED = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region']

export const podTopologyLabels: AdmissionPlugin = {
  name: 'PodTopologyLabels',
  handles: (kind, operation, subresource) =>
    kind === Pod &&
    operation === 'CREATE' &&
    (subresource === undefined || subresource === 'binding'),
  mutate: ({ services, subresource, object }) => {
    const name = subresource ? boundTo(object as BindingLike) : (object as Pod).spec?.nodeName
    if (!name) return
    const labels = services.storage.cache.get(Node, undefined, name)?.metadata.labels
    if (!labels) return
    const { metadata } = object as KubernetesObject
    for (const key of COPIED)
      if (labels[key] !== undefined) metadata.labels = { ...metadata.labels, [key]: labels[key] }
  },
}

interface BindingLike extends KubernetesObject {
  target?: { kind?: string; name?: string }
}

const boundTo = ({ target }: BindingLike): string | undefined =>
  target?.kind === 'Node' ? target.name : undefined
