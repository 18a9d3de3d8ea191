/**
 * The Node object as the kubelet registers and reports it: pure.
 *
 * Labels, conditions, their order, reasons and messages are Kubernetes'. Invariant: a condition's
 * lastTransitionTime moves only with its status. Taints and other people's labels are never touched after
 * registration.
 */

import type { Node } from '../../api/core/node.ts'
import { timestamp } from '../../std/clock.ts'
import { KUBERNETES_VERSION } from '../../std/version.ts'

export type NodeStatus = NonNullable<Node['status']>
export type NodeCondition = NonNullable<NodeStatus['conditions']>[number]
export type Taint = NonNullable<NonNullable<Node['spec']>['taints']>[number]

export interface NodeCapacity {
  cpu: string
  memory: string
  'ephemeral-storage': string
  pods: string
}

export interface NodeDescription {
  name: string
  labels?: { readonly [key: string]: string }
  taints?: readonly Taint[]
  capacity: NodeCapacity
  addresses: { internalIP: string; hostname: string }
}

/** What the machine is. */
export interface Machine {
  operatingSystem: string
  architecture: string
  kernelVersion: string
  osImage: string
  machineID: string
  systemUUID: string
  bootID: string
  /** e.g. `docker://20.10.24`. */
  containerRuntimeVersion: string
}

/** Why the node is not ready; undefined when it is. */
export type NotReady = string | undefined

/** Go's name for an architecture. */
export const goArchitecture = (arch: string): string =>
  ({ x64: 'amd64', ia32: '386', arm64: 'arm64', arm: 'arm' })[arch] ?? arch

export const nodeLabels = (node: NodeDescription, machine: Machine): { [key: string]: string } => ({
  'beta.kubernetes.io/arch': machine.architecture,
  'beta.kubernetes.io/os': machine.operatingSystem,
  'kubernetes.io/arch': machine.architecture,
  'kubernetes.io/hostname': node.addresses.hostname,
  'kubernetes.io/os': machine.operatingSystem,
  ...node.labels,
})

export const nodeStatus = (
  node: NodeDescription,
  machine: Machine,
  notReady: NotReady,
  before: NodeStatus | undefined,
  now: number,
): NodeStatus => ({
  capacity: { ...node.capacity },
  allocatable: { ...node.capacity },
  conditions: conditionsOf(notReady, before?.conditions ?? [], now),
  addresses: [
    { type: 'InternalIP', address: node.addresses.internalIP },
    { type: 'Hostname', address: node.addresses.hostname },
  ],
  daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
  nodeInfo: {
    ...machine,
    kubeletVersion: KUBERNETES_VERSION,
    kubeProxyVersion: KUBERNETES_VERSION,
  },
})

const HEALTHY: readonly Pick<NodeCondition, 'type' | 'status' | 'reason' | 'message'>[] = [
  {
    type: 'MemoryPressure',
    status: 'False',
    reason: 'KubeletHasSufficientMemory',
    message: 'kubelet has sufficient memory available',
  },
  {
    type: 'DiskPressure',
    status: 'False',
    reason: 'KubeletHasNoDiskPressure',
    message: 'kubelet has no disk pressure',
  },
  {
    type: 'PIDPressure',
    status: 'False',
    reason: 'KubeletHasSufficientPID',
    message: 'kubelet has sufficient PID available',
  },
]

const conditionsOf = (
  notReady: NotReady,
  before: readonly NodeCondition[],
  now: number,
): NodeCondition[] => {
  const ready =
    notReady === undefined
      ? { status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
      : { status: 'False', reason: 'KubeletNotReady', message: notReady }
  const own = [...HEALTHY, { type: 'Ready', ...ready }].map((condition): NodeCondition => {
    const known = before.find(({ type }) => type === condition.type)
    return {
      type: condition.type,
      status: condition.status,
      lastHeartbeatTime: timestamp(now),
      lastTransitionTime:
        known?.status === condition.status && known.lastTransitionTime
          ? known.lastTransitionTime
          : timestamp(now),
      reason: condition.reason,
      message: condition.message,
    }
  })
  const types = new Set(own.map(({ type }) => type))
  return [...before.filter(({ type }) => !types.has(type)), ...own]
}

/** Whether the API shows the node as this kubelet last reported it. */
export const isShownReady = (node: Node): boolean =>
  node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ??
  false
