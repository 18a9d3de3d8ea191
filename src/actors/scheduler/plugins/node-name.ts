/**
 * NodeName: a pod whose spec names a node fits that node only.
 * Such a pod is normally bound already; this holds for pods that name it while gated or in tests.
 */
import type { Plugin, Refusal } from '../plugin.ts'

const REFUSAL: Refusal = {
  plugin: 'NodeName',
  reasons: ["node(s) didn't match the requested node name"],
  resolvable: false,
}

export const nodeName: Plugin = {
  name: 'NodeName',
  weight: 0,
  helpedBy: ['nodeAdded'],
  prepare: ({ pod }) => {
    const wanted = pod.spec?.nodeName
    if (!wanted) return undefined
    return { scope: 'node', filter: (node) => (node.name === wanted ? undefined : REFUSAL) }
  },
}
