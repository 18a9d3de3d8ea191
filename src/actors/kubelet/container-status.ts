/**
 * The status of one container as Kubernetes' kubelet reports it: pure.
 *
 * Invariant: restartCount never falls, and what ended last stays readable in lastState until the next end.
 * The order of the list is the pod status's business, not this file's.
 */

import { judgementOf, type PodMemory } from './pod-memory.ts'
import {
  type ContainerState,
  type ContainerStatus,
  hasExited,
  initContainersOf,
  isEphemeral,
  isSidecar,
  newest,
  type ObservedContainer,
  type PodContainer,
  podLabel,
} from './pod-view.ts'
import { sizeDifference } from './resize.ts'
import { goSeconds } from './restart-backoff.ts'
import { stamp } from './stamp.ts'
import { isEnding, mayRestart, PULL_ERROR_SHOWN_MS, restartOf } from './sync-pod.ts'

/** What is said of a container that has not run yet and has no reason of its own. */
export type DefaultWaiting = 'ContainerCreating' | 'PodInitializing'

export const containerStatus = (
  memory: PodMemory,
  container: PodContainer,
  runtimeName: string,
  waiting: DefaultWaiting,
  now: number,
): ContainerStatus => {
  const current = newest(memory.view, container.name)
  const previous = memory.view.containers.get(container.name)?.[1]
  const isInit = initContainersOf(memory.pod).includes(container) && !isSidecar(container)
  const seen = memory.status && reported(memory, container.name)
  const { state, lastState } = statesOf(
    memory,
    container,
    { current, previous },
    waiting,
    now,
    runtimeName,
  )
  const isHelper = isEphemeral(memory.pod, container)
  const judgement = current && !isHelper ? judgementOf(memory, container, current) : undefined
  const running = state.running !== undefined
  const completed = state.terminated?.exitCode === 0
  return {
    name: container.name,
    state,
    lastState: lastState ?? seen?.lastState ?? {},
    ready: isInit ? completed : running && judgement?.ready === true,
    restartCount: current ? current.attempt : (seen?.restartCount ?? 0),
    image: current?.image ?? container.image ?? '',
    imageID: current ? imageId(current, runtimeName) : (seen?.imageID ?? ''),
    ...(current ? { containerID: `${runtimeName}://${current.id}` } : {}),
    ...(isHelper ? {} : { started: running && (isInit || judgement?.started === true) }),
    ...(running && !isHelper ? sizeOf(container, current) : {}),
    ...volumeMountsOf(container),
  }
}

const reported = ({ status }: PodMemory, name: string): ContainerStatus | undefined =>
  [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ].find((other) => other.name === name)

const imageId = (container: ObservedContainer, runtimeName: string): string =>
  container.imageId.includes('://') || container.imageId === ''
    ? container.imageId
    : `${runtimeName}://${container.imageId}`

const statesOf = (
  memory: PodMemory,
  container: PodContainer,
  seen: { current: ObservedContainer | undefined; previous: ObservedContainer | undefined },
  waiting: DefaultWaiting,
  now: number,
  runtimeName: string,
): { state: ContainerState; lastState?: ContainerState } => {
  const { current, previous } = seen
  const lastState =
    previous && hasExited(previous) ? { terminated: terminated(previous, runtimeName) } : undefined
  const held = heldBack(memory, container, current, now)
  if (!current) return { state: { waiting: held ?? { reason: waiting } } }
  if (current.state === 'running')
    return {
      state: { running: { startedAt: stamp(current.startedAtMs ?? current.createdAtMs) } },
      ...(lastState ? { lastState } : {}),
    }
  if (hasExited(current)) {
    const ended = { terminated: terminated(current, runtimeName) }
    if (held) return { state: { waiting: held }, lastState: ended }
    return { state: ended, ...(lastState ? { lastState } : {}) }
  }
  return {
    state: { waiting: held ?? { reason: waiting } },
    ...(lastState ? { lastState } : {}),
  }
}

/** Why the container does not run although it should. */
const heldBack = (
  memory: PodMemory,
  container: PodContainer,
  current: ObservedContainer | undefined,
  now: number,
): ContainerState['waiting'] | undefined => {
  if (current?.state === 'running' || isEnding(memory)) return undefined
  const retry = memory.retries.get(container.name)
  if (retry) {
    if (retry.reason !== 'ErrImagePull' || now < retry.failedAtMs + PULL_ERROR_SHOWN_MS)
      return { reason: retry.reason, message: retry.message }
    return {
      reason: 'ImagePullBackOff',
      message: `Back-off pulling image "${container.image}": ErrImagePull: ${retry.message}`,
    }
  }
  if (!current || !hasExited(current) || !mayRestart(memory, container, current)) return undefined
  if (restartOf(memory, container, current, now) <= now) return undefined
  return {
    reason: 'CrashLoopBackOff',
    message: `back-off ${backoffText(memory, container)} restarting failed container=${container.name} pod=${podLabel(memory.pod)}`,
  }
}

const backoffText = (memory: PodMemory, container: PodContainer): string =>
  goSeconds(memory.restarts.get(container.name)?.delayMs ?? 0)

const terminated = (
  container: ObservedContainer,
  runtimeName: string,
): NonNullable<ContainerState['terminated']> => {
  const message = [container.error, container.message].filter((part) => part).join(': ')
  return {
    exitCode: container.exitCode ?? (container.error === undefined ? 0 : 128),
    ...(container.signal ? { signal: container.signal } : {}),
    reason: terminationReason(container),
    ...(message ? { message } : {}),
    startedAt: stamp(container.startedAtMs ?? 0),
    finishedAt: stamp(container.finishedAtMs ?? container.createdAtMs),
    containerID: `${runtimeName}://${container.id}`,
  }
}

const terminationReason = (container: ObservedContainer): string => {
  if (container.startedAtMs === undefined) return 'ContainerCannotRun'
  if (container.outOfMemory) return 'OOMKilled'
  return container.exitCode === 0 ? 'Completed' : 'Error'
}

/** What the container was granted, and what it has. */
const sizeOf = (
  container: PodContainer,
  current: ObservedContainer | undefined,
): Pick<ContainerStatus, 'resources' | 'allocatedResources'> => {
  const { limits, requests } = container.resources ?? {}
  const changing = current ? sizeDifference(container, current) : []
  const { cpuLimitMillis, cpuRequestMillis, memoryLimitBytes } = current?.resources ?? {}
  const actualLimits: Record<string, string> = {
    ...(changing.includes('cpu') && cpuLimitMillis ? { cpu: `${cpuLimitMillis}m` } : {}),
    ...(changing.includes('memory') && memoryLimitBytes ? { memory: `${memoryLimitBytes}` } : {}),
  }
  const actualRequests: Record<string, string> =
    changing.includes('cpu') && cpuRequestMillis ? { cpu: `${cpuRequestMillis}m` } : {}
  return {
    ...(requests ? { allocatedResources: requests } : {}),
    resources: {
      ...(limits ? { limits: { ...limits, ...actualLimits } } : {}),
      ...(requests ? { requests: { ...requests, ...actualRequests } } : {}),
    },
  }
}

const volumeMountsOf = ({ volumeMounts }: PodContainer): Pick<ContainerStatus, 'volumeMounts'> =>
  volumeMounts && volumeMounts.length > 0
    ? {
        volumeMounts: volumeMounts.map(({ name, mountPath, readOnly }) => ({
          name,
          mountPath,
          ...(readOnly ? { readOnly, recursiveReadOnly: 'Disabled' } : {}),
        })),
      }
    : {}
