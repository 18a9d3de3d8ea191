/**
 * The sentence that tells a user why a pod has no node, in kube-scheduler 1.36's wording.
 *
 * Shape: `0/3 nodes are available: <count reason, …>. no new claims to deallocate, preemption: 0/3 nodes
 * are available: <count reason, …>.` Invariant: equal refusals give the equal sentence, so that events
 * can be counted. Taking pods off nodes is never promised here: it is not tried.
 */
import type { Refusals } from './plugin.ts'

const NO_NODES = 'no nodes available to schedule pods'
const NOT_HELPFUL = 'Preemption is not helpful for scheduling'
const NO_VICTIMS = 'No preemption victims found for incoming pod'

export const explainRefusals = (refusals: Refusals, preemptionPolicy?: string): string => {
  const { nodes, reasons, resolvable } = refusals
  if (nodes === 0) return NO_NODES
  const preemption =
    preemptionPolicy === 'Never'
      ? 'not eligible due to preemptionPolicy=Never.'
      : summary(
          nodes,
          new Map([
            [NOT_HELPFUL, nodes - resolvable],
            [NO_VICTIMS, resolvable],
          ]),
        )
  return `${summary(nodes, reasons)} no new claims to deallocate, preemption: ${preemption}`
}

const summary = (nodes: number, reasons: ReadonlyMap<string, number>): string => {
  const counted = [...reasons].filter(([, count]) => count > 0)
  const list = counted.map(([reason, count]) => `${count} ${reason}`).sort()
  return `0/${nodes} nodes are available: ${list.join(', ')}.`
}
