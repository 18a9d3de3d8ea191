/**
 * The taints that a node's conditions call for (Kubernetes' `pkg/controller/nodelifecycle`).
 *
 * Invariant: taints of other keys are somebody else's and stay as they are, in their order. Pure.
 */
import type { Node } from '../../../api/core/node.ts'
import { timestamp } from '../../../std/clock.ts'

export type Taint = NonNullable<NonNullable<Node['spec']>['taints']>[number]

const NOT_READY = 'node.kubernetes.io/not-ready'
const UNREACHABLE = 'node.kubernetes.io/unreachable'
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable'

/** Condition type and status, and the key they taint with. */
const BY_CONDITION: readonly (readonly [string, string, string])[] = [
  ['Ready', 'False', NOT_READY],
  ['Ready', 'Unknown', UNREACHABLE],
  ['MemoryPressure', 'True', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'True', 'node.kubernetes.io/disk-pressure'],
  ['NetworkUnavailable', 'True', 'node.kubernetes.io/network-unavailable'],
  ['PIDPressure', 'True', 'node.kubernetes.io/pid-pressure'],
]

const OURS = new Set([...BY_CONDITION.map(([, , key]) => key), UNSCHEDULABLE])

/** The taints `node` should have, or undefined when it has them. */
export const wantedTaints = (node: Node, now: number): Taint[] | undefined => {
  const present = node.spec?.taints ?? []
  const wanted = calledFor(node)
  const isWanted = (taint: Taint) =>
    wanted.some(({ key, effect }) => key === taint.key && effect === taint.effect)
  const kept = present.filter((taint) => !isOurs(taint) || isWanted(taint))
  const missing = wanted
    .filter(
      ({ key, effect }) => !present.some((taint) => taint.key === key && taint.effect === effect),
    )
    .map((taint) => ({ ...taint, timeAdded: timestamp(now) }))
  if (missing.length === 0 && kept.length === present.length) return undefined
  return [...kept, ...missing]
}

const isOurs = ({ key, effect }: Taint): boolean =>
  effect === 'NoSchedule'
    ? OURS.has(key)
    : effect === 'NoExecute' && (key === NOT_READY || key === UNREACHABLE)

const calledFor = (node: Node): Taint[] => {
  const taints: Taint[] = []
  for (const [type, status, key] of BY_CONDITION) {
    const condition = node.status?.conditions?.find((item) => item.type === type)
    if (condition?.status === status) taints.push({ key, effect: 'NoSchedule' })
  }
  if (node.spec?.unschedulable) taints.push({ key: UNSCHEDULABLE, effect: 'NoSchedule' })
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')?.status
  if (ready === 'False') taints.push({ key: NOT_READY, effect: 'NoExecute' })
  if (ready === 'Unknown') taints.push({ key: UNREACHABLE, effect: 'NoExecute' })
  return taints
}
