/**
 * ClusterIPs and node ports: hands each to at most one Service.
 *
 * Inside one apiserver a claim reserves its values until its write is done. Across apiservers the fence
 * `service-addresses` is the lock: a Service that takes addresses is written under it, so the store itself
 * refuses the write of a replica that has not seen what another handed out meanwhile; that replica takes
 * the fence, by which its cache is complete, and chooses again. Invariant: the fence's holder has in its
 * cache every Service that holds an address. Releasing is implicit: what no Service names is free.
 */
import { Service } from '../../api/core/service.ts'
import {
  allocatesNodePorts,
  needsHealthCheck,
  usesNodePorts,
} from '../../api/core/service-exposure.ts'
import type { AnyKind } from '../../api/kind.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import { IPAddress } from '../../api/networking/ip-address.ts'
import { ServiceCIDR } from '../../api/networking/service-cidr.ts'
import { type FieldError, internalError, invalid, invalidField } from '../../api/status-error.ts'
import { type Fence, RevisionConflict, type Storage } from '../../client/storage.ts'
import { newUid } from '../../std/ids.ts'
import { ADDRESSES } from './commit.ts'
import { type Block, blockOf, contains, formatAddress, parseAddress } from './ipv4.ts'

export interface AddressOptions {
  /** e.g. `10.96.0.0/16`. */
  serviceCidr: string
  nodePortRange: { from: number; to: number }
  identity: string
}

export interface Claim {
  /** The write must carry it. */
  fence: Fence
  /** Call when the write has succeeded or failed. */
  release(): void
}

type Port = NonNullable<NonNullable<Service['spec']>['ports']>[number]
type Spec = NonNullable<Service['spec']>

/** Values in use, with the key of the Service that has them. */
interface Taken {
  addresses: Map<string, string>
  ports: Map<string, string>
}

/** A block with the place where the last address of it was found. */
interface Range {
  cidr: string
  block: Block
  next: number
}

const FENCE_ATTEMPTS_MAX = 20
const MANAGED_BY = 'ipaddress.kubernetes.io/managed-by'
const ALLOCATOR = 'ipallocator.k8s.io'

export class ServiceAddresses {
  private readonly storage: Storage
  private readonly options: AddressOptions
  /** The cluster's own, then those of the other ServiceCIDRs that are ready. */
  private blocks: readonly Range[]
  private readonly taken: Taken = { addresses: new Map(), ports: new Map() }
  private readonly reserved: Taken = { addresses: new Map(), ports: new Map() }
  private held: Fence | undefined
  private taking: Promise<Fence> | undefined
  private readonly seed = Number.parseInt(newUid().slice(0, 8), 16)
  private nextPort: number
  readonly stop: () => void

  constructor(storage: Storage, options: AddressOptions) {
    this.storage = storage
    this.options = options
    this.blocks = this.blocksNow()
    this.nextPort = this.seed % (options.nodePortRange.to - options.nodePortRange.from + 1)
    this.stop = storage.cache.subscribe(({ type, kind, object, previous }) => {
      if (kind === ServiceCIDR) this.blocks = this.blocksNow()
      if (kind.plural !== 'services' || kind.group !== '') return
      if (previous) this.forget(previous as Service)
      else if (type === 'DELETED') this.forget(object as Service)
      if (type !== 'DELETED') this.remember(object as Service)
    })
    for (const service of storage.cache.list(Service)) this.remember(service)
  }

  /** The address of the Service `default/kubernetes`. */
  get first(): string {
    return formatAddress(blockOf(this.options.serviceCidr).first + 1)
  }

  /** The block of addresses, e.g. `10.96.0.0/16`. */
  get range(): string {
    return this.options.serviceCidr
  }

  /**
   * Completes a Service's addresses, in place. Undefined when it takes none that it did not have.
   * Throws 422 for values that are in use, out of range or exhausted.
   */
  async claim(
    kind: AnyKind,
    object: KubernetesObject,
    old: KubernetesObject | undefined,
  ): Promise<Claim | undefined> {
    if (kind.plural !== 'services' || kind.group !== '') return undefined
    const service = object as Service
    const spec = service.spec
    if (!spec) return undefined
    const before = (old as Service | undefined)?.spec
    complete(spec)
    if (!wants(spec, before)) return undefined
    const fence = await this.lock()
    const key = keyOf(service)
    const mine: Taken = { addresses: new Map(), ports: new Map() }
    try {
      this.assign(service, key, mine)
    } catch (error) {
      this.unreserve(mine)
      throw error
    }
    return { fence, release: () => this.unreserve(mine) }
  }

  /** The fence, held by this replica and with a cache that has caught up with it. */
  private async lock(): Promise<Fence> {
    const current = this.storage.fence(ADDRESSES)
    if (this.held && current?.revision === this.held.revision) return this.held
    this.taking ??= this.take().finally(() => {
      this.taking = undefined
    })
    return this.taking
  }

