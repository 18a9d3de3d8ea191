/**
 * Writes the `PodScheduled` condition of pods that cannot be scheduled.
 *
 * Invariant: at most WRITES_MAX writes are in flight, one per pod, and the newest condition of a pod
 * replaces one that still waits, so a flood of refusals costs one write a pod. A condition the pod has already
 * is not written. Failures are not retried: the next decision writes again.
 */
import { Pod } from '../../api/core/pod.ts'
import type { Client } from '../../client/client.ts'
import type { Fence } from '../../client/storage.ts'
import { type Clock, timestamp } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'

export interface ScheduledCondition {
  reason: 'Unschedulable' | 'SchedulerError' | 'SchedulingGated'
  message: string
}

export interface ConditionWriter {
  write(pod: Pod, condition: ScheduledCondition): void
  /** Drops what still waits, e.g. when leadership is lost. */
  clear(): void
}

const WRITES_MAX = 32

export const createConditionWriter = (options: {
  client: Client
  clock: Clock
  log: Log
  /** The leader's proof; undefined: nothing may be written. */
  fence(): Fence | undefined
}): ConditionWriter => {
  const { client, clock, log } = options
  const waiting = new Map<string, { pod: Pod; condition: ScheduledCondition }>()
  let inFlight = 0

  const send = async (pod: Pod, condition: ScheduledCondition, fence: Fence) => {
    const { namespace, name } = pod.metadata
    try {
      const change = { status: { conditions: [toCondition(condition, clock.now())] } }
      const how = { subresource: 'status', fence } as const
      await client.patch(Pod, namespace, name, 'strategic', change, how)
    } catch (error) {
      log.debug({ error, namespace, name }, 'pod condition was not written')
    }
  }

  const pump = () => {
    for (const [uid, { pod, condition }] of waiting) {
      const fence = options.fence()
      if (!fence || inFlight >= WRITES_MAX) return
      waiting.delete(uid)
      inFlight++
      void send(pod, condition, fence).finally(() => {
        inFlight--
        pump()
      })
    }
  }

  return {
    write: (pod, condition) => {
      if (hasCondition(pod, condition)) waiting.delete(pod.metadata.uid)
      else waiting.set(pod.metadata.uid, { pod, condition })
      pump()
    },
    clear: () => waiting.clear(),
  }
}

const toCondition = ({ reason, message }: ScheduledCondition, nowMs: number) => ({
  type: 'PodScheduled',
  status: 'False',
  lastProbeTime: null,
  lastTransitionTime: timestamp(nowMs),
  reason,
  message,
})

const hasCondition = (pod: Pod, { reason, message }: ScheduledCondition): boolean =>
  (pod.status?.conditions ?? []).some(
    (one) =>
      one.type === 'PodScheduled' &&
      one.status === 'False' &&
      one.reason === reason &&
      one.message === message,
  )
