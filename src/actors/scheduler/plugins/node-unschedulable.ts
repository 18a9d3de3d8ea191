/**
 * NodeUnschedulable: keeps pods off cordoned nodes unless they tolerate being there.
 * It moves nothing that runs already.
 */
import { isTolerated } from '../match.ts'
import type { Plugin, Refusal } from '../plugin.ts'

const REFUSAL: Refusal = {
  plugin: 'NodeUnschedulable',
  reasons: ['node(s) were unschedulable'],
  resolvable: false,
}
const TAINT = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }

export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  weight: 0,
  helpedBy: ['nodeAdded', 'nodeUnschedulable', 'nodeTaints'],
  prepare: ({ pod }) => {
    if (isTolerated(TAINT, pod.spec?.tolerations ?? [])) return undefined
    return { scope: 'node', filter: (node) => (node.isUnschedulable ? REFUSAL : undefined) }
  },
}
