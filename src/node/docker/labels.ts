/**
 * Names and labels of what Kubus runs on a Docker engine: Kubernetes' own (those of its Docker integration),
 * so that existing tools recognise pods, and a few of Kubus.
 *
 * Invariant: everything a restarted kubelet must know can be read back from labels. Pure; talks to no engine.
 */
import type { ContainerSpec, PodIdentity, Sandbox, SandboxSpec } from '../runtime.ts'

export const LABEL = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  container: 'io.kubernetes.container.name',
  type: 'io.kubernetes.docker.type',
  sandbox: 'io.kubernetes.sandbox.id',
  hash: 'annotation.io.kubernetes.container.hash',
  restartCount: 'annotation.io.kubernetes.container.restartCount',
  terminationPath: 'annotation.io.kubernetes.container.terminationMessagePath',
  node: 'io.kubus.node',
  cluster: 'io.kubus.cluster',
  ip: 'io.kubus.ip',
  attempt: 'io.kubus.attempt',
  /** Comma-separated namespaces a sandbox shares with the host: network, pid, ipc. */
  host: 'io.kubus.host',
  tty: 'io.kubus.tty',
  /** Host ports of a sandbox, as JSON. */
  ports: 'io.kubus.ports',
} as const

const RESERVED: ReadonlySet<string> = new Set(Object.values(LABEL))
const ANNOTATION = 'annotation.'
const SANDBOX_CONTAINER = 'POD'

export const sandboxName = ({ pod, attempt }: SandboxSpec) =>
  `k8s_${SANDBOX_CONTAINER}_${pod.name}_${pod.namespace}_${pod.uid}_${attempt}`

export const containerName = ({ pod, name, attempt }: ContainerSpec) =>
  `k8s_${name}_${pod.name}_${pod.namespace}_${pod.uid}_${attempt}`

const podLabels = (pod: PodIdentity): Record<string, string> => ({
  [LABEL.podName]: pod.name,
  [LABEL.podNamespace]: pod.namespace,
  [LABEL.podUid]: pod.uid,
  [LABEL.node]: pod.node,
  [LABEL.cluster]: pod.cluster,
})

const annotationLabels = (annotations: Record<string, string>) =>
  Object.fromEntries(Object.entries(annotations).map(([key, value]) => [ANNOTATION + key, value]))

export const sandboxLabels = (
  spec: SandboxSpec,
  ip: string | undefined,
): Record<string, string> => ({
  ...spec.labels,
  ...annotationLabels(spec.annotations),
  ...podLabels(spec.pod),
  [LABEL.container]: SANDBOX_CONTAINER,
  [LABEL.type]: 'podsandbox',
  [LABEL.attempt]: String(spec.attempt),
  [LABEL.host]: [
    ...(spec.hostNetwork ? ['network'] : []),
    ...(spec.hostPID ? ['pid'] : []),
    ...(spec.hostIPC ? ['ipc'] : []),
  ].join(','),
  ...(ip ? { [LABEL.ip]: ip, [LABEL.ports]: JSON.stringify(hostPorts(spec.ports)) } : {}),
})

const hostPorts = (ports: SandboxSpec['ports']) => ports.filter(({ hostPort }) => hostPort > 0)

export const hostPortsOf = (labels: Labels): SandboxSpec['ports'] =>
  JSON.parse(labels[LABEL.ports] ?? '[]') as SandboxSpec['ports']

export const containerLabels = (spec: ContainerSpec): Record<string, string> => ({
  ...spec.labels,
  ...annotationLabels(spec.annotations),
  ...podLabels(spec.pod),
  [LABEL.container]: spec.name,
  [LABEL.type]: 'container',
  [LABEL.sandbox]: spec.sandboxId,
  [LABEL.hash]: spec.specHash,
  [LABEL.restartCount]: String(spec.attempt),
  [LABEL.terminationPath]: spec.terminationMessagePath,
  [LABEL.attempt]: String(spec.attempt),
  [LABEL.tty]: String(spec.tty),
})

export type Labels = Readonly<Record<string, string>>

export const podOf = (labels: Labels): PodIdentity => ({
  namespace: labels[LABEL.podNamespace] ?? '',
  name: labels[LABEL.podName] ?? '',
  uid: labels[LABEL.podUid] ?? '',
  node: labels[LABEL.node] ?? '',
  cluster: labels[LABEL.cluster] ?? '',
})

export const isSandbox = (labels: Labels) => labels[LABEL.type] === 'podsandbox'

/** Undefined for a sandbox. */
export const containerOf = (labels: Labels) =>
  isSandbox(labels) ? undefined : (labels[LABEL.container] ?? '')

export const attemptOf = (labels: Labels) => Number(labels[LABEL.attempt] ?? 0)

/** A sandbox as the engine's list shows it; `createdSeconds` since the epoch. */
export const sandboxOf = (item: {
  id: string
  labels: Labels
  running: boolean
  createdSeconds: number
}): Sandbox => ({
  id: item.id,
  pod: podOf(item.labels),
  state: item.running ? 'ready' : 'notReady',
  ...(item.labels[LABEL.ip] ? { ip: item.labels[LABEL.ip] } : {}),
  createdAtMs: item.createdSeconds * 1000,
  attempt: attemptOf(item.labels),
})

/** The labels and annotations the kubelet gave, without those of this file. */
export const givenBy = (labels: Labels) => {
  const given: Record<string, string> = {}
  const annotations: Record<string, string> = {}
  for (const [key, value] of Object.entries(labels)) {
    if (RESERVED.has(key)) continue
    if (key.startsWith(ANNOTATION)) annotations[key.slice(ANNOTATION.length)] = value
    else given[key] = value
  }
  return { labels: given, annotations }
}

/** The engine's filter for everything of a cluster, or of one of its nodes. */
export const ownedBy = (cluster: string, node?: string): string[] => [
  `${LABEL.cluster}=${cluster}`,
  ...(node === undefined ? [] : [`${LABEL.node}=${node}`]),
]
