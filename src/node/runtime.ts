/**
 * `Runtime`: the port between the kubelet and what runs containers.
 *
 * `docker/docker-runtime.ts` implements it with the Docker engine, `hollow.ts` in memory; the same test cases
 * run against both. Invariant: what the runtime lists is the truth after a kubelet restart. It knows no pods beyond the
 * labels on its sandboxes and containers, decides nothing and never restarts anything by itself.
 */
import type { Duplex } from 'node:stream'

/** Labels by which tools and a restarted kubelet recognise what is theirs; Kubernetes' own names. */
export interface PodIdentity {
  namespace: string
  name: string
  uid: string
  /** The Kubus node that owns it; several nodes may share one engine. */
  node: string
  /** The cluster's id, so that two clusters may share one engine. */
  cluster: string
}

export interface SandboxSpec {
  pod: PodIdentity
  hostname: string
  labels: Record<string, string>
  annotations: Record<string, string>
  hostNetwork: boolean
  hostPID: boolean
  hostIPC: boolean
  dns?: { servers: string[]; searches: string[]; options: string[] }
  /** Entries for /etc/hosts. */
  hostAliases: { ip: string; hostnames: string[] }[]
  sysctls: Record<string, string>
  ports: {
    containerPort: number
    hostPort: number
    protocol: 'TCP' | 'UDP' | 'SCTP'
    hostIP?: string
  }[]
  /** Counts new sandboxes of one pod, from 0. */
  attempt: number
}

export interface Sandbox {
  id: string
  pod: PodIdentity
  state: 'ready' | 'notReady'
  /** The pod's address; undefined on the host's network until known. */
  ip?: string
  createdAtMs: number
  attempt: number
}

export interface Mount {
  hostPath: string
  containerPath: string
  readOnly: boolean
  /** Kubernetes' mountPropagation None (the default), HostToContainer, Bidirectional. */
  propagation?: 'private' | 'rslave' | 'rshared'
}

export interface ContainerResources {
  cpuRequestMillis?: number
  cpuLimitMillis?: number
  memoryRequestBytes?: number
  memoryLimitBytes?: number
}

export interface ContainerSpec {
  pod: PodIdentity
  sandboxId: string
  /** The container's name in the pod. */
  name: string
  /** Restart count; part of the container's runtime name. */
  attempt: number
  image: string
  command?: string[]
  args?: string[]
  workingDir?: string
  env: { name: string; value: string }[]
  mounts: Mount[]
  resources: ContainerResources
  stdin: boolean
  stdinOnce: boolean
  tty: boolean
  privileged: boolean
  readOnlyRootFilesystem: boolean
  runAsUser?: number
  runAsGroup?: number
  supplementalGroups: number[]
  addCapabilities: string[]
  dropCapabilities: string[]
  /** False adds no_new_privs. */
  allowPrivilegeEscalation?: boolean
  /** `unconfined` (Kubernetes' default), `runtime/default` or the path of a profile on the host. */
  seccompProfile?: string
  /** Which of the pod's containers the kernel ends first; see Kubernetes' QoS classes. */
  oomScoreAdj?: number
  /** True sees the processes of the sandbox and its other containers (shareProcessNamespace). */
  sharePodPID?: boolean
  /** The id of a running container whose processes it sees, besides its own. */
  processesOf?: string
  /** The pod waits for its end: an init container that is no sidecar. */
  isAwaited?: boolean
  terminationMessagePath: string
  /** Hash of the container's spec, to notice a change. */
  specHash: string
  labels: Record<string, string>
  annotations: Record<string, string>
}

export type ContainerState = 'created' | 'running' | 'exited'

export interface Container {
  id: string
  pod: PodIdentity
  sandboxId: string
  name: string
  attempt: number
  /** As the runtime names it: the reference asked for, and the image's id. */
  image: string
  imageId: string
  state: ContainerState
  createdAtMs: number
  startedAtMs?: number
  finishedAtMs?: number
  exitCode?: number
  /** Signal that ended it, when a signal did. */
  signal?: number
  outOfMemory?: boolean
  /** The runtime's own error, e.g. why it could not start. */
  error?: string
  specHash: string
  /**
   * What it has now: the CPU request in the kernel's own steps, a memory limit of 0 where it has none. Without
   * `cpuRequestMillis` or `memoryLimitBytes` this host cannot limit CPU or memory.
   */
  resources?: ContainerResources
  labels: Record<string, string>
  annotations: Record<string, string>
}

export interface RuntimeEvent {
  type: 'created' | 'started' | 'exited' | 'removed' | 'outOfMemory'
  containerId: string
  /** Undefined for a sandbox's own event. */
  container?: string
  pod: PodIdentity
  exitCode?: number
  atMs: number
}

export interface ImageInfo {
  id: string
  names: string[]
  sizeBytes: number
  /** The image's numeric or named user, for runAsNonRoot. */
  user?: string
}

