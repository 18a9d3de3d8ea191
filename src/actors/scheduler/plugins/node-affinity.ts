/**
 * NodeAffinity: `spec.nodeSelector` and required node affinity filter, preferred node affinity scores.
 */
import { compileNodeTerm, compileRequiredNodes, namedNodes } from '../match.ts'
import { largerIsBetter, type NodeRule, type Plugin, type Refusal } from '../plugin.ts'

const REFUSAL: Refusal = {
  plugin: 'NodeAffinity',
  reasons: ["node(s) didn't match Pod's node affinity/selector"],
  resolvable: false,
}

export const nodeAffinity: Plugin = {
  name: 'NodeAffinity',
  weight: 2,
  helpedBy: ['nodeAdded', 'nodeLabels'],
  prepare: ({ pod }) => {
    const required = compileRequiredNodes(pod.spec)
    const preferred = (
      pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
    ).map(({ weight, preference }) => ({ weight, matches: compileNodeTerm(preference) }))
    if (!required && preferred.length === 0) return undefined
    const rule: NodeRule = { scope: 'node' }
    if (required) rule.filter = (node) => (required(node) ? undefined : REFUSAL)
    const onlyNodes = namedNodes(pod.spec)
    if (onlyNodes) rule.onlyNodes = onlyNodes
    if (preferred.length > 0) {
      rule.score = (node) => {
        let sum = 0
        for (const { weight, matches } of preferred) if (matches(node)) sum += weight
        return sum
      }
      rule.normalise = largerIsBetter
    }
    return rule
  },
}
