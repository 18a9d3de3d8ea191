/**
 * The hands of one pod: carries out the steps that were decided and reports how each ended.
 *
 * Invariant: it decides nothing about what comes next; every step ends in exactly one `task.settled`, also
 * when it fails. Starts are given up as soon as the pod is ending. Its parts: `container-starter.ts` and
 * `container-killer.ts` for one container, `pod-volumes.ts` for volumes.
 */
import type { Pod } from '../../api/core/pod.ts'
import { Pod as PodKind } from '../../api/core/pod.ts'
import { StatusError } from '../../api/status-error.ts'
import { announce } from './announcements.ts'
import { createKiller } from './container-killer.ts'
import { createStarter } from './container-starter.ts'
import type { Host } from './host.ts'
import type { Decision, Worker } from './pod.machine.ts'
import type { PodEvent, TaskResult } from './pod-memory.ts'
import { allContainersOf, newest, type ObservedContainer } from './pod-view.ts'
import { mountVolumes, type VolumePaths } from './pod-volumes.ts'
import { identityOf, sandboxSpec } from './runtime-spec.ts'
import { keyOf, type Step } from './sync-pod.ts'
import { hasFiles, metadataShown, volumeReferences } from './volume-content.ts'

/** `release` stops judging and following, and leaves what runs running. */
export const createPodWorker = (
  host: Host,
  first: Pod,
  tell: (event: PodEvent) => void,
): Worker => {
  const { uid, namespace = '', name } = first.metadata
  const { runtime, recorder } = host
  const identity = identityOf(first, host.node, host.cluster)
  const ending = new AbortController()
  let decision: Decision | undefined
  let paths: VolumePaths = new Map()
  let cancelWake: (() => void) | undefined
  let unfollow: (() => void) | undefined
  let refreshing = false
  /** Something changed since the files were read. */
  let isStale = false
  /** The metadata that the files show. */
  let shown = ''

  const memory = () => decision!.memory
  const starter = createStarter({
    host,
    identity,
    memory,
    paths: () => paths,
    tell,
    signal: ending.signal,
  })
  const killer = createKiller({ host, memory, tell })

  const mount = async (): Promise<TaskResult> => {
    const { pod, view } = memory()
    try {
      paths = await mountVolumes(host, pod, view.sandbox?.ip ?? '')
    } catch (error) {
      const message = textOf(error)
      recorder.event(pod, 'Warning', 'FailedMount', message)
      return { type: 'failed', retryKey: 'volumes', reason: 'ContainerCreating', message }
    }
    if (!unfollow && hasFiles(pod))
      unfollow = host.configs.follow(namespace, volumeReferences(pod), () => {
        tell({ type: 'config.changed' })
        void refresh()
      })
    shown = metadataShown(pod)
    return { type: 'mounted' }
  }

  /** Brings what changed into the files of volumes; what cannot be had stays as it was. */
  const refresh = async () => {
    isStale = true
    if (refreshing) return
    refreshing = true
    try {
      while (isStale && memory().mounted && !ending.signal.aborted) {
        isStale = false
        const { pod, view } = memory()
        await mountVolumes(host, pod, view.sandbox?.ip ?? '')
        shown = metadataShown(pod)
      }
    } catch (error) {
      host.log.debug({ error, namespace, name }, 'volumes not refreshed')
    } finally {
      refreshing = false
    }
  }

  const createSandbox = async (
    step: Extract<Step, { type: 'createSandbox' }>,
  ): Promise<TaskResult> => {
    const { pod, view } = memory()
    for (const container of step.prefetch) starter.prefetch(container)
    if (view.sandbox) {
      recorder.event(
        pod,
        'Normal',
        'SandboxChanged',
        'Pod sandbox changed, it will be killed and re-created.',
      )
      await runtime.stopSandbox(view.sandbox.id)
    }
    try {
      const spec = sandboxSpec(pod, identity, step.attempt, host.clusterDomain, host.hostname)
      const sandbox = await runtime.createSandbox(spec)
      return { type: 'sandboxCreated', sandbox }
    } catch (error) {
      const message = `Failed to create pod sandbox: ${textOf(error)}`
      recorder.event(pod, 'Warning', 'FailedCreatePodSandBox', message)
      return { type: 'failed', retryKey: 'sandbox', reason: 'ContainerCreating', message }
    }
  }

  const stopSandbox = async (): Promise<TaskResult> => {
    const { sandbox } = memory().view
    if (sandbox) await runtime.stopSandbox(sandbox.id)
    return { type: 'sandboxStopped' }
  }

  /** Network first, then the API (so that a successor may come), then what is left on disk. */
  const remove = async (): Promise<TaskResult> => {
    const { view, vanished, pod } = memory()
    unfollow?.()
    const { sandbox } = view
    await Promise.all([
      vanished ? undefined : host.statuses.flush(uid),
      sandbox ? runtime.stopSandbox(sandbox.id) : undefined,
    ])
    if (!vanished && pod.metadata.deletionTimestamp) await deleteObject()
    host.statuses.forget(uid)
    for (const container of [...view.containers.values()].flat()) await runtime.remove(container.id)
    if (sandbox) await runtime.removeSandbox(sandbox.id)
    await host.volumes.removePod(uid)
    return { type: 'removed' }
  }

  const deleteObject = async () => {
    try {
      await host.client.delete(PodKind, namespace, name, {
        gracePeriodSeconds: 0,
        preconditions: { uid },
      })
    } catch (error) {
      const isGone = error instanceof StatusError && (error.code === 404 || error.code === 409)
      if (!isGone) throw error
    }
  }

  const perform = (step: Step): Promise<TaskResult> => {
    switch (step.type) {
      case 'mountVolumes':
        return mount()
      case 'createSandbox':
        return createSandbox(step)
      case 'startContainer':
        return starter.start(step.name, step.attempt)
      case 'killContainer':
        return killer.kill(step)
      case 'stopSandbox':
        return stopSandbox()
      case 'remove':
        return remove()
    }
  }

  const run = async (step: Step) => {
    const key = keyOf(step)
    const about = step.type === 'startContainer' ? { name: step.name } : {}
    let result: TaskResult
    try {
      result = await perform(step)
    } catch (error) {
      host.log.warn({ error, namespace, name, step: step.type }, 'a step of a pod failed')
      const retryKey = retryKeyOf(step)
      result = { type: 'failed', retryKey, reason: 'ContainerCreating', message: textOf(error) }
    }
    tell({ type: 'task.settled', key, ...about, result })
  }

  const judge = () => {
    const { pod, view, busy } = memory()
    for (const container of allContainersOf(pod)) {
      const current = newest(view, container.name)
      if (current?.state !== 'running') continue
      if (!busy.has(`start/${container.name}`)) starter.judge(container, current)
    }
    for (const list of view.containers.values())
      for (const { id, state } of list)
        if (state !== 'running' && host.prober.isWatching(id)) host.prober.forget(id)
  }

  const forgetAll = (containers: Iterable<readonly ObservedContainer[]>) => {
    for (const list of containers) for (const { id } of list) host.prober.forget(id)
  }

  return {
    carryOut: (next) => {
      decision = next
      const { pod, status, vanished, removed, view } = next.memory
      if (next.ending && !ending.signal.aborted) ending.abort()
      cancelWake?.()
      cancelWake =
        next.wakeAtMs === undefined
          ? undefined
          : host.wheel.at(next.wakeAtMs, () => tell({ type: 'timer.fired' }))
      if (removed) return forgetAll(view.containers.values())
      announce(recorder, next)
      if (status && !vanished) host.statuses.offer(pod, status)
      for (const step of next.steps) void run(step)
      if (next.memory.mounted && metadataShown(pod) !== shown) void refresh()
      judge()
    },
    release: () => {
      ending.abort()
      cancelWake?.()
      unfollow?.()
      if (decision) forgetAll(decision.memory.view.containers.values())
    },
  }
}

const retryKeyOf = (step: Step): string => {
  switch (step.type) {
    case 'startContainer':
      return step.name
    case 'mountVolumes':
      return 'volumes'
    case 'killContainer':
      return `kill/${step.name}`
    case 'remove':
      return 'remove'
    default:
      return 'sandbox'
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
