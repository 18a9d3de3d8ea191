/**
 * Starts one container: image, configuration, create, start, postStart; then has it judged by its probes.
 *
 * Reasons and events are those of Kubernetes' `startContainer`. Invariant: it gives up between two steps
 * when the pod is ending, and leaves no container behind that was created and not started.
 */
import type { ContainerSpec, ImageInfo, PodIdentity } from '../../node/runtime.ts'
import { type ConfigSources, environmentOf } from './environment.ts'
import { runHook } from './hooks.ts'
import { type Host, observe } from './host.ts'
import { ensureImage, ImageError, pullCredentials } from './images.ts'
import type { PodEvent, PodMemory, TaskResult } from './pod-memory.ts'
import {
  allContainersOf,
  fieldPathOf,
  hasExited,
  hasProbes,
  type ObservedContainer,
  type PodContainer,
} from './pod-view.ts'
import { containerMounts, factsOf, type VolumePaths } from './pod-volumes.ts'
import type { ProbeTarget } from './probe-attempt.ts'
import type { ProbeKind } from './probe-schedule.ts'
import { containerSpec } from './runtime-spec.ts'
import { environmentReferences } from './volume-content.ts'

export interface StarterPorts {
  host: Host
  identity: PodIdentity
  memory(): PodMemory
  paths(): VolumePaths
  tell(event: PodEvent): void
  /** Aborts when the pod is ending. */
  signal: AbortSignal
}

export interface Starter {
  start(name: string, attempt: number): Promise<TaskResult>
  /** Looks for the image ahead of time. */
  prefetch(name: string): void
  /** Sees to it that a running container is judged. */
  judge(container: PodContainer, current: ObservedContainer): void
}

const KEPT_DEAD = 1

