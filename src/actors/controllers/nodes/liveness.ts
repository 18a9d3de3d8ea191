/**
 * When each node was last heard of, by bus heartbeats or by what it writes through the API.
 *
 * A node that beats on the bus is judged by its beats; one that never did, by the heartbeats of its status
 * and Lease, as Kubernetes does. Invariant: the clock starts anew whenever we may have been deaf (at start,
 * after a change of leader, after an outage of the bus), so our own deafness marks no node. Only local,
 * monotonic time is compared; clocks of nodes are not trusted.
 */
export interface LivenessOptions {
  /** Silence on the bus after which a node counts as dead; four missed beats. */
  busGraceMs: number
  /** Silence of status and Lease after which any other node counts as dead; Kubernetes' grace period. */
  statusGraceMs: number
}

export interface Liveness {
  /** A beat of `node` at `atMs`; tells whether it is the first. */
  beat(node: string, atMs: number): boolean
  /** Whether `node` was heard on the bus. */
  beats(node: string): boolean
  /** The heartbeat that `node` wrote; it counts when it differs from the last one. */
  observe(node: string, stamp: string, atMs: number): void
  /** Starts the clock of every node anew. */
  restart(atMs: number): void
  forget(node: string): void
  /** Milliseconds until `node` counts as dead; 0 or less: it does. `onBus`: it is known to beat on the bus. */
  remainingMs(node: string, onBus: boolean, nowMs: number): number
}

interface Heard {
  beatMs?: number
  stamp?: string
  stampMs?: number
}

export const createLiveness = (options: LivenessOptions): Liveness => {
  const nodes = new Map<string, Heard>()
  let epochMs = 0

  const heard = (node: string): Heard => {
    const known = nodes.get(node) ?? {}
    nodes.set(node, known)
    return known
  }

  return {
    beat: (node, atMs) => {
      const entry = heard(node)
      const isFirst = entry.beatMs === undefined
      entry.beatMs = atMs
      return isFirst
    },
    observe: (node, stamp, atMs) => {
      const entry = heard(node)
      if (entry.stamp === stamp) return
      entry.stamp = stamp
      entry.stampMs = atMs
    },
    restart: (atMs) => {
      epochMs = atMs
    },
    forget: (node) => {
      nodes.delete(node)
    },
    beats: (node) => nodes.get(node)?.beatMs !== undefined,
    remainingMs: (node, isKnown, nowMs) => {
      const { beatMs, stampMs } = nodes.get(node) ?? {}
      const onBus = isKnown || beatMs !== undefined
      const lastMs = Math.max(epochMs, (onBus ? beatMs : stampMs) ?? epochMs)
      return lastMs + (onBus ? options.busGraceMs : options.statusGraceMs) - nowMs
    },
  }
}
