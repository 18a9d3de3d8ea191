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
import type { Host } from './host.ts'
import {
  isShownReady,
  type Machine,
  type NodeDescription,
  type NotReady,
  nodeLabels,
  nodeStatus,
} from './node-object.ts'
import type { Turns } from './turns.ts'

export interface NodeAgent {
  /** Resolves when the Node object exists. */
  readonly registered: Promise<void>
  /** The node's labels as the API shows them. */
  labels(): { readonly [key: string]: string }
  /** The newest Node object of the API, whenever it changes. */
  onNode(node: Node): void
  /** The Node object is gone from the API. */
  onNodeDeleted(): void
  stop(): void
}

export interface NodeAgentOptions {
  host: Host
  description: NodeDescription
  machine: Machine
  clusterCidr: string
  leasePeriodMs: number
  /** Bounds how many nodes register at a time. */
  turns: Turns
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
const NO_CIDR =
  'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:the node has no pod CIDR yet'

export const createNodeAgent = (options: NodeAgentOptions): NodeAgent => {
  const { host, description, machine } = options
  const { client, bus, clock, wheel, log, recorder } = host
  const { name } = description
  const regarding = { apiVersion: 'v1', kind: 'Node', metadata: { name, uid: name } }
  let node: Node | undefined
  let notReady: NotReady = NO_CIDR
  let configuring = false
  let configuredCidr: string | undefined
  let posting = false
  let postAgain = false
  let failures = 0
  let stopped = false
  const cancels: (() => void)[] = []

  const retry = (task: () => void) => {
    failures++
    cancels.push(wheel.after(backoffMs(failures, RETRY), task))
  }

  const register = async (): Promise<void> => {
    try {
      const status = nodeStatus(description, machine, notReady, undefined, clock.now())
      node = await client.create(Node, {
        metadata: {
          name,
          labels: nodeLabels(description, machine),
          annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
        },
        spec: description.taints?.length ? { taints: [...description.taints] } : {},
        status,
      })
    } catch (error) {
      if (!(error instanceof StatusError) || error.code !== 409) throw error
      node = await client.patch(Node, undefined, name, 'merge', {
        metadata: { labels: nodeLabels(description, machine) },
      })
    }
    failures = 0
    await post()
    onNode(node)
  }

  const registerUntilDone = (resolve: () => void) => {
    if (stopped) return resolve()
    options.turns(register).then(resolve, (error: unknown) => {
      log.debug({ error, name }, 'node not registered yet')
      retry(() => registerUntilDone(resolve))
    })
  }

  /** Writes the status, if possible at once; a change meanwhile is written right after. */
  const post = async (): Promise<void> => {
    if (stopped) return
    if (posting) {
      postAgain = true
      return
    }
    posting = true
    try {
      const status = nodeStatus(description, machine, notReady, node?.status, clock.now())
      node = await client.patch(
        Node,
        undefined,
        name,
        'merge',
        { status },
        { subresource: 'status' },
      )
      failures = 0
    } catch (error) {
      log.debug({ error, name }, 'node status not written')
      if (error instanceof StatusError && error.code === 404) registerUntilDone(() => undefined)
      else retry(() => void post())
    }
    posting = false
    if (!postAgain) return
    postAgain = false
    await post()
  }

  const configure = async (podCidr: string) => {
    if (configuring || configuredCidr === podCidr || stopped) return
    configuring = true
    try {
      await host.runtime.configureNetwork({ podCidr, clusterCidr: options.clusterCidr })
      const isFirst = configuredCidr === undefined
      configuredCidr = podCidr
      notReady = undefined
      for (const warning of host.runtime.warnings())
        recorder.event(regarding, 'Warning', 'HostRefuses', warning)
      await post()
      tellReady()
      if (isFirst && !stopped) options.onNetworkReady()
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      log.warn({ error, name }, 'pod network not configured')
      notReady = `container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:${text}`
      await post()
      retry(() => void configure(podCidr))
    } finally {
      configuring = false
    }
  }

  const tellReady = () => {
    if (options.isTalkative)
      for (const reason of [
        'NodeHasSufficientMemory',
        'NodeHasNoDiskPressure',
        'NodeHasSufficientPID',
      ])
        recorder.event(regarding, 'Normal', reason, `Node ${name} status is now: ${reason}`)
    recorder.event(regarding, 'Normal', 'NodeReady', `Node ${name} status is now: NodeReady`)
  }

  const onNode = (next: Node) => {
    node = next
    const cidr = next.spec?.podCIDR
    if (cidr) void configure(cidr)
    // Somebody else, who missed heartbeats, doubts that the node lives.
    if (notReady === undefined && !posting && !isShownReady(next)) void post()
  }

  const subject = subjectsFor(bus.prefix).nodeHeartbeat(name)
  const beat = { node: name }
  const heartbeat = () => bus.publish(subject, beat)

  const renewLease = async () => {
    const renewTime = microTimestamp(clock.now())
    try {
      await client.patch(Lease, LEASE_NAMESPACE, name, 'merge', { spec: { renewTime } })
    } catch (error) {
      if (!(error instanceof StatusError) || error.code !== 404 || !node || stopped) return
      const { uid } = node.metadata
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

  if (options.isTalkative) recorder.event(regarding, 'Normal', 'Starting', 'Starting kubelet.')
  const registered = new Promise<void>((resolve) => registerUntilDone(resolve))
  registered.then(() => {
    if (stopped) return
    const phase = spread(name)
    heartbeat()
    cancels.push(
      wheel.every(HEARTBEAT_MS, phase * HEARTBEAT_MS, heartbeat),
      wheel.every(STATUS_MS, STATUS_MS * (0.5 + phase / 2), () => void post()),
      wheel.every(options.leasePeriodMs, phase * options.leasePeriodMs, () => void renewLease()),
    )
  })

  return {
    registered,
    labels: () => node?.metadata.labels ?? nodeLabels(description, machine),
    onNode,
    onNodeDeleted: () => {
      if (!stopped) registerUntilDone(() => undefined)
    },
    stop: () => {
      stopped = true
      for (const cancel of cancels) cancel()
    },
  }
}

/** A number in [0, 1) that spreads the nodes of one process over a period. */
const spread = (name: string): number => {
  let hash = 0
  for (const character of name) hash = (hash * 31 + character.charCodeAt(0)) >>> 0
  return (hash % 1000) / 1000
}
