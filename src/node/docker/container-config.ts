/**
 * What the engine is asked for, computed from the port's specs. Pure.
 *
 * Invariant: limits, identities and defaults are those of Kubernetes' Docker integration. A sandbox has no
 * Docker network (`NetworkDisabled`): the engine's own way into a new network namespace starts one process
 * more and takes twice as long, so the namespace is made bare and `pod-network.ts` fills it.
 */
import type { ContainerCreateOptions, HostConfig, MountSettings } from 'dockerode'
import type { ContainerResources, ContainerSpec, Mount, SandboxSpec } from '../runtime.ts'
import { containerLabels, containerName, sandboxLabels, sandboxName } from './labels.ts'

const CPU_PERIOD_US = 100_000
const CPU_QUOTA_US_MIN = 1000
const CPU_SHARES_MIN = 2
const SANDBOX_OOM_SCORE_ADJ = -998
const LOG_FILE_SIZE = '10m'
const LOG_FILES = '5'

/** What this host grants; see `abilities.ts`. */
export interface Grants {
  negativeOomScore: boolean
  privileged: boolean
  /** Capabilities a container gets instead of being privileged, without `CAP_`. */
  capabilities: readonly string[]
}

/** Kubernetes' MilliCPUToShares: 1 CPU is 1024 shares. */
export const cpuShares = (millis: number) =>
  Math.max(CPU_SHARES_MIN, Math.floor((millis * 1024) / 1000))

const cpuQuota = (millis: number) =>
  Math.max(CPU_QUOTA_US_MIN, Math.floor((millis * CPU_PERIOD_US) / 1000))

/** Kubernetes: no swap (memory and swap share one limit); a limit without a request is the request. */
export const resourceConfig = (resources: ContainerResources): HostConfig => {
  const requested = resources.cpuRequestMillis ?? resources.cpuLimitMillis ?? 0
  return {
    CpuShares: cpuShares(requested),
    ...(resources.cpuLimitMillis
      ? { CpuPeriod: CPU_PERIOD_US, CpuQuota: cpuQuota(resources.cpuLimitMillis) }
      : {}),
    ...(resources.memoryLimitBytes
      ? { Memory: resources.memoryLimitBytes, MemorySwap: resources.memoryLimitBytes }
      : {}),
  }
}

export const sandboxConfig = (
  spec: SandboxSpec,
  image: string,
  ip: string | undefined,
  grants: Grants,
): ContainerCreateOptions => ({
  name: sandboxName(spec),
  Image: image,
  StopSignal: 'SIGKILL',
  Labels: sandboxLabels(spec, ip),
  ...(spec.hostNetwork ? {} : { NetworkDisabled: true, Hostname: spec.hostname }),
  HostConfig: {
    ...(spec.hostNetwork ? { NetworkMode: 'host' } : {}),
    ...(spec.hostPID ? { PidMode: 'host' } : {}),
    IpcMode: spec.hostIPC ? 'host' : 'shareable',
    CpuShares: CPU_SHARES_MIN,
    LogConfig: { Type: 'none', Config: {} },
    SecurityOpt: ['no-new-privileges', 'seccomp=unconfined'],
    ...(Object.keys(spec.sysctls).length > 0 ? { Sysctls: spec.sysctls } : {}),
    ...(grants.negativeOomScore ? { OomScoreAdj: SANDBOX_OOM_SCORE_ADJ } : {}),
  },
})

/** What a container must know of its sandbox. */
export interface SandboxFacts {
  hostPID: boolean
  hostIPC: boolean
  /** Files of the sandbox that its containers see unless they mount their own. */
  mounts: readonly Mount[]
}

const securityOptions = (spec: ContainerSpec, privileged: boolean): string[] => {
  const profile = spec.seccompProfile ?? 'unconfined'
  return [
    ...(spec.allowPrivilegeEscalation === false && !spec.privileged ? ['no-new-privileges'] : []),
    ...(privileged || profile === 'runtime/default' ? [] : [`seccomp=${profile}`]),
    ...(spec.privileged && !privileged ? ['apparmor=unconfined'] : []),
  ]
}

const userOf = ({ runAsUser, runAsGroup }: ContainerSpec) =>
  runAsUser === undefined
    ? undefined
    : runAsGroup === undefined
      ? String(runAsUser)
      : `${runAsUser}:${runAsGroup}`

const bind = (mount: Mount): MountSettings => ({
  Type: 'bind',
  Source: mount.hostPath,
  Target: mount.containerPath,
  ReadOnly: mount.readOnly,
  BindOptions: { Propagation: mount.propagation ?? 'rprivate' },
})

const pidMode = (
  { sandboxId, sharePodPID, processesOf }: ContainerSpec,
  { hostPID }: SandboxFacts,
): { PidMode?: string } => {
  if (hostPID) return { PidMode: 'host' }
  if (sharePodPID) return { PidMode: `container:${sandboxId}` }
  return processesOf ? { PidMode: `container:${processesOf}` } : {}
}

export const containerConfig = (
  spec: ContainerSpec,
  sandbox: SandboxFacts,
  grants: Grants,
): ContainerCreateOptions => {
  const ofSandbox = `container:${spec.sandboxId}`
  const privileged = spec.privileged && grants.privileged
  const own = new Set(spec.mounts.map((mount) => mount.containerPath))
  const mounts = [...spec.mounts, ...sandbox.mounts.filter((m) => !own.has(m.containerPath))]
  const user = userOf(spec)
  const capabilities =
    spec.privileged && !privileged ? [...grants.capabilities] : spec.addCapabilities
  return {
    name: containerName(spec),
    Image: spec.image,
    ...(spec.command?.length ? { Entrypoint: spec.command } : {}),
    ...(spec.args?.length ? { Cmd: spec.args } : {}),
    ...(spec.workingDir ? { WorkingDir: spec.workingDir } : {}),
    ...(user ? { User: user } : {}),
    Env: spec.env.map(({ name, value }) => `${name}=${value}`),
    Labels: containerLabels(spec),
    OpenStdin: spec.stdin,
    StdinOnce: spec.stdinOnce,
    Tty: spec.tty,
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      ...resourceConfig(spec.resources),
      NetworkMode: ofSandbox,
      IpcMode: sandbox.hostIPC ? 'host' : ofSandbox,
      ...pidMode(spec, sandbox),
      Mounts: mounts.map(bind),
      Privileged: privileged,
      ReadonlyRootfs: spec.readOnlyRootFilesystem,
      CapAdd: capabilities,
      CapDrop: spec.dropCapabilities,
      GroupAdd: spec.supplementalGroups.map(String),
      SecurityOpt: securityOptions(spec, privileged),
      LogConfig: {
        Type: 'json-file',
        Config: { 'max-size': LOG_FILE_SIZE, 'max-file': LOG_FILES },
      },
      ...(spec.oomScoreAdj !== undefined && (spec.oomScoreAdj >= 0 || grants.negativeOomScore)
        ? { OomScoreAdj: spec.oomScoreAdj }
        : {}),
    },
  }
}
