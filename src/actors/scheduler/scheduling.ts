/**
 * A scheduler apart from its election: the machine, the cycle, and the writers of events and conditions.
 *
 * Invariant: it writes only between `lead` and `standBy`. It does not know how leaders are chosen.
 */
import { createActor, fromPromise } from 'xstate'
import { Pod } from '../../api/core/pod.ts'
import { createEventRecorder } from '../../client/event-recorder.ts'
import type { Fence } from '../../client/storage.ts'
import type { Cache } from '../../client/view.ts'
import { sleep } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'
import type { CachePorts } from '../component.ts'
import { createConditionWriter } from './condition-writer.ts'
import { Cycle } from './cycle.ts'
import { schedulerMachine } from './scheduler.machine.ts'

export interface Scheduler {
  /** Starts following the cache; call when it is ready. */
  start(): void
  /** Becomes the leader: decides once the cache has seen all that earlier leaders wrote. */
  lead(fence: Fence): Promise<void>
  standBy(): void
  counts(): { active: number; backingOff: number; unschedulable: number; binding: number }
  /** Decides no more; resolves when no binding is in flight. */
  stop(): Promise<void>
  /** Resolves when the events reported so far are written or given up. */
  flushEvents(): Promise<void>
}

interface SchedulerPorts extends Pick<CachePorts, 'cache' | 'client' | 'clock' | 'log'> {
  /** A write was refused because somebody else leads. */
  onFenceLost(fence: Fence): void
}

export const createScheduler = (ports: SchedulerPorts): Scheduler => {
  const { cache, client, clock, log, onFenceLost } = ports
  const component = 'default-scheduler'
  const recorder = createEventRecorder({ client, clock, log, component })
  let fence: Fence | undefined
  const conditions = createConditionWriter({ client, clock, log, fence: () => fence })
  const cycle = new Cycle({
    cache,
    client,
    clock,
    log,
    recorder,
    conditions,
    onFenceLost,
    onFilled: () => {
      if (actor.getSnapshot().matches({ leading: 'idle' })) actor.send({ type: 'queue.filled' })
    },
    onSettled: () => {
      if (actor.getSnapshot().matches({ leading: 'waiting' }))
        actor.send({ type: 'binding.settled' })
    },
  })
  const decide = fromPromise(async ({ input }: { input: { fence: Fence } }) => {
    const outcome = cycle.run(input.fence)
    if (outcome === 'more') await sleep(0, clock)
    return outcome
  })
  const actor = createActor(
    schedulerMachine.provide({
      actors: { decide },
      guards: { hasWork: () => cycle.hasWork, hasRoom: () => cycle.hasRoom },
    }),
  )
  actor.subscribe({ error: (error) => log.error({ error }, 'scheduler crashed') })
  actor.start()

  const standBy = () => {
    fence = undefined
    conditions.clear()
    actor.send({ type: 'leadership.lost' })
  }

  return {
    start: () => cycle.start(),
    lead: async (gained) => {
      fence = gained
      while (!(await hasReached(cache, gained, log))) if (fence !== gained) return
      if (fence !== gained) return
      cycle.reportGated()
      actor.send({ type: 'leadership.gained', fence: gained })
    },
    standBy,
    counts: () => cycle.counts(),
    stop: async () => {
      standBy()
      actor.stop()
      cycle.stop()
      await cycle.settled()
    },
    flushEvents: () => recorder.stop(),
  }
}

/** Whether the cache holds everything written before the fence was taken; it waits for a bounded time. */
const hasReached = async (cache: Cache, fence: Fence, log: Log): Promise<boolean> => {
  try {
    await cache.reached(Pod, fence.revision)
    return true
  } catch (error) {
    log.warn({ error, revision: fence.revision }, 'the cache is behind; decisions wait for it')
    return false
  }
}
