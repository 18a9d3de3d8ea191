/**
 * The rules of one service: `(service, slices, where we are) → Pieces`.
 *
 *   packet → services ─vmap @service-ips→ service-… ─random→ endpoint-… → dnat
 *                     └vmap @service-nodeports→ external-… → service-… or local-…
 *
 * Pure, and the same input always gives the same names and rules, so that `ruleset.ts` can compare. The shape
 * and the policies are those of kube-proxy's nftables mode: affinity by client address, masquerading of
 * what loops back or comes from outside, rejecting where there is no endpoint, dropping where there is
 * one but not on this node. It knows IPv4 only and no load-balancer source ranges.
 */
import { createHash } from 'node:crypto'
import type { Service } from '../../api/core/service.ts'
import type { EndpointSlice } from '../../api/discovery/endpoint-slice.ts'
import { objectKey } from '../../api/meta.ts'
import { type Endpoint, endpointsOf, type PortEndpoints } from './endpoints.ts'

/** One service's share of the table. */
export interface Pieces {
  /** Rules by chain. */
  chains: Map<string, readonly string[]>
  /** Affinity sets, with the seconds an address is remembered. */
  sets: Map<string, number>
  /** Elements of maps and sets: key `<map> <element>`, value the verdict, empty for sets. */
  elements: Map<string, string>
}

export const noPieces = (): Pieces => ({ chains: new Map(), sets: new Map(), elements: new Map() })

const DEFAULT_AFFINITY_SECONDS = 10_800
const PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name'

/** `localNodes`: the nodes whose pods run on this host. */
export const rulesOf = (
  service: Service,
  slices: readonly EndpointSlice[],
  localNodes: ReadonlySet<string>,
): Pieces => {
  const pieces = noPieces()
  const clusterIP = service.spec?.clusterIP
  if (!clusterIP || !isIPv4(clusterIP) || service.spec?.type === 'ExternalName') return pieces
  if (service.metadata.labels?.[PROXY_NAME_LABEL] !== undefined) return pieces
  pieces.elements.set(`cluster-ips ${clusterIP}`, '')
  for (const port of service.spec?.ports ?? []) {
    const protocol = port.protocol ?? 'TCP'
    const endpoints = endpointsOf(slices, port.name ?? '', protocol, localNodes)
    addPort(pieces, describePort(service, port, endpoints))
  }
  return pieces
}

type ServicePort = NonNullable<NonNullable<Service['spec']>['ports']>[number]

interface Port {
  /** `<hash>-namespace/name/tcp/port name`, after which chains are named. */
  base: string
  protocol: string
  port: number
  clusterIP: string
  nodePort: number
  /** Addresses from outside the cluster: external IPs and those of load balancers. */
  externalIPs: readonly string[]
  internalIsLocal: boolean
  externalIsLocal: boolean
  /** 0: no affinity. */
  affinitySeconds: number
  endpoints: PortEndpoints
}

const describePort = (service: Service, port: ServicePort, endpoints: PortEndpoints): Port => {
  const { spec } = service
  const protocol = (port.protocol ?? 'TCP').toLowerCase()
  const isExternal = spec?.type === 'NodePort' || spec?.type === 'LoadBalancer'
  const balancers = (service.status?.loadBalancer?.ingress ?? [])
    .filter(({ ipMode }) => ipMode !== 'Proxy')
    .flatMap(({ ip }) => (ip ? [ip] : []))
  return {
    base: hashed(`${objectKey(service)}/${protocol}/${port.name ?? ''}`),
    protocol,
    port: port.port,
    clusterIP: spec?.clusterIP ?? '',
    nodePort: isExternal ? (port.nodePort ?? 0) : 0,
    externalIPs: [...(spec?.externalIPs ?? []), ...balancers].filter(isIPv4),
    internalIsLocal: spec?.internalTrafficPolicy === 'Local',
    externalIsLocal: spec?.externalTrafficPolicy === 'Local',
    affinitySeconds:
      spec?.sessionAffinity === 'ClientIP'
        ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS)
        : 0,
    endpoints,
  }
}

const addPort = (pieces: Pieces, port: Port): void => {
  const { cluster, local } = port.endpoints
  const isExternal = port.nodePort > 0 || port.externalIPs.length > 0
  const usesLocal = port.internalIsLocal || (isExternal && port.externalIsLocal)
  const usesCluster = !port.internalIsLocal || isExternal
  const reachable = new Map<string, Endpoint>()
  if (usesCluster && cluster.length > 0) {
    pieces.chains.set(clusterChain(port), balance(port, cluster))
    for (const one of cluster) reachable.set(endpointChain(port, one), one)
  }
  if (usesLocal && local.length > 0) {
    pieces.chains.set(localChain(port), balance(port, local))
    for (const one of local) reachable.set(endpointChain(port, one), one)
  }
  for (const [chain, one] of reachable) {
    pieces.chains.set(chain, endpointRules(port, one))
    if (port.affinitySeconds > 0) pieces.sets.set(affinitySet(port, one), port.affinitySeconds)
  }
  addInternal(pieces, port)
  if (isExternal) addExternal(pieces, port)
}