export interface RegistryCredentials {
  username?: string
  password?: string
  serverAddress?: string
  identityToken?: string
}

export interface LogQuery {
  follow: boolean
  tailLines?: number
  sinceMs?: number
  timestamps: boolean
}

export interface LogChunk {
  stream: 'stdout' | 'stderr'
  data: Uint8Array
}

export interface ProcessStreams {
  stdin?: AsyncIterable<Uint8Array>
  onStdout(data: Uint8Array): Promise<void> | void
  onStderr(data: Uint8Array): Promise<void> | void
  /** Calls back with every wanted terminal size. */
  onResize?(listener: (size: { width: number; height: number }) => void): void
}

export interface ContainerStats {
  containerId: string
  atMs: number
  cpuUsageCoreNanoSeconds: number
  memoryWorkingSetBytes: number
}

/** The host's own log files. */
export interface HostLogs {
  /** `path` beneath the folder of logs; undefined when there is no such thing. Folders end in a slash. */
  read(
    path: string,
  ): Promise<{ type: 'file'; text: string } | { type: 'folder'; names: string[] } | undefined>
}

/** What a node must know before it can give pods addresses. CIDRs are IPv4. */
export interface NetworkConfig {
  podCidr: string
  /** Addresses inside are reached without NAT. */
  clusterCidr: string
  /** Of the pods' interfaces; that of the host's way out unless given. */
  mtu?: number
}

/** An error of the runtime, classified once, here. */
export class RuntimeError extends Error {
  readonly reason:
    | 'NotFound'
    | 'ImageNotFound'
    | 'ImagePullFailed'
    | 'CreateFailed'
    | 'StartFailed'
    | 'Unavailable'
    | 'Timeout'
    | 'Unknown'
  constructor(reason: RuntimeError['reason'], message: string) {
    super(message)
    this.name = 'RuntimeError'
    this.reason = reason
  }
}

export interface ExecOptions {
  tty: boolean
  timeoutMs?: number
  signal?: AbortSignal
  /** What a volume of the pod holds at a path of the container: asked where containers have no files. */
  mountedFile?(path: string): Promise<Uint8Array | string | undefined>
}

export interface Runtime {
  /** `docker` or `hollow`; the scheme of container ids in pod status is `<name>://`. */
  readonly name: string
  /** The engine's version; throws Unavailable. */
  version(): Promise<string>
  /** What this host refuses, one sentence each, for the node's status and events. */
  warnings(): readonly string[]
  /** Must succeed once before `createSandbox`; again only when something changed. Idempotent. */
  configureNetwork(config: NetworkConfig): Promise<void>
  /** Every sandbox and container of this node and cluster. */
  list(): Promise<{ sandboxes: Sandbox[]; containers: Container[] }>
  inspect(containerId: string): Promise<Container | undefined>
  imageStatus(image: string): Promise<ImageInfo | undefined>
  /** Returns the image's id. Concurrent pulls of one image are one. */
  pull(image: string, credentials: readonly RegistryCredentials[]): Promise<ImageInfo>
  /** Creates and starts the pause container and gives it its address. */
  createSandbox(spec: SandboxSpec): Promise<Sandbox>
  /** Stops it and frees its network. Idempotent. */
  stopSandbox(id: string): Promise<void>
  removeSandbox(id: string): Promise<void>
  create(spec: ContainerSpec): Promise<string>
  start(containerId: string): Promise<void>
  /** SIGTERM (or the image's signal), then SIGKILL after the grace. Resolves when it has exited. Idempotent. */
  stop(containerId: string, graceSeconds: number): Promise<void>
  remove(containerId: string): Promise<void>
  /** Changes what a running container may use, without a new start. */
  resize(containerId: string, resources: ContainerResources): Promise<void>
  /** Resolves with the exit code. Rejects with Timeout after `timeoutMs`. */
  exec(
    containerId: string,
    command: readonly string[],
    streams: ProcessStreams,
    options: ExecOptions,
  ): Promise<number>
  attach(
    containerId: string,
    streams: ProcessStreams,
    options: { tty: boolean; signal?: AbortSignal },
  ): Promise<void>
  logs(containerId: string, query: LogQuery, signal: AbortSignal): AsyncIterable<LogChunk>
  /**
   * A connection to a port inside the sandbox's network, also to one that listens on loopback only; `podAddressOnly`
   * leaves that out, as probes must.
   */
  connect(sandboxId: string, port: number, options?: { podAddressOnly?: boolean }): Promise<Duplex>
  stats(): Promise<ContainerStats[]>
  /** Runs until `signal` aborts; reconnects by itself and calls `onGap` when events may have been missed. */
  events(onEvent: (event: RuntimeEvent) => void, onGap: () => void, signal: AbortSignal): void
}
