/**
 * Starts one container: image, configuration, create, start, postStart; then has it judged by its probes.
 *
 * Reasons and events are those of Kubernetes' `startContainer`. Invariant: it gives up between two steps
 * when the pod is ending, and leaves no container behind that was created and not started.
 */
import type { Pod } from '../../api/core/pod.ts'
import type { ContainerSpec, ImageInfo, PodIdentity } from '../../node/runtime.ts'
import { type ConfigSources, environmentOf } from './environment.ts'
import { runHook } from './hooks.ts'
import { type Host, observe, targetOf } from './host.ts'
import { ensureImage, ImageError, pullCredentials } from './images.ts'
import type { PodEvent, PodMemory, TaskResult } from './pod-memory.ts'
import {
  allContainersOf,
  ephemeralContainersOf,
  fieldPathOf,
  hasExited,
  hasProbes,
  newest,
  type ObservedContainer,
  type PodContainer,
  type PodView,
} from './pod-view.ts'
import { containerMounts, factsOf, type VolumePaths } from './pod-volumes.ts'
import type { ProbeKind } from './probe-schedule.ts'
import { containerSpec } from './runtime-spec.ts'
import { environmentReferences, type References } from './volume-content.ts'

export interface StarterPorts {
  host: Host
  identity: PodIdentity
  memory(): PodMemory
  paths(): VolumePaths
  tell(event: PodEvent): void
  /** Aborts when the pod is ending. */
  signal: AbortSignal
}

const KEPT_DEAD = 1

export class Starter {
  private readonly images = new Map<string, Promise<ImageInfo>>()

  constructor(private readonly ports: StarterPorts) {}

  async start(name: string, attempt: number): Promise<TaskResult> {
    const { signal } = this.ports
    const container = this.find(name)
    let image: ImageInfo
    try {
      image = await orAborted(this.takeImage(container), signal)
    } catch (error) {
      if (signal.aborted) return { type: 'done' }
      return this.fail(
        container,
        error instanceof ImageError ? error.reason : 'ErrImagePull',
        error,
      )
    }
    let spec: ContainerSpec
    try {
      spec = await this.specOf(container, attempt, image)
    } catch (error) {
      return this.fail(container, 'CreateContainerConfigError', error)
    }
    return signal.aborted ? { type: 'done' } : this.createAndStart(container, spec)
  }

  /** Looks for the image ahead of time. */
  prefetch(name: string): void {
    if (this.images.has(name)) return
    const image = this.fetchImage(this.find(name))
    image.catch(() => undefined)
    this.images.set(name, image)
  }

  /** Sees to it that a running container is judged. */
  judge(container: PodContainer, current: ObservedContainer): void {
    const { host, memory, tell } = this.ports
    if (!hasProbes(container) || host.prober.isWatching(current.id)) return
    const { view, judgements } = memory()
    const known = judgements.get(current.id)
    host.prober.watch(current.id, {
      target: targetOf(host, view, container, current),
      startedAtMs: current.startedAtMs ?? current.createdAtMs,
      ...(known ? { known } : {}),
      onJudged: (judgement) => tell({ type: 'container.judged', id: current.id, judgement }),
      onFailure: (kind, output) => {
        const message = `${KIND_WORDS[kind]} probe failed: ${output}`
        this.report('Warning', 'Unhealthy', message, container)
      },
    })
  }

  private find(name: string): PodContainer {
    return allContainersOf(this.ports.memory().pod).find((one) => one.name === name)!
  }

  private report(
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    container: PodContainer,
  ) {
    const { pod } = this.ports.memory()
    const path = fieldPathOf(pod, container.name)
    this.ports.host.recorder.event(pod, type, reason, message, path)
  }

  private fail(container: PodContainer, reason: string, error: unknown): TaskResult {
    const message = error instanceof Error ? error.message : String(error)
    const text = error instanceof ImageError ? `Error: ${reason}` : `Error: ${message}`
    this.report('Warning', 'Failed', text, container)
    return { type: 'failed', retryKey: container.name, reason, message }
  }

  /** The image fetched ahead of time, or fetched now; once for each start. */
  private takeImage(container: PodContainer): Promise<ImageInfo> {
    const ahead = this.images.get(container.name)
    this.images.delete(container.name)
    return ahead ?? this.fetchImage(container)
  }

