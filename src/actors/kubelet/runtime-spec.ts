/**
 * What the runtime is asked for: the specs of a pod's sandbox and containers. Pure.
 *
 * Invariant: everything the runtime needs is in the spec; it never looks at a Kubernetes object. Security
 * settings are merged as Kubernetes merges them: the container's win over the pod's.
 */
import { createHash } from 'node:crypto'
import type { Pod } from '../../api/core/pod.ts'
import { milliValue, value as quantityValue } from '../../api/quantity.ts'
import type {
  ContainerResources,
  ContainerSpec,
  ImageInfo,
  Mount,
  PodIdentity,
  SandboxSpec,
} from '../../node/runtime.ts'
import { ConfigError, expand } from './environment.ts'
import {
  containersOf,
  initContainersOf,
  isSidecar,
  type PodContainer,
  podLabel,
} from './pod-view.ts'

export const identityOf = (pod: Pod, node: string, cluster: string): PodIdentity => ({
  namespace: pod.metadata.namespace ?? '',
  name: pod.metadata.name,
  uid: pod.metadata.uid,
  node,
  cluster,
})

const HOSTNAME_MAX = 63

/** The pod's hostname: its own, or its name cut to what a hostname may be. */
export const hostnameOf = (pod: Pod): string =>
  pod.spec?.hostname ?? pod.metadata.name.slice(0, HOSTNAME_MAX).replace(/[-.]+$/, '')

export const sandboxSpec = (
  pod: Pod,
  identity: PodIdentity,
  attempt: number,
  clusterDomain: string,
  nodeHostname: string,
): SandboxSpec => {
  const spec = pod.spec
  const hostname = spec?.hostNetwork ? nodeHostname : hostnameOf(pod)
  return {
    pod: identity,
    hostname: spec?.setHostnameAsFQDN ? fullName(pod, hostname, clusterDomain) : hostname,
    labels: pod.metadata.labels ?? {},
    annotations: {},
    hostNetwork: spec?.hostNetwork ?? false,
    hostPID: spec?.hostPID ?? false,
    hostIPC: spec?.hostIPC ?? false,
    ...dnsOf(pod),
    hostAliases: (spec?.hostAliases ?? []).map(({ ip, hostnames }) => ({
      ip,
      hostnames: hostnames ?? [],
    })),
    sysctls: Object.fromEntries(
      (spec?.securityContext?.sysctls ?? []).map(({ name, value }) => [name, value]),
    ),
    ports: [...initContainersOf(pod).filter(isSidecar), ...containersOf(pod)].flatMap(
      ({ ports = [] }) =>
        ports.map((port) => ({
          containerPort: port.containerPort,
          hostPort: spec?.hostNetwork ? 0 : (port.hostPort ?? 0),
          protocol: (port.protocol ?? 'TCP') as 'TCP' | 'UDP' | 'SCTP',
          ...(port.hostIP ? { hostIP: port.hostIP } : {}),
        })),
    ),
    attempt,
  }
}

/** `<hostname>.<subdomain>.<namespace>.svc.<domain>`, or the hostname alone. */
const fullName = ({ metadata, spec }: Pod, hostname: string, clusterDomain: string): string =>
  spec?.subdomain
    ? `${hostname}.${spec.subdomain}.${metadata.namespace}.svc.${clusterDomain}`
    : hostname

const dnsOf = ({ spec }: Pod): Pick<SandboxSpec, 'dns'> => {
  const config = spec?.dnsConfig
  if (!config && spec?.dnsPolicy !== 'None') return {}
  return {
    dns: {
      servers: config?.nameservers ?? [],
      searches: config?.searches ?? [],
      options: (config?.options ?? []).map(({ name = '', value }) =>
        value === undefined ? name : `${name}:${value}`,
      ),
    },
  }
}

export interface ContainerFacts {
  identity: PodIdentity
  sandboxId: string
  attempt: number
  environment: ReadonlyMap<string, string>
  mounts: readonly Mount[]
  image: ImageInfo
  nodeMemoryBytes: number
  /** The container whose processes it sees. */
  processesOf?: string
}

export const containerSpec = (
  pod: Pod,
  container: PodContainer,
  facts: ContainerFacts,
): ContainerSpec => {
  const { environment, attempt, identity } = facts
  const lookup = (name: string) => environment.get(name)
  const security = securityOf(pod, container)
  verifyUser(pod, container, facts.image, security.runAsUser)
  return {
    pod: identity,
    sandboxId: facts.sandboxId,
    name: container.name,
    attempt,
    image: container.image ?? '',
    ...(container.command
      ? { command: container.command.map((text) => expand(text, lookup)) }
      : {}),
    ...(container.args ? { args: container.args.map((text) => expand(text, lookup)) } : {}),
    ...(container.workingDir ? { workingDir: container.workingDir } : {}),
    env: [...environment].map(([name, value]) => ({ name, value })),
    mounts: [...facts.mounts],
    resources: resourcesOf(container),
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    ...security,
    oomScoreAdj: oomScoreAdjOf(pod, container, facts.nodeMemoryBytes),
    ...(pod.spec?.shareProcessNamespace ? { sharePodPID: true } : {}),
    ...(facts.processesOf ? { processesOf: facts.processesOf } : {}),
    ...(isAwaited(pod, container) ? { isAwaited: true } : {}),
    terminationMessagePath: container.terminationMessagePath ?? '/dev/termination-log',
    specHash: hashOf(container),
    labels: {},
    annotations: {},
  }
}

