/**
 * Ends one running container: preStop, then its signal, then SIGKILL, all within its grace.
 *
 * Events and the minimum after a hook are Kubernetes'. Invariant: a second, shorter kill overtakes the
 * first and runs no hook again; it resolves only when the container has exited.
 */
import { runHook } from './hooks.ts'
import { type Host, observe, targetOf } from './host.ts'
import type { PodEvent, PodMemory, TaskResult } from './pod-memory.ts'
import { allContainersOf, fieldPathOf, type PodContainer } from './pod-view.ts'
import type { KillReason, Step } from './sync-pod.ts'

export interface Killer {
  kill(step: Extract<Step, { type: 'killContainer' }>): Promise<TaskResult>
}

/** Seconds a container gets for its signal even when its hook used up the grace. */
const AFTER_HOOK_SECONDS_MIN = 2

export const createKiller = ({
  host,
  memory,
  tell,
}: {
  host: Host
  memory(): PodMemory
  tell(event: PodEvent): void
}): Killer => {
  const { runtime, recorder, clock } = host
  const begun = new Set<string>()

  const preStop = async (container: PodContainer, id: string, graceSeconds: number) => {
    const hook = container.lifecycle?.preStop
    const { pod, view } = memory()
    const current = view.containers.get(container.name)?.find((one) => one.id === id)
    if (!hook || !current) return graceSeconds
    const startedMs = clock.monotonic()
    const target = targetOf(host, view, container, current)
    const outcome = await runHook(hook, target, graceSeconds * 1000)
    if (!outcome.success)
      recorder.event(
        pod,
        'Warning',
        'FailedPreStopHook',
        'PreStopHook failed',
        fieldPathOf(pod, container.name),
      )
    const usedSeconds = Math.floor((clock.monotonic() - startedMs) / 1000)
    return Math.max(AFTER_HOOK_SECONDS_MIN, graceSeconds - usedSeconds)
  }

  return {
    kill: async ({ id, name, graceSeconds, reason }) => {
      const { pod } = memory()
      const container = allContainersOf(pod).find((one) => one.name === name)
      let left = graceSeconds
      if (!begun.has(id)) {
        begun.add(id)
        recorder.event(pod, 'Normal', 'Killing', killMessage(name, reason), fieldPathOf(pod, name))
        if (container && graceSeconds > 0) left = await preStop(container, id, graceSeconds)
      }
      await runtime.stop(id, left)
      const ended = await observe(host, pod, id)
      tell(
        ended
          ? { type: 'container.observed', container: ended }
          : { type: 'container.vanished', id },
      )
      return { type: 'done' }
    },
  }
}

const killMessage = (name: string, reason: KillReason): string =>
  reason === 'liveness' || reason === 'startup'
    ? `Container ${name} failed ${reason} probe, will be restarted`
    : reason === 'resize'
      ? `Container ${name} resize requires restart`
      : `Stopping container ${name}`