  private async take(): Promise<Fence> {
    for (let tries = 0; tries < FENCE_ATTEMPTS_MAX; tries++) {
      const expected = this.storage.fence(ADDRESSES)?.revision ?? 0
      try {
        const revision = await this.storage.takeFence(ADDRESSES, expected, this.options.identity)
        await this.storage.cache.reached(Service, revision)
        this.held = { component: ADDRESSES, revision }
        return this.held
      } catch (error) {
        if (!(error instanceof RevisionConflict)) throw error
        await this.storage.barrier(Service)
      }
    }
    throw internalError('other apiservers keep allocating service addresses')
  }

  private assign(service: Service, key: string, mine: Taken): void {
    const spec = service.spec!
    if (needsAddress(spec)) {
      const address = spec.clusterIP || this.freeAddress()
      const errors = spec.clusterIP ? this.addressFaults(address, key) : []
      if (errors.length > 0) throw invalid(Service, service.metadata.name, errors)
      spec.clusterIP = address
      spec.clusterIPs = [address]
      this.reserve('addresses', address, key, mine)
    }
    if (usesNodePorts(spec)) this.assignPorts(service, key, mine)
    if (needsHealthCheck(spec)) this.assignHealthCheck(spec, key, mine)
  }

  /** Ports with the same number and different protocols share a node port, unless they ask for others. */
  private assignPorts(service: Service, key: string, mine: Taken): void {
    const { ports = [] } = service.spec!
    const errors: FieldError[] = []
    for (const [index, { nodePort }] of ports.entries()) {
      if (!nodePort) continue
      errors.push(...this.portFaults(nodePort, key, `spec.ports[${index}].nodePort`))
      this.reserve('ports', String(nodePort), key, mine)
    }
    if (errors.length > 0) throw invalid(Service, service.metadata.name, errors)
    if (!allocatesNodePorts(service.spec!)) return
    const chosen = new Map<number, number>()
    for (const { port, nodePort } of ports) if (nodePort) chosen.set(port, nodePort)
    for (const port of ports) {
      port.nodePort ||= shared(ports, port, chosen) ?? this.freePort()
      chosen.set(port.port, port.nodePort)
      this.reserve('ports', String(port.nodePort), key, mine)
    }
  }

  private assignHealthCheck(spec: Spec, key: string, mine: Taken): void {
    const wanted = spec.healthCheckNodePort
    if (wanted) {
      const fault = this.portFaults(wanted, key, '')[0]
      if (fault) {
        const why = fault.message.split(': ').slice(2).join(': ')
        throw internalError(`failed to allocate requested HealthCheck NodePort ${wanted}: ${why}`)
      }
    }
    spec.healthCheckNodePort = wanted || this.freePort()
    this.reserve('ports', String(spec.healthCheckNodePort), key, mine)
  }

  /** What may be handed out of; a range keeps its place when others come and go. */
  private blocksNow(): Range[] {
    const known = new Map(this.blocks?.map((range) => [range.cidr, range]))
    const ready = this.storage.cache
      .list(ServiceCIDR)
      .filter(isReady)
      .sort((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1))
      .flatMap(({ spec }) => (spec?.cidrs ?? []).filter(isAllocatable))
    return [...new Set([this.options.serviceCidr, ...ready])].map((cidr) => {
      const block = blockOf(cidr)
      return known.get(cidr) ?? { cidr, block, next: this.seed % block.size }
    })
  }

  private freeAddress(): string {
    for (const range of this.blocks) {
      const address = this.freeAddressOf(range)
      if (address !== undefined) return address
    }
    throw internalError('failed to allocate a serviceIP: range is full')
  }

  private freeAddressOf(range: Range): string | undefined {
    const { first, size } = range.block
    for (let tries = 0; tries < size; tries++) {
      range.next = (range.next + 1) % size
      /** The lower sixteenth is left for explicit addresses, as Kubernetes does, unless all else is used. */
      const isLow = range.next < Math.min(Math.max(16, size / 16), 256)
      if (isLow && this.taken.addresses.size + 256 < size && size > 64) continue
      // The first address of the cluster's own range is the API's.
      const reserved = range === this.blocks[0] ? 2 : 1
      if (range.next < reserved || range.next === size - 1) continue
      const address = formatAddress(first + range.next)
      if (!this.owner('addresses', address) && !this.isReserved(address)) return address
    }
    return undefined
  }

  /** Whether somebody keeps the address with an IPAddress of their own. */
  private isReserved(address: string): boolean {
    const found = this.storage.cache.get(IPAddress, undefined, address)
    return found !== undefined && found.metadata.labels?.[MANAGED_BY] !== ALLOCATOR
  }

  private freePort(): number {
    const { from, to } = this.options.nodePortRange
    for (let tries = 0; tries <= to - from; tries++) {
      this.nextPort = (this.nextPort + 1) % (to - from + 1)
      const nodePort = from + this.nextPort
      if (!this.owner('ports', String(nodePort))) return nodePort
    }
    throw internalError('failed to allocate a nodePort: range is full')
  }

