/**
 * `SchedulingQueue`: the pods that wait for a node, as plain data.
 *
 *   active (highest priority, then longest waiting, first) ─take→ decision
 *   decision failed → unschedulable ─something helped→ backing off (1 s … 10 s) → active
 *
 * Unschedulable pods are kept by class, with what refused them, so that an event costs work per class that it
 * may help and none per pod that it does not. Invariant: a pod is in at most one place. Times are given in,
 * never read. Limits follow kube-scheduler: back-off 1 s to 10 s, another try after 5 min whatever happens.
 */
import { assert } from '../../std/assert.ts'
import { backoffMs } from '../../std/backoff.ts'
import type { Aspect } from './aspect.ts'
import type { PodInfo } from './pod-info.ts'

export interface QueuedPod {
  info: PodInfo
  /** When it first came, ms. */
  readonly addedAtMs: number
  attempts: number
  /** When it was last decided on, ms. */
  triedAtMs: number
  where: 'active' | 'backingOff' | 'unschedulable' | 'taken'
  /** Order among equals; a pod that waited longer goes first. */
  readonly turn: number
  readyAtMs: number
}

/** Unschedulable pods of one class. */
export interface Parked {
  readonly signature: string
  readonly pods: Map<string, QueuedPod>
  /** Changes that may help, by what refused the class. */
  helpedBy: ReadonlySet<Aspect>
}

const BACKOFF = { baseMs: 1_000, maxMs: 10_000 }
const PARKED_MAX_MS = 300_000
const FLUSH_EVERY_MS = 30_000

export class SchedulingQueue {
  private readonly pods = new Map<string, QueuedPod>()
  private readonly active = new Heap<QueuedPod>(
    (left, right) => right.info.priority - left.info.priority || left.turn - right.turn,
  )
  private readonly backingOff = new Heap<QueuedPod>(
    (left, right) => left.readyAtMs - right.readyAtMs || left.turn - right.turn,
  )
  private readonly parked = new Map<string, Parked>()
  private turns = 0

  get size(): number {
    return this.pods.size
  }
  get hasActive(): boolean {
    return this.active.size > 0
  }
  counts(): { active: number; backingOff: number; unschedulable: number } {
    const backingOff = this.backingOff.size
    let unschedulable = 0
    for (const { pods } of this.parked.values()) unschedulable += pods.size
    return { active: this.active.size, backingOff, unschedulable }
  }
  get(uid: string): QueuedPod | undefined {
    return this.pods.get(uid)
  }

  /** A new pod, or a changed one: either deserves a try at once. */
  add(info: PodInfo, nowMs: number): void {
    const known = this.pods.get(info.uid)
    if (known?.where === 'taken') {
      known.info = info
      return
    }
    if (known) this.remove(info.uid)
    const entry: QueuedPod = {
      info,
      addedAtMs: known?.addedAtMs ?? nowMs,
      attempts: known?.attempts ?? 0,
      triedAtMs: known?.triedAtMs ?? 0,
      where: 'active',
      turn: known?.turn ?? this.turns++,
      readyAtMs: nowMs,
    }
    this.pods.set(info.uid, entry)
    this.active.push(entry)
  }

  remove(uid: string): void {
    const entry = this.pods.get(uid)
    if (!entry) return
    this.pods.delete(uid)
    if (entry.where === 'active') this.active.remove(entry)
    else if (entry.where === 'backingOff') this.backingOff.remove(entry)
    else if (entry.where === 'unschedulable') this.unpark(entry)
  }

  /** The next pod to decide on; it stays known until `done`, `park` or `retryLater`. */
  take(nowMs: number): QueuedPod | undefined {
    const entry = this.active.pop()
    if (!entry) return undefined
    entry.where = 'taken'
    entry.attempts++
    entry.triedAtMs = nowMs
    return entry
  }

  /** The taken pod was bound or is gone. */
  done(uid: string): void {
    const entry = this.pods.get(uid)
    if (entry?.where === 'taken') this.pods.delete(uid)
  }

  /** No node would do: it waits for a change that may help. */
  park(entry: QueuedPod, helpedBy: ReadonlySet<Aspect>): void {
    assert(entry.where === 'taken', `pod ${entry.info.key} is not being decided on`)
    if (this.pods.get(entry.info.uid) !== entry) return
    entry.where = 'unschedulable'
    const { signature } = entry.info
    const group = this.parked.get(signature) ?? { signature, pods: new Map(), helpedBy }
    group.helpedBy = helpedBy
    group.pods.set(entry.info.uid, entry)
    this.parked.set(signature, group)
  }

