/**
 * NodeResourcesFit: refuses nodes without room for the pod, and prefers those left emptiest (LeastAllocated).
 *
 * Room is what is allocatable less what pods request: limits play no part. A node that could not hold the
 * pod even when empty is not resolvable. Scores count containers without requests as 100m and 200Mi.
 */

import type { NodeInfo } from '../node-info.ts'
import { MAX_SCORE, type Plugin, type Refusal } from '../plugin.ts'
import type { Resources } from '../resources.ts'

const NAME = 'NodeResourcesFit'

export const nodeResourcesFit: Plugin = {
  name: NAME,
  weight: 1,
  helpedBy: ['nodeAdded', 'nodeAllocatable', 'podRemoved'],
  prepare: ({ requests, scored }) => {
    const extended = [...requests.extended].filter(([, amount]) => amount > 0)
    return {
      scope: 'node',
      filter: (node) => (fits(node, requests, extended) ? undefined : refuse(node, requests)),
      score: (node) => leastAllocated(node, scored),
    }
  },
}

const fits = (node: NodeInfo, wanted: Resources, extended: [string, number][]): boolean => {
  const { allocatable, requested, podsMax, pods } = node
  if (pods.size >= podsMax) return false
  if (wanted.cpuMillis > 0 && wanted.cpuMillis > allocatable.cpuMillis - requested.cpuMillis)
    return false
  if (
    wanted.memoryBytes > 0 &&
    wanted.memoryBytes > allocatable.memoryBytes - requested.memoryBytes
  )
    return false
  if (
    wanted.ephemeralBytes > 0 &&
    wanted.ephemeralBytes > allocatable.ephemeralBytes - requested.ephemeralBytes
  )
    return false
  for (const [name, amount] of extended)
    if (amount > (allocatable.extended.get(name) ?? 0) - (requested.extended.get(name) ?? 0))
      return false
  return true
}

/** Every resource that is short, in kube-scheduler's order. */
const refuse = (node: NodeInfo, wanted: Resources): Refusal => {
  const { allocatable, requested } = node
  const reasons: string[] = []
  let resolvable = true
  const check = (name: string, amount: number, offered: number, taken: number) => {
    if (amount <= 0 || amount <= offered - taken) return
    reasons.push(`Insufficient ${name}`)
    if (amount > offered) resolvable = false
  }
  if (node.pods.size >= node.podsMax) {
    reasons.push('Too many pods')
    if (node.podsMax < 1) resolvable = false
  }
  check('cpu', wanted.cpuMillis, allocatable.cpuMillis, requested.cpuMillis)
  check('memory', wanted.memoryBytes, allocatable.memoryBytes, requested.memoryBytes)
  check(
    'ephemeral-storage',
    wanted.ephemeralBytes,
    allocatable.ephemeralBytes,
    requested.ephemeralBytes,
  )
  for (const [name, amount] of wanted.extended)
    check(name, amount, allocatable.extended.get(name) ?? 0, requested.extended.get(name) ?? 0)
  return { plugin: NAME, reasons, resolvable }
}

/** Mean share of CPU and memory that would stay free, of those the node offers. */
const leastAllocated = ({ allocatable, scored }: NodeInfo, wanted: Resources): number => {
  let sum = 0
  let weights = 0
  const add = (offered: number, taken: number) => {
    if (offered <= 0) return
    weights++
    if (taken < offered) sum += ((offered - taken) * MAX_SCORE) / offered
  }
  add(allocatable.cpuMillis, scored.cpuMillis + wanted.cpuMillis)
  add(allocatable.memoryBytes, scored.memoryBytes + wanted.memoryBytes)
  return weights === 0 ? 0 : sum / weights
}
