/**
 * The hands of one pod: carries out the steps that were decided and reports how each ended.
 *
 * Invariant: it decides nothing about what comes next; every step ends in exactly one `task.settled`, also
 * when it fails. Starts are given up as soon as the pod is ending. Its parts: `container-starter.ts` and
 * `container-killer.ts` for one container, `mounted-volumes.ts` for volumes.
 */
import { Pod } from '../../api/core/pod.ts'
import { StatusError } from '../../api/status-error.ts'
import type { PodIdentity } from '../../node/runtime.ts'
import { announce } from './announcements.ts'
import { createKiller, type Killer } from './container-killer.ts'
import { Starter } from './container-starter.ts'
import { type Host, observe } from './host.ts'
import { MountedVolumes } from './mounted-volumes.ts'
import type { Decision, Worker } from './pod.machine.ts'
import type { PodEvent, PodMemory, TaskResult } from './pod-memory.ts'
import { allContainersOf, newest, type ObservedContainer } from './pod-view.ts'
import { sizeDifference } from './resize.ts'
import { identityOf, resourcesOf, sandboxSpec } from './runtime-spec.ts'
import { keyOf, type Step } from './sync-pod.ts'

/** Shared: a reason of one's own costs every pod a stack trace. */
const ENDING = new DOMException('the pod is ending', 'AbortError')

export class PodWorker implements Worker {
  private readonly identity: PodIdentity
  private readonly ending = new AbortController()
  private readonly volumes: MountedVolumes
  private readonly starter: Starter
  private readonly killer: Killer
  private decision: Decision | undefined
  private cancelWake: (() => void) | undefined

  constructor(
    private readonly host: Host,
    first: Pod,
    private readonly tell: (event: PodEvent) => void,
  ) {
    const memory = () => this.memory()
    const { signal } = this.ending
    const onConfigChanged = () => tell({ type: 'config.changed' })
    const identity = identityOf(first, host.node, host.cluster)
    this.identity = identity
    this.volumes = new MountedVolumes({ host, memory, onConfigChanged, signal })
    const paths = () => this.volumes.paths
    this.starter = new Starter({ host, identity, memory, paths, tell, signal })
    this.killer = createKiller({ host, memory, tell })
  }

  carryOut(next: Decision): void {
    this.decision = next
    const { host, tell } = this
    const { pod, status, vanished, removed, mounted, view } = next.memory
    if (next.ending && !this.ending.signal.aborted) this.ending.abort(ENDING)
    this.cancelWake?.()
    this.cancelWake =
      next.wakeAtMs === undefined
        ? undefined
        : host.wheel.at(next.wakeAtMs, () => tell({ type: 'timer.fired' }))
    if (removed) {
      this.forgetAll(view.containers.values())
      return
    }
    announce(host.recorder, next)
    if (status && !vanished) host.statuses.offer(pod, status)
    for (const step of next.steps) void this.run(step)
    if (mounted) this.volumes.onPod(pod)
    this.judge()
  }

  /** Stops judging and following, and leaves what runs running. */
  release(): void {
    this.ending.abort(ENDING)
    this.cancelWake?.()
    this.volumes.release()
    this.host.statuses.forget(this.identity.uid)
    if (this.decision) this.forgetAll(this.decision.memory.view.containers.values())
  }

  private memory(): PodMemory {
    return this.decision!.memory
  }

  private async run(step: Step) {
    const key = keyOf(step)
    const about = step.type === 'startContainer' ? { name: step.name } : {}
    let result: TaskResult
    try {
      result = await this.perform(step)
    } catch (error) {
      const { namespace, name } = this.identity
      this.host.log.warn({ error, namespace, name, step: step.type }, 'a step of a pod failed')
      result = failure(retryKeyOf(step), textOf(error))
    }
    this.tell({ type: 'task.settled', key, ...about, result })
  }

  private perform(step: Step): Promise<TaskResult> {
    switch (step.type) {
      case 'mountVolumes':
        return this.mount()
      case 'createSandbox':
        return this.createSandbox(step)
      case 'startContainer':
        return this.starter.start(step.name, step.attempt)
      case 'killContainer':
        return this.killer.kill(step)
      case 'resizeContainer':
        return this.resize(step)
      case 'stopSandbox':
        return this.stopSandbox()
      case 'remove':
        return this.remove()
    }
  }

  private async mount(): Promise<TaskResult> {
    const { pod } = this.memory()
    try {
      await this.volumes.mount()
      return { type: 'mounted' }
    } catch (error) {
      const message = textOf(error)
      this.host.recorder.event(pod, 'Warning', 'FailedMount', message)
      return failure('volumes', message)
    }
  }

