/**
 * One node's standing in the cluster: its Node object, heartbeats, lease, and whether it is ready.
 *
 *   registering → waiting for a pod CIDR → ready ⇄ not ready (the runtime does not answer)
 *
 * Invariant: at most one write of the Node is under way; a status is written when it changes and every
 * five minutes. Liveness itself rides on the bus, each second. It knows nothing of pods.
 */
import { Lease } from '../../api/coordination/lease.ts'
import { Node } from '../../api/core/node.ts'
import { StatusError } from '../../api/status-error.ts'
import { subjectsFor } from '../../bus/subjects.ts'
import { backoffMs } from '../../std/backoff.ts'
import { microTimestamp } from '../../std/clock.ts'
import type { Gate } from '../../std/gate.ts'
import type { Host } from './host.ts'
import {
  isShownReady,
  type Machine,
  type NodeDescription,
  type NotReady,
  nodeLabels,
  nodeStatus,
} from './node-object.ts'

export interface NodeAgentOptions {
  host: Host
  description: NodeDescription
  machine: Machine
  clusterCidr: string
  leasePeriodMs: number
  /** Bounds how many nodes register at a time. */
  registrations: Gate
  /** Few nodes tell of every condition, many only of readiness. */
  isTalkative: boolean
  /** Called once, when pods may be started. */
  onNetworkReady(): void
}

const HEARTBEAT_MS = 1_000
const STATUS_MS = 300_000
const LEASE_SECONDS = 40
const LEASE_NAMESPACE = 'kube-node-lease'
const RETRY = { baseMs: 200, maxMs: 10_000 }
/** Conditions that hold as long as the kubelet lives. */
const CALM_REASONS = ['NodeHasSufficientMemory', 'NodeHasNoDiskPressure', 'NodeHasSufficientPID']
const noNetwork = (why: string) =>
  `container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:${why}`

export class NodeAgent {
  /** Resolves when the Node object exists. */
  readonly registered: Promise<void>
  private readonly name: string
  /** What events of the node are about. */
  private readonly regarding: {
    apiVersion: string
    kind: string
    metadata: { name: string; uid: string }
  }
  private node: Node | undefined
  private notReady: NotReady = noNetwork('the node has no pod CIDR yet')
  private configuring = false
  private configuredCidr: string | undefined
  private posting = false
  private postAgain = false
  private failures = 0
  private stopped = false
  private readonly cancels: (() => void)[] = []

  constructor(private readonly options: NodeAgentOptions) {
    const { name } = options.description
    this.name = name
    this.regarding = { apiVersion: 'v1', kind: 'Node', metadata: { name, uid: name } }
    if (options.isTalkative) this.report('Normal', 'Starting', 'Starting kubelet.')
    this.registered = new Promise<void>((resolve) => this.registerUntilDone(resolve))
    void this.registered.then(() => this.live())
  }

  /** The node's labels as the API shows them. */
  labels(): { readonly [key: string]: string } {
    return this.node?.metadata.labels ?? this.ownLabels()
  }

  /** The newest Node object of the API, whenever it changes. */
  onNode(next: Node): void {
    this.node = next
    const cidr = next.spec?.podCIDR
    if (cidr) void this.configure(cidr)
    // Somebody else, who missed heartbeats, doubts that the node lives.
    if (this.notReady === undefined && !this.posting && !isShownReady(next)) void this.post()
  }

  /** The Node object is gone from the API. */
  onNodeDeleted(): void {
    if (!this.stopped) this.registerUntilDone(() => undefined)
  }

  stop(): void {
    this.stopped = true
    for (const cancel of this.cancels) cancel()
  }

  private ownLabels() {
    return nodeLabels(this.options.description, this.options.machine)
  }

  private report(type: 'Normal' | 'Warning', reason: string, message: string) {
    this.options.host.recorder.event(this.regarding, type, reason, message)
  }

  private retry(task: () => void) {
    this.failures++
    this.cancels.push(this.options.host.wheel.after(backoffMs(this.failures, RETRY), task))
  }

  private registerUntilDone(resolve: () => void) {
    if (this.stopped) return resolve()
    const { registrations, host } = this.options
    registrations(() => this.register()).then(resolve, (error: unknown) => {
      host.log.debug({ error, name: this.name }, 'node not registered yet')
      this.retry(() => this.registerUntilDone(resolve))
    })
  }