const isAwaited = (pod: Pod, { name, restartPolicy }: PodContainer): boolean =>
  restartPolicy !== 'Always' &&
  (pod.spec?.initContainers?.some((container) => container.name === name) ?? false)

const hashes = new WeakMap<PodContainer, string>()

/** A short fingerprint of the container's spec. */
export const hashOf = (container: PodContainer): string => {
  const known = hashes.get(container)
  if (known) return known
  const hash = createHash('sha256').update(JSON.stringify(container)).digest('hex').slice(0, 8)
  hashes.set(container, hash)
  return hash
}

export const resourcesOf = ({ resources }: PodContainer): ContainerResources => {
  const { requests = {}, limits = {} } = resources ?? {}
  return {
    ...(requests['cpu'] ? { cpuRequestMillis: milliValue(requests['cpu']) } : {}),
    ...(limits['cpu'] ? { cpuLimitMillis: milliValue(limits['cpu']) } : {}),
    ...(requests['memory'] ? { memoryRequestBytes: quantityValue(requests['memory']) } : {}),
    ...(limits['memory'] ? { memoryLimitBytes: quantityValue(limits['memory']) } : {}),
  }
}

const securityOf = (pod: Pod, container: PodContainer) => {
  const ofPod = pod.spec?.securityContext
  const own = container.securityContext
  const runAsUser = own?.runAsUser ?? ofPod?.runAsUser
  const runAsGroup = own?.runAsGroup ?? ofPod?.runAsGroup
  const seccomp = own?.seccompProfile ?? ofPod?.seccompProfile
  const groups = [
    ...(ofPod?.supplementalGroups ?? []),
    ...(ofPod?.fsGroup === undefined ? [] : [ofPod.fsGroup]),
  ]
  return {
    privileged: own?.privileged ?? false,
    readOnlyRootFilesystem: own?.readOnlyRootFilesystem ?? false,
    ...(runAsUser === undefined ? {} : { runAsUser }),
    ...(runAsGroup === undefined ? {} : { runAsGroup }),
    supplementalGroups: groups,
    addCapabilities: own?.capabilities?.add ?? [],
    dropCapabilities: own?.capabilities?.drop ?? [],
    ...(own?.allowPrivilegeEscalation === undefined
      ? {}
      : { allowPrivilegeEscalation: own.allowPrivilegeEscalation }),
    ...(seccomp ? { seccompProfile: seccompOf(seccomp) } : {}),
  }
}

const seccompOf = (profile: { type: string; localhostProfile?: string }): string => {
  if (profile.type === 'RuntimeDefault') return 'runtime/default'
  return profile.type === 'Localhost' ? (profile.localhostProfile ?? '') : 'unconfined'
}

/** Throws ConfigError when the container must not run as root and would. */
const verifyUser = (
  pod: Pod,
  container: PodContainer,
  image: ImageInfo,
  runAsUser: number | undefined,
): void => {
  const nonRoot = container.securityContext?.runAsNonRoot ?? pod.spec?.securityContext?.runAsNonRoot
  if (!nonRoot) return
  const where = `(pod: "${podLabel(pod)}", container: ${container.name})`
  if (runAsUser !== undefined) {
    if (runAsUser === 0)
      throw new ConfigError(`container's runAsUser breaks non-root policy ${where}`)
    return
  }
  const user = (image.user ?? '').split(':')[0]!
  if (user === '' || user === '0' || user === 'root')
    throw new ConfigError(`container has runAsNonRoot and image will run as root ${where}`)
  if (!/^\d+$/.test(user))
    throw new ConfigError(
      `container has runAsNonRoot and image has non-numeric user (${user}), cannot verify user is non-root ${where}`,
    )
}

const GUARANTEED_OOM_SCORE = -997
const BEST_EFFORT_OOM_SCORE = 1000

/** Kubernetes' `GetContainerOOMScoreAdjust`. */
const oomScoreAdjOf = (pod: Pod, container: PodContainer, nodeMemoryBytes: number): number => {
  if (pod.status?.qosClass === 'Guaranteed') return GUARANTEED_OOM_SCORE
  if (pod.status?.qosClass === 'BestEffort') return BEST_EFFORT_OOM_SCORE
  const requested = quantityValue(container.resources?.requests?.['memory'])
  const score = 1000 - Math.floor((1000 * requested) / Math.max(1, nodeMemoryBytes))
  if (score < 1000 + GUARANTEED_OOM_SCORE) return 1000 + GUARANTEED_OOM_SCORE
  return score === BEST_EFFORT_OOM_SCORE ? score - 1 : score
}
