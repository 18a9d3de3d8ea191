/**
 * The scheduling cycle: decides pod after pod, binds many at once.
 *
 * Decisions are made one after the other on the snapshot, each taking the earlier ones as done, so no two
 * of them can use the same room; their bindings are written concurrently. Invariant: at most BINDINGS_MAX
 * bindings are in flight. It does not take pods off nodes.
 */
import type { Pod } from '../../api/core/pod.ts'
import { StatusError } from '../../api/status-error.ts'
import type { Client } from '../../client/client.ts'
import type { EventRecorder } from '../../client/event-recorder.ts'
import { isFenceLost } from '../../client/leadership.ts'
import type { Fence } from '../../client/storage.ts'
import type { Cache } from '../../client/view.ts'
import type { Clock } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'
import type { Aspect } from './aspect.ts'
import type { ConditionWriter } from './condition-writer.ts'
import { explainRefusals } from './explain.ts'
import { Intake } from './intake.ts'
import type { Refusals } from './plugin.ts'
import { plugins } from './plugins/default-profile.ts'
import type { QueuedPod } from './queue.ts'
import { schedule } from './schedule.ts'
import type { Outcome } from './scheduler.machine.ts'

const BINDINGS_MAX = 256
/** After this long the process's other work has its turn. */
const SLICE_MS = 8

export interface CycleOptions {
  cache: Cache
  client: Client
  clock: Clock
  log: Log
  recorder: EventRecorder
  conditions: ConditionWriter
  /** There are pods to decide on. */
  onFilled(): void
  /** A binding ended, well or not. */
  onSettled(): void
  /** A write was refused because somebody else leads. */
  onFenceLost(fence: Fence): void
}

export class Cycle {
  private readonly intake: Intake
  private readonly settledWaiters: (() => void)[] = []
  /** Where in the order of nodes the next decision begins. */
  private next = 0
  private binding = 0

  constructor(private readonly options: CycleOptions) {
    const { cache, clock, onFilled } = options
    this.intake = new Intake({ cache, clock, onFilled, onGated: (pod) => this.reportGate(pod) })
  }

  /** Reads the whole cache, then follows its changes. Call once, when the cache is ready. */
  start(): void {
    this.intake.start()
  }

  stop(): void {
    this.intake.stop()
  }

  /** Decides until nothing waits, the slice is used up, or too many bindings are in flight. */
  run(fence: Fence): Outcome {
    const { clock } = this.options
    const { queue } = this.intake
    const untilMs = clock.monotonic() + SLICE_MS
    while (this.hasRoom) {
      const entry = queue.take(clock.now())
      if (!entry) break
      this.decide(entry, fence)
      if (clock.monotonic() >= untilMs) return 'more'
    }
    this.intake.arm()
    return queue.hasActive ? 'saturated' : 'drained'
  }

  get hasWork(): boolean {
    return this.intake.queue.hasActive
  }
  get hasRoom(): boolean {
    return this.binding < BINDINGS_MAX
  }
  counts(): { active: number; backingOff: number; unschedulable: number; binding: number } {
    return { ...this.intake.queue.counts(), binding: this.binding }
  }

  /** Writes the condition of every pod held by scheduling gates. */
  reportGated(): void {
    for (const pod of this.intake.gated()) this.reportGate(pod)
  }

  /** Resolves when no binding is in flight. */
  settled(): Promise<void> {
    if (this.binding === 0) return Promise.resolve()
    return new Promise((resolve) => this.settledWaiters.push(resolve))
  }

  private reportGate(pod: Pod) {
    this.options.conditions.write(pod, {
      reason: 'SchedulingGated',
      message: 'Scheduling is blocked due to non-empty scheduling gates',
    })
  }

  private decide(entry: QueuedPod, fence: Fence) {
    const { info } = entry
    const { snapshot, classes } = this.intake
    // A binding of unknown outcome kept its room until now.
    snapshot.forget(info.uid)
    const podClass = classes.of(info)
    const { failure } = podClass
    if (failure?.generation === snapshot.generation) return this.refuse(entry, failure.refusals)
    const decision = schedule(podClass, snapshot, this.next)
    this.next = decision.nextStart
    if ('node' in decision) return this.bind(entry, decision.node.name, fence)
    podClass.failure = { generation: snapshot.generation, refusals: decision.refusals }
    this.refuse(entry, decision.refusals)
  }

  private refuse(entry: QueuedPod, refusals: Refusals) {
    const { recorder, conditions } = this.options
    const { pod } = entry.info
    const message = explainRefusals(refusals, pod.spec?.preemptionPolicy)
    this.intake.queue.park(entry, helpedBy(refusals))
    recorder.event(pod, 'Warning', 'FailedScheduling', message)
    conditions.write(pod, { reason: 'Unschedulable', message })
  }

  private bind(entry: QueuedPod, node: string, fence: Fence) {
    const { client, recorder, onFenceLost, onSettled } = this.options
    const { info } = entry
    const { namespace, uid } = info
    this.intake.snapshot.assume(info, node)
    this.binding++
    client
      .bind({ namespace, name: info.pod.metadata.name, uid }, node, { fence })
      .then(
        () => {
          this.intake.queue.done(uid)
          const message = `Successfully assigned ${info.key} to ${node}`
          recorder.event(info.pod, 'Normal', 'Scheduled', message)
        },
        (error: unknown) => {
          if (isFenceLost(error)) onFenceLost(fence)
          this.onBindFailed(entry, error)
        },
      )
      .finally(() => {
        this.binding--
        if (this.binding === 0) for (const resolve of this.settledWaiters.splice(0)) resolve()
        onSettled()
      })
  }

  private onBindFailed(entry: QueuedPod, error: unknown) {
    const { clock, log, recorder, conditions } = this.options
    const { intake } = this
    const { info } = entry
    const code = error instanceof StatusError ? error.code : 500
    const isKnown = code === 404 || code === 409
    log.warn({ error, namespace: info.namespace, name: info.pod.metadata.name }, 'binding failed')
    if (code < 500) {
      const node = intake.snapshot.forget(info.uid)
      if (node) intake.wake('podRemoved', node)
    }
    intake.queue.retryLater(entry, clock.now())
    if (!isKnown) {
      const message = error instanceof Error ? error.message : String(error)
      recorder.event(info.pod, 'Warning', 'FailedScheduling', message)
      conditions.write(info.pod, { reason: 'SchedulerError', message })
    }
    intake.arm()
  }
}

const aspectsByPlugin = new Map(plugins.map(({ name, helpedBy }) => [name, helpedBy]))

/** The changes that may lift one of the refusals; any new node when there is none. */
const helpedBy = ({ plugins: refusedBy }: Refusals): ReadonlySet<Aspect> => {
  const aspects = new Set<Aspect>(['nodeAdded'])
  for (const name of refusedBy)
    for (const aspect of aspectsByPlugin.get(name) ?? []) aspects.add(aspect)
  return aspects
}