  private addressFaults(address: string, key: string): FieldError[] {
    const number = parseAddress(address)
    if (number === undefined) return []
    const fault = (why: string) => [
      invalidField('spec.clusterIPs', [address], `failed to allocate IP ${address}: ${why}`),
    ]
    if (!this.blocks.some(({ block }) => contains(block, number)))
      return fault('the provided network does not match the current range')
    const owner = this.owner('addresses', address)
    const isTaken = (owner && owner !== key) || (!owner && this.isReserved(address))
    return isTaken ? fault('provided IP is already allocated') : []
  }

  private portFaults(nodePort: number, key: string, field: string): FieldError[] {
    const { from, to } = this.options.nodePortRange
    if (nodePort < from || nodePort > to)
      return [
        invalidField(
          field,
          nodePort,
          `provided port is not in the valid range. The range of valid ports is ${from}-${to}`,
        ),
      ]
    const owner = this.owner('ports', String(nodePort))
    return owner && owner !== key
      ? [invalidField(field, nodePort, 'provided port is already allocated')]
      : []
  }

  private owner(what: keyof Taken, value: string): string | undefined {
    return this.taken[what].get(value) ?? this.reserved[what].get(value)
  }

  private reserve(what: keyof Taken, value: string, key: string, mine: Taken): void {
    if (this.reserved[what].has(value)) return
    this.reserved[what].set(value, key)
    mine[what].set(value, key)
  }

  private unreserve(mine: Taken): void {
    for (const address of mine.addresses.keys()) this.reserved.addresses.delete(address)
    for (const port of mine.ports.keys()) this.reserved.ports.delete(port)
  }

  private remember(service: Service): void {
    const key = keyOf(service)
    for (const address of service.spec?.clusterIPs ?? [])
      if (address !== 'None') this.taken.addresses.set(address, key)
    for (const port of portsOf(service)) this.taken.ports.set(String(port), key)
  }

  private forget(service: Service): void {
    const key = keyOf(service)
    for (const address of service.spec?.clusterIPs ?? [])
      if (this.taken.addresses.get(address) === key) this.taken.addresses.delete(address)
    for (const port of portsOf(service))
      if (this.taken.ports.get(String(port)) === key) this.taken.ports.delete(String(port))
  }
}

const isReady = ({ metadata, status }: ServiceCIDR): boolean =>
  !metadata.deletionTimestamp &&
  (status?.conditions ?? []).some(({ type, status: value }) => type === 'Ready' && value === 'True')

/** IPv4, with room for addresses. */
const isAllocatable = (cidr: string): boolean => {
  const [address = '', length] = cidr.split('/')
  return !address.includes(':') && Number(length) >= 8 && Number(length) <= 30
}

const keyOf = ({ metadata }: Service): string => `${metadata.namespace}/${metadata.name}`

/** Every port of the nodes that the Service has; a number is one Service's for all protocols. */
const portsOf = ({ spec }: Service): number[] =>
  [...(spec?.ports ?? []).map(({ nodePort }) => nodePort), spec?.healthCheckNodePort].filter(
    (port): port is number => Boolean(port),
  )

const needsAddress = ({ type, clusterIP }: Spec): boolean =>
  type !== 'ExternalName' && clusterIP !== 'None'

/** The node port of an equal port number, where no port of the same protocol has it. */
const shared = (
  ports: readonly Port[],
  { port, protocol }: Port,
  chosen: ReadonlyMap<number, number>,
): number | undefined => {
  const nodePort = chosen.get(port)
  const isTaken = ports.some((other) => other.nodePort === nodePort && other.protocol === protocol)
  return isTaken ? undefined : nodePort
}

/** Whether the Service takes something that it did not have before. */
const wants = (spec: Spec, before: Spec | undefined): boolean => {
  if (needsAddress(spec) && (!spec.clusterIP || spec.clusterIP !== before?.clusterIP)) return true
  const had = new Set([
    ...(before?.ports ?? []).map(({ nodePort }) => nodePort),
    before?.healthCheckNodePort,
  ])
  if (needsHealthCheck(spec) && !had.has(spec.healthCheckNodePort || -1)) return true
  if (!usesNodePorts(spec)) return false
  const allocates = allocatesNodePorts(spec)
  return (spec.ports ?? []).some(({ nodePort }) => (nodePort ? !had.has(nodePort) : allocates))
}

/** The fields that follow from the one IP family there is. */
const complete = (spec: Spec): void => {
  if (spec.type === 'ExternalName') return
  if (!spec.clusterIP && spec.clusterIPs?.[0]) spec.clusterIP = spec.clusterIPs[0]
  if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP]
  spec.ipFamilies ??= ['IPv4']
  spec.ipFamilyPolicy ??= 'SingleStack'
}
