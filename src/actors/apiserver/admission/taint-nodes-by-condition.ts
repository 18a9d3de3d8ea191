/**
 * TaintNodesByCondition: a new node takes no pods before it was found to be ready.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/nodetaint`). The node lifecycle controller takes the taint away.
 */
import { Node } from '../../../api/core/node.ts'
import type { AdmissionPlugin } from './plugin.ts'

const NOT_READY = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }

export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  handles: (kind, operation, subresource) =>
    kind === Node && operation === 'CREATE' && subresource === undefined,
  mutate: ({ object }) => {
    const node = object as Node
    const taints = node.spec?.taints ?? []
    if (taints.some(({ key, effect }) => key === NOT_READY.key && effect === NOT_READY.effect))
      return
    node.spec = { ...node.spec, taints: [...taints, { ...NOT_READY }] }
  },
}
