/**
 * The addresses of one node's pods: which of its CIDR are taken. Pure but for its own table.
 *
 * Invariant: an address is given to one pod at a time, and a freed one is the last to be given again, so that a
 * new pod never answers for one that just ended. The first address is the bridge's. Nothing is stored: after a
 * restart the addresses of living sandboxes are adopted from their labels.
 */
import { isIPv4 } from 'node:net'

export interface Range {
  /** First address after the network's own: the bridge's. */
  gateway: string
  prefixLength: number
  /** Addresses for pods are `first + 0 … first + size - 1`, as 32-bit numbers. */
  first: number
  size: number
}

const toNumber = (ip: string) =>
  ip.split('.').reduce((value, part) => value * 256 + Number(part), 0)

const toAddress = (value: number) =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')

/** Throws a RangeError for what is no IPv4 CIDR with room for a pod. */
export const parseRange = (cidr: string): Range => {
  const [ip = '', length = ''] = cidr.split('/')
  const prefixLength = Number(length)
  if (!isIPv4(ip) || !/^\d+$/.test(length) || prefixLength > 30)
    throw new RangeError(`"${cidr}" is not an IPv4 CIDR of at least four addresses`)
  const total = 2 ** (32 - prefixLength)
  const network = Math.floor(toNumber(ip) / total) * total
  return {
    gateway: toAddress(network + 1),
    prefixLength,
    first: network + 2,
    // Without the network's, the bridge's and the broadcast address.
    size: total - 3,
  }
}

export interface PodAddresses {
  /** Throws when none is free. */
  take(): string
  /** False when it is not of this range. */
  adopt(ip: string): boolean
  free(ip: string): void
}

export const createPodAddresses = (cidr: string): PodAddresses => {
  const { first, size } = parseRange(cidr)
  const taken = new Set<number>()
  let next = 0
  const indexOf = (ip: string) => {
    const index = toNumber(ip) - first
    return index >= 0 && index < size ? index : undefined
  }
  return {
    take: () => {
      if (taken.size >= size) throw new Error(`no IP addresses available in range set: ${cidr}`)
      while (taken.has(next)) next = (next + 1) % size
      const index = next
      taken.add(index)
      next = (next + 1) % size
      return toAddress(first + index)
    },
    adopt: (ip) => {
      const index = indexOf(ip)
      if (index === undefined) return false
      taken.add(index)
      next = Math.max(next, (index + 1) % size)
      return true
    },
    free: (ip) => {
      const index = indexOf(ip)
      if (index !== undefined) taken.delete(index)
    },
  }
}
