/**
 * The work of one controller while it leads: changes become keys, keys become plans, plans are applied.
 *
 * Invariant: a key is never worked on twice at once, and not again before the cache has seen its last
 * writes. It knows no controller by name. Only what waits in the queue is remembered between looks.
 */
import type { KubernetesObject } from '../../api/meta.ts'
import type { Client } from '../../client/client.ts'
import { createEventRecorder, type EventRecorder } from '../../client/event-recorder.ts'
import { isFenceLost, isOutcomeUnknown } from '../../client/leadership.ts'
import type { Fence } from '../../client/storage.ts'
import type { Cache, Change } from '../../client/view.ts'
import { createWorkqueue, type Workqueue } from '../../client/workqueue.ts'
import type { Clock } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'
import { type ApplyPorts, apply, type Outcome } from './apply.ts'
import { type Controller, keysOf, kindFilter, splitKey } from './controller.ts'
import { createDeletionWatch, type DeletionWatch } from './deletion-watch.ts'
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
  const worker = new ControllerWorker(controller, ports, fence)
  worker.start()
  return worker
}

class ControllerWorker implements Worker {
  private readonly recorder: EventRecorder
  private readonly deletions: DeletionWatch
  private readonly applyPorts: ApplyPorts
  private readonly queue: Workqueue<string>
  private unsubscribe = () => {}
  private stopSource: (() => void) | undefined
  private active = 0
  private stopped = false
  private scheduled = false
  private onIdle: (() => void) | undefined

  constructor(
    private readonly controller: Controller,
    private readonly ports: WorkerPorts,
    private readonly fence?: Fence,
  ) {
    const { cache, client, clock, log } = ports
    const { component } = controller
    this.recorder = createEventRecorder({ client, clock, log, component })
    this.deletions = createDeletionWatch(cache, clock)
    this.applyPorts = {
      client,
      cache,
      recorder: this.recorder,
      deletions: this.deletions,
      limiter: createLimiter(WRITES_AT_ONCE_MAX),
      ...(fence ? { fence } : {}),
    }
    this.queue = createWorkqueue<string>(clock, () => this.schedule())
  }

  start(): void {
    const { controller } = this
    const { cache, clock, log } = this.ports
    const isWatched = kindFilter(controller)
    this.unsubscribe = cache.subscribe((change) => {
      if (isWatched(change.kind)) this.look(change)
    })
    const { add, addAfter } = this.queue
    this.stopSource = controller.source?.({ cache, clock, log, add, addAfter })
    for (const kind of cache.kinds.stored)
      if (isWatched(kind))
        for (const object of cache.list(kind))
          this.look({ type: 'ADDED', kind, object, revision: cache.revision(kind) })
  }

  async stop(): Promise<void> {
    this.stopped = true
    this.unsubscribe()
    this.stopSource?.()
    this.queue.close()
    if (this.active > 0)
      await new Promise<void>((resolve) => {
        this.onIdle = resolve
      })
    this.deletions.stop()
    await this.recorder.stop()
  }

  private look(change: Change) {
    for (const key of keysOf(this.controller, change, this.ports.cache)) this.queue.add(key)
  }

  private schedule() {
    if (this.scheduled) return
    this.scheduled = true
    queueMicrotask(() => this.pump())
  }

  private pump() {
    this.scheduled = false
    while (this.active < KEYS_AT_ONCE_MAX && !this.stopped) {
      const key = this.queue.take()
      if (key === undefined) return
      this.active++
      this.work(key).finally(() => {
        this.active--
        if (this.stopped && this.active === 0) this.onIdle?.()
        else this.pump()
      })
    }
  }

  private async work(key: string) {
    const { controller, queue } = this
    const { cache, clock, log } = this.ports
    const startedMs = clock.monotonic()
    try {
      const plan = controller.reconcile(this.subject(key), key, cache, clock.now())
      const outcome: Outcome =
        plan.commands.length > 0 || plan.reports?.length
          ? await apply(plan, this.applyPorts, queue.failures(key) > 0)
          : { result: 'done' }
      this.settle(key, plan, outcome)
    } catch (error) {
      log.error({ key, error }, 'reconcile failed')
      this.reportLeadership(error)
      queue.addRateLimited(key, controller.retryMaxMs)
    }
    const restMs = (controller.intervalMs ?? 0) - (clock.monotonic() - startedMs)
    if (restMs > 1 && !this.stopped) clock.after(restMs, () => queue.done(key))
    else queue.done(key)
  }

  private settle(key: string, plan: Plan, outcome: Outcome) {
    const { queue } = this
    if (outcome.result === 'done') {
      queue.forget(key)
      if (plan.requeueAfterMs !== undefined) queue.addAfter(key, plan.requeueAfterMs)
      return
    }
    const { error } = outcome
    this.ports.log.debug(
      { key, error: error.message, plan: plan.commands.slice(0, 5).map(showCommand) },
      'plan failed',
    )
    this.reportLeadership(error)
    if (outcome.result !== 'invalid') return queue.addRateLimited(key, this.controller.retryMaxMs)
    queue.forget(key)
    const about = this.subject(key)
    if (about && !outcome.reported)
      this.recorder.event(about, 'Warning', 'FailedReconcile', error.message)
  }

  private reportLeadership(error: unknown) {
    const { fence, ports } = this
    if (!fence) return
    if (isFenceLost(error)) ports.onFenceLost?.(fence)
    else if (isOutcomeUnknown(error)) ports.onOutcomeUnknown?.(fence)
  }

  /** The object that the key names, where the controller has one. */
  private subject(key: string): KubernetesObject | undefined {
    if (!this.controller.for) return undefined
    const { namespace, name } = splitKey(key)
    return this.ports.cache.get(this.controller.for, namespace, name)
  }
}
