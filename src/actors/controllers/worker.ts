/**
 * The work of one controller while it leads: changes become keys, keys become plans, plans are applied.
 *
 * Invariant: a key is never worked on twice at once, and not again before the cache has seen its last
 * writes. It knows no controller by name. Only what waits in the queue is remembered between looks.
 */
import type { KubernetesObject } from '../../api/meta.ts'
import type { Client } from '../../client/client.ts'
import { createEventRecorder } from '../../client/event-recorder.ts'
import { isFenceLost, isOutcomeUnknown } from '../../client/leadership.ts'
import type { Fence } from '../../client/storage.ts'
import type { Cache } from '../../client/view.ts'
import { createWorkqueue } from '../../client/workqueue.ts'
import type { Clock } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'
import { type ApplyPorts, apply, type Outcome } from './apply.ts'
import { type Controller, keysOf, splitKey, watchedKinds } from './controller.ts'
import { createDeletionWatch } from './deletion-watch.ts'
import { createLimiter } from './limiter.ts'
import { type Plan, showCommand } from './plan.ts'

/** Keys worked on at a time, per controller. */
const KEYS_AT_ONCE_MAX = 64
/** Writes in flight, per controller; the store commits what waits together as one batch. */
const WRITES_AT_ONCE_MAX = 256

export interface WorkerPorts {
  client: Client
  cache: Cache
  clock: Clock
  log: Log
  /** A write was refused because somebody else leads. */
  onFenceLost?(fence: Fence): void
  /** Nobody knows whether a write happened, or the cache does not show it in time. */
  onOutcomeUnknown?(fence: Fence): void
}

export interface Worker {
  /** Takes no more keys; resolves when what is in flight has ended. */
  stop(): Promise<void>
}

export const startWorker = (controller: Controller, ports: WorkerPorts, fence?: Fence): Worker => {
  const { cache, client, clock, log } = ports
  const recorder = createEventRecorder({ client, clock, log, component: controller.component })
  const deletions = createDeletionWatch(cache, clock)
  const applyPorts: ApplyPorts = {
    client,
    cache,
    recorder,
    deletions,
    limiter: createLimiter(WRITES_AT_ONCE_MAX),
    ...(fence ? { fence } : {}),
  }
  let active = 0
  let stopped = false
  let scheduled = false
  let onIdle: (() => void) | undefined

  const queue = createWorkqueue<string>(clock, () => {
    if (scheduled) return
    scheduled = true
    queueMicrotask(pump)
  })

  const pump = () => {
    scheduled = false
    while (active < KEYS_AT_ONCE_MAX && !stopped) {
      const key = queue.take()
      if (key === undefined) return
      active++
      work(key).finally(() => {
        active--
        if (stopped && active === 0) onIdle?.()
        else pump()
      })
    }
  }

  const work = async (key: string) => {
    const startedMs = clock.monotonic()
    try {
      const plan = look(controller, key, cache, clock.now())
      const outcome: Outcome =
        plan.commands.length > 0 || plan.reports?.length
          ? await apply(plan, applyPorts, queue.failures(key) > 0)
          : { result: 'done' }
      settle(key, plan, outcome)
    } catch (error) {
      log.error({ key, error }, 'reconcile failed')
      reportLeadership(error)
      queue.addRateLimited(key)
    }
    const restMs = (controller.intervalMs ?? 0) - (clock.monotonic() - startedMs)
    if (restMs > 1 && !stopped) clock.after(restMs, () => queue.done(key))
    else queue.done(key)
  }

  const settle = (key: string, plan: Plan, outcome: Outcome) => {
    if (outcome.result === 'done') {
      queue.forget(key)
      if (plan.requeueAfterMs !== undefined) queue.addAfter(key, plan.requeueAfterMs)
      return
    }
    const { error } = outcome
    log.debug(
      { key, error: error.message, plan: plan.commands.slice(0, 5).map(showCommand) },
      'plan failed',
    )
    reportLeadership(error)
    if (outcome.result !== 'invalid') return queue.addRateLimited(key)
    queue.forget(key)
    const about = subject(controller, key, cache)
    if (about && !outcome.reported)
      recorder.event(about, 'Warning', 'FailedReconcile', error.message)
  }

  const reportLeadership = (error: unknown) => {
    if (!fence) return
    if (isFenceLost(error)) ports.onFenceLost?.(fence)
    else if (isOutcomeUnknown(error)) ports.onOutcomeUnknown?.(fence)
  }

  const kinds = watchedKinds(controller)
  const unsubscribe = cache.subscribe((change) => {
    if (!kinds.has(change.kind)) return
    for (const key of keysOf(controller, change, cache)) queue.add(key)
  })
  const { add, addAfter } = queue
  const stopSource = controller.source?.({ cache, clock, log, add, addAfter })
  for (const kind of kinds)
    for (const object of cache.list(kind))
      for (const key of keysOf(
        controller,
        { type: 'ADDED', kind, object, revision: cache.revision(kind) },
        cache,
      ))
        queue.add(key)

  return {
    stop: async () => {
      stopped = true
      unsubscribe()
      stopSource?.()
      queue.close()
      if (active > 0)
        await new Promise<void>((resolve) => {
          onIdle = resolve
        })
      deletions.stop()
      await recorder.stop()
    },
  }
}

const look = (controller: Controller, key: string, cache: Cache, now: number): Plan =>
  controller.reconcile(subject(controller, key, cache), key, cache, now)

const subject = (
  controller: Controller,
  key: string,
  cache: Cache,
): KubernetesObject | undefined => {
  if (!controller.for) return undefined
  const { namespace, name } = splitKey(key)
  return cache.get(controller.for, namespace, name)
}