  private async createSandbox(step: Extract<Step, { type: 'createSandbox' }>): Promise<TaskResult> {
    const { runtime, recorder, clusterDomain, hostname } = this.host
    const { pod, view } = this.memory()
    for (const container of step.prefetch) this.starter.prefetch(container)
    if (view.sandbox) {
      const message = 'Pod sandbox changed, it will be killed and re-created.'
      recorder.event(pod, 'Normal', 'SandboxChanged', message)
      await runtime.stopSandbox(view.sandbox.id)
    }
    try {
      const spec = sandboxSpec(pod, this.identity, step.attempt, clusterDomain, hostname)
      const sandbox = await runtime.createSandbox(spec)
      return { type: 'sandboxCreated', sandbox }
    } catch (error) {
      const message = `Failed to create pod sandbox: ${textOf(error)}`
      recorder.event(pod, 'Warning', 'FailedCreatePodSandBox', message)
      return failure('sandbox', message)
    }
  }

  private async resize({
    id,
    name,
  }: Extract<Step, { type: 'resizeContainer' }>): Promise<TaskResult> {
    const { runtime } = this.host
    const container = allContainersOf(this.memory().pod).find((one) => one.name === name)
    if (!container) return { type: 'done' }
    try {
      await runtime.resize(id, resourcesOf(container))
    } catch (error) {
      return { type: 'notResized', retryKey: `resize/${name}`, message: textOf(error) }
    }
    const resized = await observe(this.host, this.memory().pod, id)
    if (!resized) return { type: 'done' }
    this.tell({ type: 'container.observed', container: resized })
    const left = sizeDifference(container, resized)
    if (left.length === 0) return { type: 'done' }
    const message = `the runtime did not change ${left.join(' and ')}`
    return { type: 'notResized', retryKey: `resize/${name}`, message }
  }

  private async stopSandbox(): Promise<TaskResult> {
    const { sandbox } = this.memory().view
    if (sandbox) await this.host.runtime.stopSandbox(sandbox.id)
    return { type: 'sandboxStopped' }
  }

  /** Network first, then the API (so that a successor may come), then what is left on disk. */
  private async remove(): Promise<TaskResult> {
    const { runtime, statuses, volumes } = this.host
    const { uid } = this.identity
    const { view, vanished, pod } = this.memory()
    this.volumes.release()
    const { sandbox } = view
    await Promise.all([
      vanished ? undefined : statuses.finish(uid),
      sandbox ? runtime.stopSandbox(sandbox.id) : undefined,
    ])
    if (!vanished && pod.metadata.deletionTimestamp) await this.deleteObject()
    for (const container of [...view.containers.values()].flat()) await runtime.remove(container.id)
    if (sandbox) await runtime.removeSandbox(sandbox.id)
    await volumes.removePod(uid)
    this.host.tokens.forget(uid)
    return { type: 'removed' }
  }

  private async deleteObject() {
    const { uid, namespace, name } = this.identity
    try {
      await this.host.client.delete(Pod, namespace, name, {
        gracePeriodSeconds: 0,
        preconditions: { uid },
      })
    } catch (error) {
      const isGone = error instanceof StatusError && (error.code === 404 || error.code === 409)
      if (!isGone) throw error
    }
  }

  /** Has what runs judged by its probes, and what ended no longer. */
  private judge() {
    const { prober } = this.host
    const { pod, view, busy } = this.memory()
    for (const container of allContainersOf(pod)) {
      const current = newest(view, container.name)
      if (current?.state !== 'running') continue
      if (!busy.has(`start/${container.name}`)) this.starter.judge(container, current)
    }
    for (const list of view.containers.values())
      for (const { id, state } of list)
        if (state !== 'running' && prober.isWatching(id)) prober.forget(id)
  }

  private forgetAll(containers: Iterable<readonly ObservedContainer[]>) {
    for (const list of containers) for (const { id } of list) this.host.prober.forget(id)
  }
}

const failure = (retryKey: string, message: string): TaskResult => ({
  type: 'failed',
  retryKey,
  reason: 'ContainerCreating',
  message,
})

const retryKeyOf = (step: Step): string => {
  switch (step.type) {
    case 'startContainer':
      return step.name
    case 'mountVolumes':
      return 'volumes'
    case 'killContainer':
      return `kill/${step.name}`
    case 'resizeContainer':
      return `resize/${step.name}`
    case 'remove':
      return 'remove'
    default:
      return 'sandbox'
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
