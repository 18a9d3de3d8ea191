/**
 * A scheduler apart from its election: the machine, the cycle, and the writers of events and conditions.
 *
 * Invariant: it writes only between `lead` and `standBy`. It does not know how leaders are chosen.
 */
import { createActor, fromPromise } from 'xstate'
import { Pod } from '../../api/core/pod.ts'
import { createEventRecorder } from '../../client/event-recorder.ts'
import type { Fence } from '../../client/storage.ts'
import { sleep } from '../../std/clock.ts'
import type { CachePorts } from '../component.ts'
import { createConditionWriter } from './condition-writer.ts'
import { createCycle } from './cycle.ts'
import { schedulerMachine } from './scheduler.machine.ts'

export interface Scheduler {
  /** Starts following the cache; call when it is ready. */
  start(): void
  /** Becomes the leader: decides once the cache has seen all that earlier leaders wrote. */
  lead(fence: Fence): Promise<void>
  standBy(): void
  counts(): { active: number; backingOff: number; unschedulable: number; binding: number }
  stop(): Promise<void>
}

type SchedulerPorts = Pick<CachePorts, 'cache' | 'client' | 'clock' | 'log'>

export const createScheduler = ({ cache, client, clock, log }: SchedulerPorts): Scheduler => {
  const component = 'default-scheduler'
  const recorder = createEventRecorder({ client, clock, log, component })
  let fence: Fence | undefined
  const conditions = createConditionWriter({ client, clock, log, fence: () => fence })
  const cycle = createCycle({
    cache,
    client,
    clock,
    log,
    recorder,
    conditions,
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
    start: cycle.start,
    lead: async (gained) => {
      fence = gained
      await cache.reached(Pod, gained.revision)
      if (fence !== gained) return
      cycle.reportGated()
      actor.send({ type: 'leadership.gained', fence: gained })
    },
    standBy,
    counts: cycle.counts,
    stop: async () => {
      standBy()
      actor.stop()
      cycle.stop()
      await cycle.settled()
      await recorder.stop()
    },
  }
}
