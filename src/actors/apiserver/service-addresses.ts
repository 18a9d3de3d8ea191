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
import type { AnyKind } from '../../api/kind.ts'
import type { KubernetesObject } from '../../api/meta.ts'
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

const FENCE_ATTEMPTS_MAX = 20

export class ServiceAddresses {
  private readonly storage: Storage
  private readonly options: AddressOptions
  private readonly block: Block
  private readonly taken: Taken = { addresses: new Map(), ports: new Map() }
  private readonly reserved: Taken = { addresses: new Map(), ports: new Map() }
  private held: Fence | undefined
  private taking: Promise<Fence> | undefined
  private nextAddress: number
  private nextPort: number
  readonly stop: () => void

  constructor(storage: Storage, options: AddressOptions) {
    this.storage = storage
    this.options = options
    this.block = blockOf(options.serviceCidr)
    const seed = Number.parseInt(newUid().slice(0, 8), 16)
    this.nextAddress = seed % this.block.size
    this.nextPort = seed % (options.nodePortRange.to - options.nodePortRange.from + 1)
    this.stop = storage.cache.subscribe(({ type, kind, object, previous }) => {
      if (kind.plural !== 'services' || kind.group !== '') return
      if (previous) this.forget(previous as Service)
      else if (type === 'DELETED') this.forget(object as Service)
      if (type !== 'DELETED') this.remember(object as Service)
    })
    for (const service of storage.cache.list(Service)) this.remember(service)
  }

  /** The address of the Service `default/kubernetes`. */
  get first(): string {
    return formatAddress(this.block.first + 1)
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
    if (before) keepValues(spec, before)
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
    if (!hasNodePorts(spec)) return
    const errors: FieldError[] = []
    spec.ports?.forEach((port, index) => {
      if (port.nodePort) {
        errors.push(...this.portFaults(port, key, `spec.ports[${index}].nodePort`))
        this.reserve('ports', portKey(port), key, mine)
      }
    })
    if (errors.length > 0) throw invalid(Service, service.metadata.name, errors)
    for (const port of spec.ports ?? []) {
      if (port.nodePort) continue
      port.nodePort = this.freePort(port, spec)
      this.reserve('ports', portKey(port), key, mine)
    }
  }

  private freeAddress(): string {
    const { first, size } = this.block
    for (let tries = 0; tries < size; tries++) {
      this.nextAddress = (this.nextAddress + 1) % size
      /** The lower sixteenth is left for explicit addresses, as Kubernetes does, unless all else is used. */
      const isLow = this.nextAddress < Math.min(Math.max(16, size / 16), 256)
      if (isLow && this.taken.addresses.size + 256 < size && size > 64) continue
      if (this.nextAddress < 2 || this.nextAddress === size - 1) continue
      const address = formatAddress(first + this.nextAddress)
      if (!this.owner('addresses', address)) return address
    }
    throw internalError('failed to allocate a serviceIP: range is full')
  }

  private freePort({ protocol }: Port, spec: Spec): number {
    const { from, to } = this.options.nodePortRange
    for (let tries = 0; tries <= to - from; tries++) {
      this.nextPort = (this.nextPort + 1) % (to - from + 1)
      const nodePort = from + this.nextPort
      const isOwn = spec.ports?.some((port) => port.nodePort === nodePort)
      const isFree = ['TCP', 'UDP', 'SCTP'].every(
        (each) => !this.owner('ports', `${each}/${nodePort}`),
      )
      if (isFree && !isOwn) return nodePort
    }
    throw internalError(`failed to allocate a ${protocol ?? 'TCP'} nodePort: range is full`)
  }

  private addressFaults(address: string, key: string): FieldError[] {
    const number = parseAddress(address)
    if (number === undefined) return []
    const fault = (why: string) => [
      invalidField('spec.clusterIPs', [address], `failed to allocate IP ${address}: ${why}`),
    ]
    if (!contains(this.block, number))
      return fault(
        `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${this.options.serviceCidr}`,
      )
    const owner = this.owner('addresses', address)
    return owner && owner !== key ? fault('provided IP is already allocated') : []
  }

  private portFaults(port: Port, key: string, field: string): FieldError[] {
    const { from, to } = this.options.nodePortRange
    const { nodePort } = port
    if (nodePort! < from || nodePort! > to)
      return [
        invalidField(
          field,
          nodePort,
          `provided port is not in the valid range. The range of valid ports is ${from}-${to}`,
        ),
      ]
    const owner = this.owner('ports', portKey(port))
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
    for (const port of service.spec?.ports ?? [])
      if (port.nodePort) this.taken.ports.set(portKey(port), key)
  }

  private forget(service: Service): void {
    const key = keyOf(service)
    for (const address of service.spec?.clusterIPs ?? [])
      if (this.taken.addresses.get(address) === key) this.taken.addresses.delete(address)
    for (const port of service.spec?.ports ?? [])
      if (this.taken.ports.get(portKey(port)) === key) this.taken.ports.delete(portKey(port))
  }
}

const keyOf = ({ metadata }: Service): string => `${metadata.namespace}/${metadata.name}`
const portKey = ({ protocol, nodePort }: Port): string => `${protocol ?? 'TCP'}/${nodePort}`

const needsAddress = ({ type, clusterIP }: Spec): boolean =>
  type !== 'ExternalName' && clusterIP !== 'None'
const hasNodePorts = ({ type, allocateLoadBalancerNodePorts }: Spec): boolean =>
  type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts !== false)

/** Whether the Service takes something that it did not have before. */
const wants = (spec: Spec, before: Spec | undefined): boolean => {
  if (needsAddress(spec) && (!spec.clusterIP || spec.clusterIP !== before?.clusterIP)) return true
  if (!hasNodePorts(spec)) return false
  const had = new Set(before?.ports?.map(portKey))
  return spec.ports?.some((port) => !port.nodePort || !had.has(portKey(port))) ?? false
}

/** An update that leaves out allocated values keeps them; a change of type drops those it cannot have. */
const keepValues = (spec: Spec, before: Spec): void => {
  if (needsAddress(spec) && needsAddress(before) && !spec.clusterIP && !spec.clusterIPs?.length) {
    spec.clusterIP = before.clusterIP!
    spec.clusterIPs = [...(before.clusterIPs ?? [])]
  }
  if (spec.type === 'ExternalName' && before.type !== 'ExternalName')
    for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const)
      delete spec[field]
  if (!spec.ipFamilies && before.ipFamilies && spec.type !== 'ExternalName')
    spec.ipFamilies = [...before.ipFamilies]
  const free = new Map<string, number>()
  for (const port of before.ports ?? [])
    if (port.nodePort) free.set(`${port.protocol ?? 'TCP'}/${port.port}`, port.nodePort)
  const used = new Set(spec.ports?.map((port) => port.nodePort))
  for (const port of spec.ports ?? []) {
    const had = free.get(`${port.protocol ?? 'TCP'}/${port.port}`)
    if (hasNodePorts(spec)) {
      if (!port.nodePort && had && !used.has(had)) port.nodePort = had
    } else if (hasNodePorts(before) && port.nodePort === had) delete port.nodePort
  }
}

/** The fields that follow from the one IP family there is. */
const complete = (spec: Spec): void => {
  if (spec.type === 'ExternalName') return
  if (!spec.clusterIP && spec.clusterIPs?.[0]) spec.clusterIP = spec.clusterIPs[0]
  if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP]
  spec.ipFamilies ??= ['IPv4']
  spec.ipFamilyPolicy ??= 'SingleStack'
}
