/**
 * The engine's description of a container as the port's `Container`. Pure.
 *
 * Invariant: a container that could not start counts as exited, with the engine's reason: the engine itself
 * leaves it in state `created`, where a kubelet would wait for it for ever.
 */
import type { ContainerInspectInfo, ImageInspectInfo } from 'dockerode'
import type { Container, ContainerResources, ContainerState, ImageInfo } from '../runtime.ts'
import { attemptOf, containerOf, givenBy, LABEL, podOf } from './labels.ts'

/** The engine writes year 1 for "never". */
const timeOf = (text: string | undefined): number | undefined => {
  const ms = Date.parse(text ?? '')
  return ms > 0 ? ms : undefined
}

const stateOf = ({ State }: ContainerInspectInfo): ContainerState => {
  if (State.Running || State.Status === 'restarting') return 'running'
  return State.Status === 'created' && State.ExitCode === 0 && !State.Error ? 'created' : 'exited'
}

/** What the engine can limit on this host. */
export interface Limits {
  cpu: boolean
  memory: boolean
}

export const containerFrom = (info: ContainerInspectInfo, limits: Limits): Container => {
  const labels = info.Config.Labels
  const state = stateOf(info)
  const createdAtMs = timeOf(info.Created) ?? 0
  const startedAtMs = timeOf(info.State.StartedAt)
  return {
    id: info.Id,
    pod: podOf(labels),
    sandboxId: labels[LABEL.sandbox] ?? '',
    name: containerOf(labels) ?? '',
    attempt: attemptOf(labels),
    image: info.Config.Image,
    imageId: info.Image,
    state,
    createdAtMs,
    ...(startedAtMs ? { startedAtMs } : {}),
    ...(state === 'exited'
      ? {
          // The engine notes a quick exit before it notes the start.
          finishedAtMs: Math.max(
            timeOf(info.State.FinishedAt) ?? createdAtMs,
            startedAtMs ?? createdAtMs,
          ),
          exitCode: info.State.ExitCode,
        }
      : {}),
    ...(info.State.OOMKilled ? { outOfMemory: true } : {}),
    ...(info.State.Error ? { error: info.State.Error } : {}),
    specHash: labels[LABEL.hash] ?? '',
    resources: resourcesFrom(info, limits),
    ...givenBy(labels),
  }
}

const SHARES_PER_CPU = 1024

/** Kubernetes' SharesToMilliCPU and QuotaToMilliCPU. */
const resourcesFrom = (
  { HostConfig }: ContainerInspectInfo,
  { cpu, memory }: Limits,
): ContainerResources => {
  const { CpuShares = 0, CpuQuota = 0, CpuPeriod = 0, Memory = 0 } = HostConfig
  return {
    ...(cpu ? { cpuRequestMillis: Math.ceil((CpuShares * 1000) / SHARES_PER_CPU) } : {}),
    ...(cpu && CpuQuota > 0 && CpuPeriod > 0
      ? { cpuLimitMillis: Math.floor((CpuQuota * 1000) / CpuPeriod) }
      : {}),
    ...(memory ? { memoryLimitBytes: Memory } : {}),
  }
}

export const imageFrom = (info: ImageInspectInfo): ImageInfo => ({
  id: info.Id,
  names: [...(info.RepoTags ?? []), ...(info.RepoDigests ?? [])],
  sizeBytes: info.Size,
  ...(info.Config?.User ? { user: info.Config.User } : {}),
})

/** An image reference with `:latest` where it names neither tag nor digest, as Kubernetes reads it. */
export const normalReference = (image: string): string => {
  const lastPart = image.slice(image.lastIndexOf('/') + 1)
  return lastPart.includes(':') || lastPart.includes('@') ? image : `${image}:latest`
}
