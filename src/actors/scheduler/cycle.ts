/**
 * The scheduling cycle: takes in the cluster's changes, decides pod after pod, binds many at once.
 *
 * Decisions are made one after the other on the snapshot, each taking the earlier ones as done, so no two
 * of them can use the same room; their bindings are written concurrently. Invariants: at most BINDINGS_MAX
 * bindings are in flight; a pod that waits is in the queue exactly while the cache shows it unbound. It keeps
 * up with changes in standby too, so that a take-over starts at once. It does not take pods off nodes.
 */
import { Namespace } from '../../api/core/namespace.ts'
import { Node } from '../../api/core/node.ts'
import { Pod } from '../../api/core/pod.ts'
import { Service } from '../../api/core/service.ts'
import { StatusError } from '../../api/status-error.ts'
import type { Client } from '../../client/client.ts'
import type { EventRecorder } from '../../client/event-recorder.ts'
import { isFenceLost } from '../../client/leadership.ts'
import type { Fence } from '../../client/storage.ts'
import type { Cache, Change } from '../../client/view.ts'
import type { Clock } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'
import type { ConditionWriter } from './condition-writer.ts'
import { explainRefusals } from './explain.ts'
import type { Aspect } from './plugin.ts'
import { plugins } from './plugins/default-profile.ts'
import { createPodClasses, type PodClass } from './pod-class.ts'
import { isActive, podInfo, sameForScheduling } from './pod-info.ts'
import { type QueuedPod, SchedulingQueue } from './queue.ts'
import { type Refusals, schedule } from './schedule.ts'
import type { Outcome } from './scheduler.machine.ts'
import { createSnapshot, type NodeInfo, type Snapshot } from './snapshot.ts'

const SCHEDULER_NAME = 'default-scheduler'
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

export interface Cycle {
  /** Reads the whole cache, then follows its changes. Call once, when the cache is ready. */
  start(): void
  /** Decides until nothing waits, the slice is used up, or too many bindings are in flight. */
  run(fence: Fence): Outcome
  readonly hasWork: boolean
  readonly hasRoom: boolean
  counts(): { active: number; backingOff: number; unschedulable: number; binding: number }
  /** Writes the condition of every pod held by scheduling gates. */
  reportGated(): void
  /** Resolves when no binding is in flight. */
  settled(): Promise<void>
  stop(): void
}

