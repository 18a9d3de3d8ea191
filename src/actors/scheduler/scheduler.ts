/**
 * The scheduler: gives every pod without a node the best one.
 *
 * Reads the process's cache, decides purely (`schedule.ts`), and writes bindings through the apiserver, fenced
 * by its leadership; one scheduler leads, others stand by with everything ready. It serves pods whose
 * `schedulerName` is `default-scheduler` and behaves as kube-scheduler 1.36 with its default profile, except
 * that it takes no pods off nodes and knows no volumes.
 */
import { createActor, fromPromise } from 'xstate'
import { Pod } from '../../api/core/pod.ts'
import { createEventRecorder } from '../../client/event-recorder.ts'
import { startLeadership } from '../../client/leadership.ts'
import type { Fence } from '../../client/storage.ts'
import { sleep } from '../../std/clock.ts'
import type { CachePorts, Component } from '../component.ts'
import { createConditionWriter } from './condition-writer.ts'
import { createCycle } from './cycle.ts'
import { schedulerMachine } from './scheduler.machine.ts'

/** The parts of a scheduler that do not depend on how leaders are elected. */
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

/** Starts a scheduler that takes part in the election of `scheduler`, and serves as a micro service. */
export const startScheduler = async (ports: CachePorts): Promise<Component> => {
  const { bus, cache, client, clock, log, identity, version } = ports
  const scheduler = createScheduler(ports)
  await cache.ready
  scheduler.start()
  const leadership = await startLeadership(
    { component: 'scheduler', bus, client, clock, identity, log },
    { onLeading: (fence) => void scheduler.lead(fence), onStandby: () => scheduler.standBy() },
  )
  const registration = await bus.serve({
    name: 'scheduler',
    description: 'Gives every pod a node',
    version,
    metadata: { identity },
    endpoints: [],
  })
  return {
    ready: Promise.resolve(),
    stop: async () => {
      await registration.stop()
      await scheduler.stop()
      await leadership.stop()
    },
  }
}