  private async register(): Promise<void> {
    const { name } = this
    const { description, host } = this.options
    const labels = this.ownLabels()
    let node: Node
    try {
      node = await host.client.create(Node, {
        metadata: {
          name,
          labels,
          annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
        },
        spec: description.taints?.length ? { taints: [...description.taints] } : {},
        status: this.status(undefined),
      })
    } catch (error) {
      if (!(error instanceof StatusError) || error.code !== 409) throw error
      node = await host.client.patch(Node, undefined, name, 'merge', { metadata: { labels } })
    }
    this.node = node
    this.failures = 0
    await this.post()
    this.onNode(this.node)
  }

  private status(before: Node['status']) {
    const { description, machine, host } = this.options
    return nodeStatus(description, machine, this.notReady, before, host.clock.now())
  }

  /** Writes the status, if possible at once; a change meanwhile is written right after. */
  private async post(): Promise<void> {
    if (this.stopped) return
    if (this.posting) {
      this.postAgain = true
      return
    }
    const { name } = this
    const { client, log } = this.options.host
    this.posting = true
    try {
      const body = { status: this.status(this.node?.status) }
      const options = { subresource: 'status' } as const
      this.node = await client.patch(Node, undefined, name, 'merge', body, options)
      this.failures = 0
    } catch (error) {
      log.debug({ error, name }, 'node status not written')
      if (error instanceof StatusError && error.code === 404)
        this.registerUntilDone(() => undefined)
      else this.retry(() => void this.post())
    }
    this.posting = false
    if (!this.postAgain) return
    this.postAgain = false
    await this.post()
  }

  private async configure(podCidr: string) {
    if (this.configuring || this.configuredCidr === podCidr || this.stopped) return
    const { host, clusterCidr, onNetworkReady } = this.options
    this.configuring = true
    try {
      await host.runtime.configureNetwork({ podCidr, clusterCidr })
      const isFirst = this.configuredCidr === undefined
      this.configuredCidr = podCidr
      this.notReady = undefined
      for (const warning of host.runtime.warnings()) this.report('Warning', 'HostRefuses', warning)
      await this.post()
      this.tellReady()
      if (isFirst && !this.stopped) onNetworkReady()
    } catch (error) {
      host.log.warn({ error, name: this.name }, 'pod network not configured')
      this.notReady = noNetwork(error instanceof Error ? error.message : String(error))
      await this.post()
      this.retry(() => void this.configure(podCidr))
    } finally {
      this.configuring = false
    }
  }

  private tellReady() {
    const reasons = this.options.isTalkative ? [...CALM_REASONS, 'NodeReady'] : ['NodeReady']
    for (const reason of reasons)
      this.report('Normal', reason, `Node ${this.name} status is now: ${reason}`)
  }

  /** Beats, and from time to time writes what clients of Kubernetes read. */
  private live() {
    if (this.stopped) return
    const { host, leasePeriodMs } = this.options
    const { bus, wheel } = host
    const phase = spread(this.name)
    const subject = subjectsFor(bus.prefix).nodeHeartbeat(this.name)
    const beat = { node: this.name }
    const heartbeat = () => bus.publish(subject, beat)
    heartbeat()
    this.cancels.push(
      wheel.every(HEARTBEAT_MS, phase * HEARTBEAT_MS, heartbeat),
      wheel.every(STATUS_MS, STATUS_MS * (0.5 + phase / 2), () => void this.post()),
      wheel.every(leasePeriodMs, phase * leasePeriodMs, () => void this.renewLease()),
    )
  }

  private async renewLease() {
    const { name } = this
    const { client, clock, log } = this.options.host
    const renewTime = microTimestamp(clock.now())
    try {
      await client.patch(Lease, LEASE_NAMESPACE, name, 'merge', { spec: { renewTime } })
    } catch (error) {
      const isMissing = error instanceof StatusError && error.code === 404
      if (!isMissing || !this.node || this.stopped) return
      const { uid } = this.node.metadata
      await client
        .create(Lease, {
          metadata: {
            name,
            namespace: LEASE_NAMESPACE,
            ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }],
          },
          spec: { holderIdentity: name, leaseDurationSeconds: LEASE_SECONDS, renewTime },
        })
        .catch((failure: unknown) => log.debug({ error: failure, name }, 'lease not created'))
    }
  }
}

/** A number in [0, 1) that spreads the nodes of one process over a period. */
const spread = (name: string): number => {
  let hash = 0
  for (const character of name) hash = (hash * 31 + character.charCodeAt(0)) >>> 0
  return (hash % 1000) / 1000
}