export const createCycle = (options: CycleOptions): Cycle => {
  const { cache, client, clock, log, recorder, conditions } = options
  const queue = new SchedulingQueue()
  const snapshot: Snapshot = createSnapshot((pod, node, delta) => classes.observe(pod, node, delta))
  const classes = createPodClasses(plugins, () => snapshot, cache)
  const gated = new Map<string, Pod>()
  const settledWaiters: (() => void)[] = []
  let start = 0
  let binding = 0
  let unsubscribe = () => {}
  let timer: { atMs: number; cancel: () => void } | undefined

  /** Reports work that appeared, and comes back when waiting pods are due. */
  const arm = () => {
    if (queue.hasActive) options.onFilled()
    const atMs = queue.nextTickMs(clock.now())
    if (atMs === undefined || (timer && timer.atMs <= atMs)) return
    timer?.cancel()
    const cancel = clock.after(Math.max(0, atMs - clock.now()), () => {
      timer = undefined
      queue.tick(clock.now())
      arm()
    })
    timer = { atMs, cancel }
  }

  const wake = (aspect: Aspect, node: NodeInfo | undefined) => {
    const affected = classes.takeAffected()
    queue.wake(aspect, clock.now(), ({ signature }) => {
      const podClass = classes.known(signature)
      if (!podClass || !node || affected.has(signature)) return true
      return aspect !== 'podPlaced' && !isRefused(podClass, node)
    })
  }

  const onNode = (change: Change) => {
    const node = change.object as Node
    if (change.type === 'DELETED') {
      snapshot.removeNode(node.metadata.name)
      return wake('nodeRemoved', undefined)
    }
    for (const aspect of snapshot.setNode(node)) wake(aspect, snapshot.node(node.metadata.name))
  }

  const onPod = (change: Change) => {
    const pod = change.object as Pod
    const { uid } = pod.metadata
    gated.delete(uid)
    if (change.type === 'DELETED') {
      queue.remove(uid)
      const node = snapshot.removePod(uid)
      if (node) wake('podRemoved', node)
      return
    }
    if (pod.spec?.nodeName || !isActive(pod)) {
      queue.remove(uid)
      const moved = snapshot.setPod(pod)
      if (moved) wake(moved.aspect, moved.node)
      return
    }
    onWaitingPod(pod)
  }

  const onWaitingPod = (pod: Pod) => {
    const { uid } = pod.metadata
    if (pod.spec?.schedulerName !== undefined && pod.spec.schedulerName !== SCHEDULER_NAME) return
    if (pod.metadata.deletionTimestamp) return queue.remove(uid)
    if (pod.spec?.schedulingGates?.length) {
      queue.remove(uid)
      gated.set(uid, pod)
      return reportGate(pod)
    }
    const known = queue.get(uid)
    // Bound already; the cache just has not shown it yet.
    if (!known && snapshot.isAssumed(uid)) return
    if (known && sameForScheduling(known.info.pod, pod)) known.info.pod = pod
    else queue.add(podInfo(pod), clock.now())
  }

  const reportGate = (pod: Pod) =>
    conditions.write(pod, {
      reason: 'SchedulingGated',
      message: 'Scheduling is blocked due to non-empty scheduling gates',
    })

  const onChange = (change: Change) => {
    if (change.kind === Pod) onPod(change)
    else if (change.kind === Node) onNode(change)
    else if (change.kind === Service) classes.forget(change.object.metadata.namespace ?? '')
    else if (change.kind === Namespace) snapshot.invalidateTopology()
    else return
    arm()
  }

  const decide = (entry: QueuedPod, fence: Fence) => {
    const { info } = entry
    // A binding of unknown outcome kept its room until now.
    snapshot.forget(info.uid)
    const podClass = classes.of(info)
    const { failure } = podClass
    if (failure?.generation === snapshot.generation) return refuse(entry, failure.refusals)
    const decision = schedule(podClass, snapshot, start)
    start = decision.nextStart
    if ('node' in decision) return bind(entry, decision.node.name, fence)
    podClass.failure = { generation: snapshot.generation, refusals: decision.refusals }
    refuse(entry, decision.refusals)
  }

  const refuse = (entry: QueuedPod, refusals: Refusals) => {
    const { pod } = entry.info
    const message = explainRefusals(refusals, pod.spec?.preemptionPolicy)
    queue.park(entry, helpedBy(refusals))
    recorder.event(pod, 'Warning', 'FailedScheduling', message)
    conditions.write(pod, { reason: 'Unschedulable', message })
  }

  const bind = (entry: QueuedPod, node: string, fence: Fence) => {
    const { info } = entry
    const { namespace, uid } = info
    snapshot.assume(info, node)
    binding++
    client
      .bind({ namespace, name: info.pod.metadata.name, uid }, node, { fence })
      .then(
        () => {
          queue.done(uid)
          const message = `Successfully assigned ${info.key} to ${node}`
          recorder.event(info.pod, 'Normal', 'Scheduled', message)
        },
        (error: unknown) => {
          if (isFenceLost(error)) options.onFenceLost(fence)
          onBindFailed(entry, error)
        },
      )
      .finally(() => {
        binding--
        if (binding === 0) for (const resolve of settledWaiters.splice(0)) resolve()
        options.onSettled()
      })
  }

  const onBindFailed = (entry: QueuedPod, error: unknown) => {
    const { info } = entry
    const code = error instanceof StatusError ? error.code : 500
    const isKnown = code === 404 || code === 409
    log.warn({ error, namespace: info.namespace, name: info.pod.metadata.name }, 'binding failed')
    if (code < 500) {
      const node = snapshot.forget(info.uid)
      if (node) wake('podRemoved', node)
    }
    queue.retryLater(entry, clock.now())
    if (!isKnown) {
      const message = error instanceof Error ? error.message : String(error)
      recorder.event(info.pod, 'Warning', 'FailedScheduling', message)
      conditions.write(info.pod, { reason: 'SchedulerError', message })
    }
    arm()
  }

  return {
    start: () => {
      for (const node of cache.list(Node)) snapshot.setNode(node)
      const seen = (object: Pod) =>
        onPod({ type: 'ADDED', kind: Pod, object, revision: cache.revision(Pod) })
      for (const pod of inOrderOfCreation(cache.list(Pod))) seen(pod)
      unsubscribe = cache.subscribe(onChange)
      arm()
    },
    run: (fence) => {
      const untilMs = clock.monotonic() + SLICE_MS
      while (binding < BINDINGS_MAX) {
        const entry = queue.take(clock.now())
        if (!entry) break
        decide(entry, fence)
        if (clock.monotonic() >= untilMs) return 'more'
      }
      arm()
      return queue.hasActive ? 'saturated' : 'drained'
    },
    get hasWork() {
      return queue.hasActive
    },
    get hasRoom() {
      return binding < BINDINGS_MAX
    },
    counts: () => ({ ...queue.counts(), binding }),
    reportGated: () => {
      for (const pod of gated.values()) reportGate(pod)
    },
    settled: () =>
      binding === 0 ? Promise.resolve() : new Promise((resolve) => settledWaiters.push(resolve)),
    stop: () => {
      unsubscribe()
      timer?.cancel()
    },
  }
}

/** Older pods first; the cache lists in no order. */
const inOrderOfCreation = (pods: Pod[]): Pod[] =>
  pods.sort((left, right) =>
    left.metadata.creationTimestamp < right.metadata.creationTimestamp ? -1 : 1,
  )

const isRefused = (podClass: PodClass, node: NodeInfo): boolean =>
  podClass.refusal(node) !== undefined ||
  podClass.clusterRules.some((rule) => rule.filter?.(node) !== undefined)

const aspectsByPlugin = new Map(plugins.map(({ name, helpedBy }) => [name, helpedBy]))

/** The changes that may lift one of the refusals; any new node when there is none. */
const helpedBy = ({ plugins: refusedBy }: Refusals): ReadonlySet<Aspect> => {
  const aspects = new Set<Aspect>(['nodeAdded'])
  for (const name of refusedBy)
    for (const aspect of aspectsByPlugin.get(name) ?? []) aspects.add(aspect)
  return aspects
}
