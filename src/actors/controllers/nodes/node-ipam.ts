/**
 * Gives each node a range of pod addresses (Kubernetes' `nodeipam`, range allocator, IPv4).
 *
 * All nodes are one key, so no two nodes are ever given ranges at once. Invariant: a range belongs to one
 * node; a node's range never changes while the node exists.
 */
import { Node } from '../../../api/core/node.ts'
import type { Controller } from '../controller.ts'
import type { Command } from '../plan.ts'

export interface NodeIpamOptions {
  /** The cluster's pod addresses, e.g. `10.244.0.0/16`. */
  clusterCidr: string
  /** The prefix length of a node's range, e.g. 24. */
  nodeMask: number
}

export const nodeIpam = ({ clusterCidr, nodeMask }: NodeIpamOptions): Controller => {
  const { base, ranges } = parseCluster(clusterCidr, nodeMask)
  const size = 2 ** (32 - nodeMask)
  return {
    name: 'nodeipam',
    component: 'cidrAllocator',
    watches: [
      {
        kind: Node,
        keys: ({ type, object }) => (type === 'DELETED' || lacks(object as Node) ? ['nodes'] : []),
      },
    ],
    reconcile: (_object, _key, view) => {
      const nodes = view.list(Node)
      const used = new Set(nodes.flatMap(({ spec }) => spec?.podCIDR ?? []))
      let next = 0
      const commands = nodes.filter(lacks).flatMap((node): Command[] => {
        while (next < ranges && used.has(rangeText(base, next, size, nodeMask))) next++
        if (next >= ranges) return []
        return [assign(node, rangeText(base, next++, size, nodeMask))]
      })
      const without = nodes.filter(lacks).slice(commands.length)
      return {
        commands,
        reports: without.map((node) => ({
          object: node,
          type: 'Normal',
          reason: 'CIDRNotAvailable',
          message: `Node ${node.metadata.name} status is now: CIDRNotAvailable`,
        })),
      }
    },
  }
}

const lacks = ({ spec, metadata }: Node): boolean => !spec?.podCIDR && !metadata.deletionTimestamp

const assign = (node: Node, range: string): Command => ({
  verb: 'patch',
  kind: Node,
  object: node,
  type: 'merge',
  patch: { metadata: { uid: node.metadata.uid }, spec: { podCIDR: range, podCIDRs: [range] } },
})

const parseCluster = (cidr: string, nodeMask: number) => {
  const [address = '', mask = ''] = cidr.split('/')
  const base = address.split('.').reduce((value, part) => value * 256 + Number(part), 0)
  return { base, ranges: 2 ** (nodeMask - Number(mask)) }
}

const rangeText = (base: number, index: number, size: number, mask: number): string => {
  const start = base + index * size
  const parts = [24, 16, 8, 0].map((shift) => Math.floor(start / 2 ** shift) % 256)
  return `${parts.join('.')}/${mask}`
}
