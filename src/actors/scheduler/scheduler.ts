/**
 * The scheduler: gives every pod without a node the best one.
 *
 * Reads the process's cache, decides purely (`schedule.ts`), and writes bindings through the apiserver, fenced
 * by its leadership; one scheduler leads, others stand by with everything ready. It serves pods whose
 * `schedulerName` is `default-scheduler` and behaves as kube-scheduler 1.36 with its default profile, except
 * that it takes no pods off nodes and knows no volumes.
 */
import { subjectsFor } from '../../bus/subjects.ts'
import { cacheStatus } from '../../client/cache-status.ts'
import { type Leadership, startLeadership } from '../../client/leadership.ts'
import type { CachePorts, Component } from '../component.ts'
import { createScheduler } from './scheduling.ts'

/** Starts a scheduler that takes part in the election of `scheduler`, and serves as a micro service. */
export const startScheduler = async (ports: CachePorts): Promise<Component> => {
  const { bus, cache, identity, version } = ports
  let leadership: Leadership | undefined
  const scheduler = createScheduler({
    ...ports,
    onFenceLost: (fence) => leadership?.reportFenceLost(fence),
  })
  await cache.ready
  scheduler.start()
  leadership = startLeadership(
    { ...ports, component: 'scheduler' },
    { onLeading: (fence) => void scheduler.lead(fence), onStandby: () => scheduler.standBy() },
  )
  const registration = await bus.serve({
    name: 'scheduler',
    description: 'Gives every pod a node',
    version,
    metadata: { identity },
    endpoints: [
      {
        name: 'status',
        subject: subjectsFor(bus.prefix).actorStatus('scheduler'),
        queue: null,
        handle: () => ({
          identity,
          isLeading: leadership.isLeading,
          pods: scheduler.counts(),
          cache: cacheStatus(cache),
        }),
      },
    ],
  })
  return {
    ready: Promise.resolve(),
    handOver: () => leadership.stop(),
    stop: async () => {
      await leadership.stop()
      await registration.stop()
      await scheduler.stop()
      await scheduler.flushEvents()
    },
  }
}
