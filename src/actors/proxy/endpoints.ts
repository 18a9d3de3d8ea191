/**
 * Which endpoints of a service port take traffic on this node, as kube-proxy's `CategorizeEndpoints`.
 *
 * Pure. Only ready endpoints; where none is ready, those that still serve while they terminate. It looks
 * at IPv4 slices only.
 */
import type { EndpointSlice } from '../../api/discovery/endpoint-slice.ts'

export interface Endpoint {
  ip: string
  port: number
  isLocal: boolean
}

export interface PortEndpoints {
  /** For the `Cluster` traffic policy. */
  cluster: readonly Endpoint[]
  /** For the `Local` traffic policy. */
  local: readonly Endpoint[]
}

interface Candidate extends Endpoint {
  isReady: boolean
  /** Serves still, although it terminates. */
  isLingering: boolean
}

/** `portName` is the service port's name, `''` when it has none. */
export const endpointsOf = (
  slices: readonly EndpointSlice[],
  portName: string,
  protocol: string,
  localNodes: ReadonlySet<string>,
): PortEndpoints => {
  const candidates = new Map<string, Candidate>()
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue
    for (const port of slice.ports ?? []) {
      if ((port.name ?? '') !== portName || (port.protocol ?? 'TCP') !== protocol) continue
      if (!port.port) continue
      for (const one of candidatesOf(slice, port.port, localNodes)) {
        const known = candidates.get(`${one.ip}:${one.port}`)
        if (!known || (one.isReady && !known.isReady)) candidates.set(`${one.ip}:${one.port}`, one)
      }
    }
  }
  const all = [...candidates.values()].sort(byAddress)
  return { cluster: usable(all), local: usable(all.filter(({ isLocal }) => isLocal)) }
}

const candidatesOf = (
  slice: EndpointSlice,
  port: number,
  localNodes: ReadonlySet<string>,
): Candidate[] =>
  (slice.endpoints ?? []).flatMap(({ addresses, conditions, nodeName }) => {
    const ip = addresses[0]
    if (!ip) return []
    const isReady = conditions?.ready ?? true
    const isLingering = (conditions?.serving ?? isReady) && (conditions?.terminating ?? false)
    return [{ ip, port, isReady, isLingering, isLocal: localNodes.has(nodeName ?? '') }]
  })

const usable = (candidates: readonly Candidate[]): Endpoint[] => {
  const ready = candidates.filter(({ isReady }) => isReady)
  const chosen = ready.length > 0 ? ready : candidates.filter(({ isLingering }) => isLingering)
  return chosen.map(({ ip, port, isLocal }) => ({ ip, port, isLocal }))
}

/** A stable order, so that equal endpoints give equal rules. */
const byAddress = (left: Endpoint, right: Endpoint) =>
  left.ip < right.ip ? -1 : left.ip > right.ip ? 1 : left.port - right.port