/** Traffic to the ClusterIP. */
const addInternal = (pieces: Pieces, port: Port): void => {
  const { cluster, local } = port.endpoints
  const key = `${port.clusterIP} . ${port.protocol} . ${port.port}`
  const reached = port.internalIsLocal ? local : cluster
  if (reached.length === 0) {
    pieces.elements.set(`no-endpoint-services ${key}`, refusal(cluster.length > 0))
    return
  }
  const chain = port.internalIsLocal ? localChain(port) : clusterChain(port)
  // From outside the cluster: answers must come back this way.
  const masquerade =
    `ip daddr ${port.clusterIP} ${port.protocol} dport ${port.port} ` +
    'ip saddr != @pod-cidrs jump mark-for-masquerade'
  pieces.chains.set(chain, [masquerade, ...(pieces.chains.get(chain) ?? [])])
  pieces.elements.set(`service-ips ${key}`, `goto ${chain}`)
}

/** Traffic to node ports, external IPs and load balancers' addresses. */
const addExternal = (pieces: Pieces, port: Port): void => {
  const { cluster, local } = port.endpoints
  const reached = port.externalIsLocal ? local : cluster
  const chain = `external-${port.base}`
  const targets: [string, string][] = port.externalIPs.map((ip) => [
    'services',
    `${ip} . ${port.protocol} . ${port.port}`,
  ])
  if (port.nodePort > 0) targets.push(['nodeports', `${port.protocol} . ${port.nodePort}`])
  for (const [map, key] of targets) {
    const to = map === 'services' ? 'service-ips' : 'service-nodeports'
    if (cluster.length > 0) pieces.elements.set(`${to} ${key}`, `goto ${chain}`)
    if (reached.length === 0)
      pieces.elements.set(`no-endpoint-${map} ${key}`, refusal(cluster.length > 0))
  }
  if (cluster.length > 0) pieces.chains.set(chain, externalRules(port, reached.length > 0))
}

const externalRules = (port: Port, isReachable: boolean): string[] => {
  if (!port.externalIsLocal) return ['jump mark-for-masquerade', `goto ${clusterChain(port)}`]
  // What starts on this host or in a pod is not from outside: any endpoint will do.
  return [
    `ip saddr @pod-cidrs goto ${clusterChain(port)}`,
    'fib saddr type local jump mark-for-masquerade',
    `fib saddr type local goto ${clusterChain(port)}`,
    ...(isReachable ? [`goto ${localChain(port)}`] : []),
  ]
}

/** Picks an endpoint: the one this client had, else any with equal chance. */
const balance = (port: Port, endpoints: readonly Endpoint[]): string[] => {
  const rules =
    port.affinitySeconds > 0
      ? endpoints.map(
          (one) => `ip saddr @${affinitySet(port, one)} goto ${endpointChain(port, one)}`,
        )
      : []
  const only = endpoints.length === 1 ? endpoints[0] : undefined
  if (only) return [...rules, `goto ${endpointChain(port, only)}`]
  const chains = endpoints.map((one, index) => `${index} : goto ${endpointChain(port, one)}`)
  rules.push(`numgen random mod ${endpoints.length} vmap { ${chains.join(', ')} }`)
  return rules
}

const endpointRules = (port: Port, endpoint: Endpoint): string[] => [
  // A pod that reaches itself through its service must not see its own address as the client's.
  ...(endpoint.isLocal ? [`ip saddr ${endpoint.ip} jump mark-for-masquerade`] : []),
  ...(port.affinitySeconds > 0 ? [`update @${affinitySet(port, endpoint)} { ip saddr }`] : []),
  `meta l4proto ${port.protocol} dnat to ${endpoint.ip}:${endpoint.port}`,
]

/** Rejected where no node could answer; dropped where another node could. */
const refusal = (hasEndpointsElsewhere: boolean) =>
  hasEndpointsElsewhere ? 'drop' : 'goto reject-chain'

const clusterChain = ({ base }: Port) => `service-${base}`
const localChain = ({ base }: Port) => `local-${base}`
const endpointChain = ({ base }: Port, { ip, port }: Endpoint) => `endpoint-${base}__${ip}/${port}`
const affinitySet = ({ base }: Port, { ip, port }: Endpoint) => `affinity-${base}__${ip}/${port}`

/** Chain names may hold 255 characters; namespace, name and port name have at most 63 each. */
const hashed = (name: string): string =>
  `${createHash('sha256').update(name).digest('hex').slice(0, 8)}-${name}`

const isIPv4 = (ip: string): boolean => /^\d+\.\d+\.\d+\.\d+$/.test(ip)
