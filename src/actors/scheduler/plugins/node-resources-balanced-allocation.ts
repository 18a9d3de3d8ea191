/**
 * NodeResourcesBalancedAllocation: prefers nodes whose CPU and memory would be used in equal shares.
 * A pod that requests neither is not asked about: it would move no share.
 */
import { MAX_SCORE, type Plugin } from '../plugin.ts'

export const nodeResourcesBalancedAllocation: Plugin = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  helpedBy: [],
  prepare: ({ requests }) => {
    if (requests.cpuMillis === 0 && requests.memoryBytes === 0) return undefined
    return {
      scope: 'node',
      score: ({ allocatable, requested }) => {
        const cpu = share(requested.cpuMillis + requests.cpuMillis, allocatable.cpuMillis)
        const memory = share(requested.memoryBytes + requests.memoryBytes, allocatable.memoryBytes)
        if (cpu === undefined || memory === undefined) return MAX_SCORE
        // The standard deviation of two numbers is half their distance.
        return (1 - Math.abs(cpu - memory) / 2) * MAX_SCORE
      },
    }
  },
}

const share = (taken: number, offered: number): number | undefined =>
  offered > 0 ? Math.min(1, taken / offered) : undefined
