/**
 * NodePorts: refuses nodes on which a host port the pod wants is taken.
 * The address `0.0.0.0` collides with every address.
 */
import type { Plugin, Refusal } from '../plugin.ts'

const REFUSAL: Refusal = {
  plugin: 'NodePorts',
  reasons: ["node(s) didn't have free ports for the requested pod ports"],
  resolvable: true,
}
const ANY_ADDRESS = '0.0.0.0'

export const nodePorts: Plugin = {
  name: 'NodePorts',
  weight: 0,
  helpedBy: ['nodeAdded', 'podRemoved'],
  prepare: ({ hostPorts }) => {
    if (hostPorts.length === 0) return undefined
    return {
      scope: 'node',
      filter: ({ usedPorts }) => {
        for (const { port, ip } of hostPorts) {
          const taken = usedPorts.get(port)
          if (taken && (ip === ANY_ADDRESS || taken.has(ip) || taken.has(ANY_ADDRESS)))
            return REFUSAL
        }
        return undefined
      },
    }
  },
}