export const createStarter = (ports: StarterPorts): Starter => {
  const { host, memory, tell, signal } = ports
  const { runtime, recorder } = host
  const images = new Map<string, Promise<ImageInfo>>()

  const find = (name: string) => allContainersOf(memory().pod).find((one) => one.name === name)!

  const fetchImage = (container: PodContainer): Promise<ImageInfo> => {
    const { pod } = memory()
    const secrets = (pod.spec?.imagePullSecrets ?? []).flatMap(({ name }) => (name ? [name] : []))
    return ensureImage({
      pod,
      container,
      runtime,
      recorder,
      clock: host.clock,
      credentials: async () =>
        pullCredentials(secrets, await load({ configMaps: new Set(), secrets: new Set(secrets) })),
    })
  }

  const load = (references: Parameters<Host['configs']['load']>[1]): Promise<ConfigSources> =>
    host.configs.load(memory().pod.metadata.namespace ?? '', references)

  const specOf = async (
    container: PodContainer,
    attempt: number,
    image: ImageInfo,
  ): Promise<ContainerSpec> => {
    const { pod, view } = memory()
    const sources = await load(environmentReferences(pod))
    const podIP = view.sandbox?.ip ?? host.facts.hostIP
    const services = await host.services.of(pod)
    const facts = factsOf(host, podIP)
    const environment = environmentOf(pod, container, sources, facts, services)
    const mounts = await containerMounts(host, pod, container, ports.paths(), environment)
    mounts.push({
      hostPath: await host.volumes.createTerminationLog(pod.metadata.uid, container.name, attempt),
      containerPath: container.terminationMessagePath ?? '/dev/termination-log',
      readOnly: false,
    })
    return containerSpec(pod, container, {
      identity: ports.identity,
      sandboxId: view.sandbox?.id ?? '',
      attempt,
      environment,
      mounts,
      image,
      nodeMemoryBytes: host.nodeMemoryBytes,
    })
  }

  const fail = (container: PodContainer, reason: string, error: unknown): TaskResult => {
    const message = error instanceof Error ? error.message : String(error)
    const { pod } = memory()
    const text = error instanceof ImageError ? `Error: ${reason}` : `Error: ${message}`
    recorder.event(pod, 'Warning', 'Failed', text, fieldPathOf(pod, container.name))
    return { type: 'failed', retryKey: container.name, reason, message }
  }

  const report = async (id: string) => {
    const container = await observe(host, memory().pod, id)
    if (container) tell({ type: 'container.observed', container })
    return container
  }

  const start = async (name: string, attempt: number): Promise<TaskResult> => {
    const container = find(name)
    const path = fieldPathOf(memory().pod, name)
    let image: ImageInfo
    try {
      const ahead = images.get(name)
      images.delete(name)
      image = await orAborted(ahead ?? fetchImage(container), signal)
    } catch (error) {
      if (signal.aborted) return { type: 'done' }
      return fail(container, error instanceof ImageError ? error.reason : 'ErrImagePull', error)
    }
    let spec: ContainerSpec
    try {
      spec = await specOf(container, attempt, image)
    } catch (error) {
      return fail(container, 'CreateContainerConfigError', error)
    }
    if (signal.aborted) return { type: 'done' }
    let id: string
    try {
      id = await runtime.create(spec)
    } catch (error) {
      return fail(container, 'CreateContainerError', error)
    }
    recorder.event(memory().pod, 'Normal', 'Created', 'Container created', path)
    if (signal.aborted) {
      await runtime.remove(id)
      return { type: 'done' }
    }
    try {
      await runtime.start(id)
    } catch (error) {
      await report(id)
      return fail(container, 'RunContainerError', error)
    }
    recorder.event(memory().pod, 'Normal', 'Started', 'Container started', path)
    void collectDead(name)
    const started = await observe(host, memory().pod, id)
    if (!started) return { type: 'done' }
    if (!container.lifecycle?.postStart) return { type: 'started', container: started }
    tell({ type: 'container.observed', container: started })
    return (await postStart(container, started)) ?? { type: 'done' }
  }

  const postStart = async (
    container: PodContainer,
    started: ObservedContainer,
  ): Promise<TaskResult | undefined> => {
    const hook = container.lifecycle?.postStart
    if (!hook || hasExited(started)) return undefined
    const outcome = await runHook(hook, targetOf(container, started))
    if (outcome.success) return undefined
    const { pod } = memory()
    const path = fieldPathOf(pod, container.name)
    recorder.event(pod, 'Warning', 'FailedPostStartHook', 'PostStartHook failed', path)
    await runtime.stop(started.id, pod.spec?.terminationGracePeriodSeconds ?? 30)
    await report(started.id)
    return {
      type: 'failed',
      retryKey: container.name,
      reason: 'PostStartHookError',
      message: `PostStartHook failed: ${outcome.output}`,
    }
  }

  /** Keeps the last dead container for `--previous`, removes older ones. */
  const collectDead = async (name: string) => {
    const dead = (memory().view.containers.get(name) ?? []).filter(hasExited)
    for (const { id } of dead.slice(KEPT_DEAD)) {
      try {
        await runtime.remove(id)
        tell({ type: 'container.vanished', id })
      } catch (error) {
        host.log.debug({ error, id }, 'dead container not removed')
      }
    }
  }

  const targetOf = (container: PodContainer, current: ObservedContainer): ProbeTarget => ({
    runtime,
    containerId: current.id,
    sandboxId: current.sandboxId,
    podIP: memory().view.sandbox?.ip ?? host.facts.hostIP,
    container,
    clock: host.clock,
  })

  const judge = (container: PodContainer, current: ObservedContainer) => {
    if (!hasProbes(container) || host.prober.isWatching(current.id)) return
    const known = memory().judgements.get(current.id)
    host.prober.watch(current.id, {
      target: targetOf(container, current),
      startedAtMs: current.startedAtMs ?? current.createdAtMs,
      ...(known ? { known } : {}),
      onJudged: (judgement) => tell({ type: 'container.judged', id: current.id, judgement }),
      onFailure: (kind, output) => {
        const { pod } = memory()
        recorder.event(
          pod,
          'Warning',
          'Unhealthy',
          `${KIND_WORDS[kind]} probe failed: ${output}`,
          fieldPathOf(pod, container.name),
        )
      },
    })
  }

  return {
    start,
    judge,
    prefetch: (name) => {
      if (images.has(name)) return
      const image = fetchImage(find(name))
      image.catch(() => undefined)
      images.set(name, image)
    },
  }
}

const KIND_WORDS: Record<ProbeKind, string> = {
  startup: 'Startup',
  liveness: 'Liveness',
  readiness: 'Readiness',
}

/** `work`, or a rejection as soon as `signal` aborts; the work itself goes on unobserved. */
const orAborted = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const abort = () => reject(new Error('the pod is ending'))
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
