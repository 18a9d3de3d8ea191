/**
 * Lifecycle hooks of containers: postStart and preStop.
 *
 * Invariant: a hook runs at most once for its container and never longer than its time; its failure is told
 * to the caller, who decides. It shares its ways of reaching a container with the probes.
 */
import { sleep } from '../../std/clock.ts'
import type { LifecycleHandler } from './pod-view.ts'
import { attempt, type ProbeTarget } from './probe-attempt.ts'
import type { Outcome } from './probe-schedule.ts'

const HOOK_MS_MAX = 120_000

export const runHook = async (
  hook: LifecycleHandler,
  target: ProbeTarget,
  limitMs = HOOK_MS_MAX,
): Promise<Outcome> => {
  if (hook.sleep) {
    await sleep(Math.min(hook.sleep.seconds * 1000, limitMs), target.clock)
    return { success: true, output: '' }
  }
  return attempt(hook, target, limitMs)
}