  /** Something outside the decision failed: another try after the back-off. */
  retryLater(entry: QueuedPod, nowMs: number): void {
    if (this.pods.get(entry.info.uid) !== entry) return
    entry.readyAtMs = nowMs + backoffMs(entry.attempts, BACKOFF)
    this.holdBack(entry)
  }

  /** Wakes the classes that `aspect` may help and `mayHelp` does not rule out. */
  wake(aspect: Aspect, nowMs: number, mayHelp: (parked: Parked) => boolean): void {
    for (const group of this.parked.values())
      if (group.helpedBy.has(aspect) && mayHelp(group))
        for (const entry of [...group.pods.values()]) this.unblock(entry, nowMs)
  }

  /** Moves what has waited long enough. */
  tick(nowMs: number): void {
    for (let next = this.backingOff.peek(); next && next.readyAtMs <= nowMs; ) {
      this.backingOff.pop()
      this.activate(next)
      next = this.backingOff.peek()
    }
    for (const { pods } of this.parked.values())
      for (const entry of [...pods.values()])
        if (entry.triedAtMs + PARKED_MAX_MS <= nowMs) this.unblock(entry, nowMs)
        else break
  }

  /** When `tick` would next have something to move, ms; at most a flush interval away. */
  nextTickMs(nowMs: number): number | undefined {
    const readyAtMs = this.backingOff.peek()?.readyAtMs
    if (this.parked.size === 0) return readyAtMs
    return Math.min(readyAtMs ?? Number.POSITIVE_INFINITY, nowMs + FLUSH_EVERY_MS)
  }

  private unblock(entry: QueuedPod, nowMs: number): void {
    this.unpark(entry)
    entry.readyAtMs = entry.triedAtMs + backoffMs(entry.attempts, BACKOFF)
    if (entry.readyAtMs <= nowMs) this.activate(entry)
    else this.holdBack(entry)
  }

  private holdBack(entry: QueuedPod): void {
    entry.where = 'backingOff'
    this.backingOff.push(entry)
  }

  private activate(entry: QueuedPod): void {
    entry.where = 'active'
    this.active.push(entry)
  }

  private unpark(entry: QueuedPod): void {
    const group = this.parked.get(entry.info.signature)
    group?.pods.delete(entry.info.uid)
    if (group?.pods.size === 0) this.parked.delete(entry.info.signature)
  }
}

/** A binary heap; `remove` is lazy, so that it costs nothing until the item surfaces. */
class Heap<Item> {
  private readonly items: Item[] = []
  private readonly removed = new Set<Item>()
  private readonly compare: (left: Item, right: Item) => number
  constructor(compare: (left: Item, right: Item) => number) {
    this.compare = compare
  }
  get size(): number {
    return this.items.length - this.removed.size
  }
  push(item: Item): void {
    assert(!this.removed.has(item), 'a removed item is pushed again')
    let index = this.items.push(item) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.isBefore(index, parent)) break
      this.swap(index, parent)
      index = parent
    }
  }
  peek(): Item | undefined {
    while (this.items[0] !== undefined && this.removed.delete(this.items[0])) this.popTop()
    return this.items[0]
  }
  pop(): Item | undefined {
    const top = this.peek()
    if (top !== undefined) this.popTop()
    return top
  }
  remove(item: Item): void {
    this.removed.add(item)
  }
  private popTop(): void {
    const last = this.items.pop()
    if (last === undefined || this.items.length === 0) return
    this.items[0] = last
    for (let index = 0; ; ) {
      const left = 2 * index + 1
      const right = left + 1
      let least = index
      if (left < this.items.length && this.isBefore(left, least)) least = left
      if (right < this.items.length && this.isBefore(right, least)) least = right
      if (least === index) return
      this.swap(index, least)
      index = least
    }
  }
  private isBefore(left: number, right: number): boolean {
    return this.compare(this.items[left] as Item, this.items[right] as Item) < 0
  }
  private swap(left: number, right: number): void {
    const item = this.items[left] as Item
    this.items[left] = this.items[right] as Item
    this.items[right] = item
  }
}