  private fetchImage(container: PodContainer): Promise<ImageInfo> {
    const { runtime, recorder, clock } = this.ports.host
    const { pod } = this.ports.memory()
    const secrets = (pod.spec?.imagePullSecrets ?? []).flatMap(({ name }) => (name ? [name] : []))
    const references = { configMaps: new Set<string>(), secrets: new Set(secrets) }
    return ensureImage({
      pod,
      container,
      runtime,
      recorder,
      clock,
      credentials: async () => pullCredentials(secrets, await this.load(references)),
    })
  }

  private load(references: References): Promise<ConfigSources> {
    const { host, memory } = this.ports
    return host.configs.load(memory().pod.metadata.namespace ?? '', references)
  }

  private async specOf(
    container: PodContainer,
    attempt: number,
    image: ImageInfo,
  ): Promise<ContainerSpec> {
    const { host, identity, memory, paths } = this.ports
    const { pod, view } = memory()
    const sources = await this.load(environmentReferences(pod))
    const podIP = view.sandbox?.ip ?? host.facts.hostIP
    const services = await host.services.of(pod)
    const facts = factsOf(host, podIP)
    const environment = environmentOf(pod, container, sources, facts, services)
    const mounts = await containerMounts(host, pod, container, paths(), environment)
    mounts.push({
      hostPath: await host.volumes.createTerminationLog(pod.metadata.uid, container.name, attempt),
      containerPath: container.terminationMessagePath ?? '/dev/termination-log',
      readOnly: false,
    })
    return containerSpec(pod, container, {
      identity,
      sandboxId: view.sandbox?.id ?? '',
      attempt,
      environment,
      mounts,
      image,
      nodeMemoryBytes: host.nodeMemoryBytes,
      ...targetProcesses(pod, container, view),
    })
  }

  private async createAndStart(container: PodContainer, spec: ContainerSpec): Promise<TaskResult> {
    const { host, memory, tell, signal } = this.ports
    const { runtime } = host
    let id: string
    try {
      id = await runtime.create(spec)
    } catch (error) {
      return this.fail(container, 'CreateContainerError', error)
    }
    this.report('Normal', 'Created', 'Container created', container)
    if (signal.aborted) {
      await runtime.remove(id)
      return { type: 'done' }
    }
    try {
      await runtime.start(id)
    } catch (error) {
      await this.tellObserved(id)
      return this.fail(container, 'RunContainerError', error)
    }
    this.report('Normal', 'Started', 'Container started', container)
    void this.collectDead(container.name)
    const started = await observe(host, memory().pod, id)
    if (!started) return { type: 'done' }
    if (!container.lifecycle?.postStart) return { type: 'started', container: started }
    tell({ type: 'container.observed', container: started })
    return (await this.postStart(container, started)) ?? { type: 'done' }
  }

  private async postStart(
    container: PodContainer,
    started: ObservedContainer,
  ): Promise<TaskResult | undefined> {
    const { host, memory } = this.ports
    const hook = container.lifecycle?.postStart
    if (!hook || hasExited(started)) return undefined
    const outcome = await runHook(hook, targetOf(host, memory().view, container, started))
    if (outcome.success) return undefined
    this.report('Warning', 'FailedPostStartHook', 'PostStartHook failed', container)
    const graceSeconds = memory().pod.spec?.terminationGracePeriodSeconds ?? 30
    await host.runtime.stop(started.id, graceSeconds)
    await this.tellObserved(started.id)
    return {
      type: 'failed',
      retryKey: container.name,
      reason: 'PostStartHookError',
      message: `PostStartHook failed: ${outcome.output}`,
    }
  }

  private async tellObserved(id: string) {
    const { host, memory, tell } = this.ports
    const container = await observe(host, memory().pod, id)
    if (container) tell({ type: 'container.observed', container })
  }

  /** Keeps the last dead container for `--previous`, removes older ones. */
  private async collectDead(name: string) {
    const { host, memory, tell } = this.ports
    const dead = (memory().view.containers.get(name) ?? []).filter(hasExited)
    for (const { id } of dead.slice(KEPT_DEAD)) {
      try {
        await host.runtime.remove(id)
        tell({ type: 'container.vanished', id })
      } catch (error) {
        host.log.debug({ error, id }, 'dead container not removed')
      }
    }
  }
}

/** The container whose processes a container added for debugging wants to see. */
const targetProcesses = (
  pod: Pod,
  { name }: PodContainer,
  view: PodView,
): { processesOf?: string } => {
  const target = ephemeralContainersOf(pod).find((one) => one.name === name)?.targetContainerName
  if (!target) return {}
  const running = newest(view, target)
  if (running?.state !== 'running') throw new Error(`unable to find target container ${target}`)
  return { processesOf: running.id }
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
