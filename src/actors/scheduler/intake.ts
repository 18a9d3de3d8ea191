/**
 * Takes in the cluster's changes: what is placed goes to the snapshot, what waits to the queue.
 *
 * Invariant: a pod that waits is in the queue exactly while the cache shows it unbound; a change wakes the waiting
 * pods that it may help, and no others as far as that can be told cheaply. It keeps up in standby too, so that a
 * take-over starts at once. It decides nothing.
 */
import { Namespace } from '../../api/core/namespace.ts'
import { Node } from '../../api/core/node.ts'
import { Pod } from '../../api/core/pod.ts'
import { Service } from '../../api/core/service.ts'
import type { Cache, Change } from '../../client/view.ts'
import type { Clock } from '../../std/clock.ts'
import type { Aspect } from './aspect.ts'
import type { NodeInfo } from './node-info.ts'
import { plugins } from './plugins/default-profile.ts'
import { createPodClasses, type PodClass, type PodClasses } from './pod-class.ts'
import { isActive, podInfo, sameForScheduling } from './pod-info.ts'
import { SchedulingQueue } from './queue.ts'
import { Snapshot } from './snapshot.ts'

const SCHEDULER_NAME = 'default-scheduler'

export interface IntakePorts {
  cache: Cache
  clock: Clock
  /** A pod is held by its scheduling gates. */
  onGated(pod: Pod): void
  /** There are pods to decide on. */
  onFilled(): void
}

export class Intake {
  readonly queue = new SchedulingQueue()
  readonly snapshot = new Snapshot((pod, node, delta) => this.classes.observe(pod, node, delta))
  readonly classes: PodClasses
  private readonly gatedPods = new Map<string, Pod>()
  private unsubscribe = () => {}
  private timer: { atMs: number; cancel: () => void } | undefined

  constructor(private readonly ports: IntakePorts) {
    this.classes = createPodClasses(plugins, () => this.snapshot, ports.cache)
  }

  /** Pods held by scheduling gates. */
  gated(): Iterable<Pod> {
    return this.gatedPods.values()
  }

  /** Reads the whole cache, then follows its changes. */
  start(): void {
    const { cache } = this.ports
    for (const node of cache.list(Node)) this.snapshot.setNode(node)
    for (const object of inOrderOfCreation(cache.list(Pod)))
      this.onPod({ type: 'ADDED', kind: Pod, object, revision: cache.revision(Pod) })
    this.unsubscribe = cache.subscribe((change) => this.onChange(change))
    this.arm()
  }

  stop(): void {
    this.unsubscribe()
    this.timer?.cancel()
  }

  /** Reports work that appeared, and comes back when waiting pods are due. */
  arm(): void {
    const { clock, onFilled } = this.ports
    if (this.queue.hasActive) onFilled()
    const atMs = this.queue.nextTickMs(clock.now())
    if (atMs === undefined || (this.timer && this.timer.atMs <= atMs)) return
    this.timer?.cancel()
    const cancel = clock.after(Math.max(0, atMs - clock.now()), () => {
      this.timer = undefined
      this.queue.tick(clock.now())
      this.arm()
    })
    this.timer = { atMs, cancel }
  }

  /** Gives the pods another try that `aspect`, of `node` where it has one, may have helped. */
  wake(aspect: Aspect, node: NodeInfo | undefined): void {
    const affected = this.classes.takeAffected()
    this.queue.wake(aspect, this.ports.clock.now(), ({ signature }) => {
      const podClass = this.classes.known(signature)
      if (!podClass || !node || affected.has(signature)) return true
      return aspect !== 'podPlaced' && !isRefused(podClass, node)
    })
  }

  private onChange(change: Change) {
    if (change.kind === Pod) this.onPod(change)
    else if (change.kind === Node) this.onNode(change)
    else if (change.kind === Service) this.classes.forget(change.object.metadata.namespace ?? '')
    else if (change.kind === Namespace) this.snapshot.invalidateTopology()
    else return
    this.arm()
  }

  private onNode(change: Change) {
    const node = change.object as Node
    const { name } = node.metadata
    if (change.type === 'DELETED') {
      this.snapshot.removeNode(name)
      return this.wake('nodeRemoved', undefined)
    }
    for (const aspect of this.snapshot.setNode(node)) this.wake(aspect, this.snapshot.node(name))
  }

  private onPod(change: Change) {
    const pod = change.object as Pod
    const { uid } = pod.metadata
    this.gatedPods.delete(uid)
    if (change.type === 'DELETED') {
      this.queue.remove(uid)
      const node = this.snapshot.removePod(uid)
      if (node) this.wake('podRemoved', node)
      return
    }
    if (pod.spec?.nodeName || !isActive(pod)) {
      this.queue.remove(uid)
      const moved = this.snapshot.setPod(pod)
      if (moved) this.wake(moved.aspect, moved.node)
      return
    }
    this.onWaitingPod(pod)
  }

  private onWaitingPod(pod: Pod) {
    const { uid } = pod.metadata
    if (pod.spec?.schedulerName !== undefined && pod.spec.schedulerName !== SCHEDULER_NAME) return
    if (pod.metadata.deletionTimestamp) return this.queue.remove(uid)
    if (pod.spec?.schedulingGates?.length) {
      this.queue.remove(uid)
      this.gatedPods.set(uid, pod)
      return this.ports.onGated(pod)
    }
    const known = this.queue.get(uid)
    // Bound already; the cache just has not shown it yet.
    if (!known && this.snapshot.isAssumed(uid)) return
    if (known && sameForScheduling(known.info.pod, pod)) known.info.pod = pod
    else this.queue.add(podInfo(pod), this.ports.clock.now())
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
