/**
 * One timer for everything that waits in a kubelet process: probes, back-offs, leases, heartbeats.
 *
 * Tasks due within the same tick run together. Invariant: the clock has at most one timer of this wheel,
 * and a cancelled task never runs. It keeps no order between tasks of one tick.
 */
import type { Clock } from '../../std/clock.ts'

const TICK_MS = 10

export interface TimerWheel {
  /** Runs `task` once at `dueMs` (the clock's time) or within a tick after it; the result cancels it. */
  at(dueMs: number, task: () => void): () => void
  after(delayMs: number, task: () => void): () => void
  /** Runs `task` every `periodMs`, first after `firstMs`. */
  every(periodMs: number, firstMs: number, task: () => void): () => void
  stop(): void
}

export const createTimerWheel = (clock: Clock): TimerWheel => {
  const slots = new Map<number, Set<() => void>>()
  const ticks: number[] = []
  let armedTick = Number.POSITIVE_INFINITY
  let disarm: (() => void) | undefined
  let stopped = false

  const arm = () => {
    const next = ticks[0]
    if (stopped || next === undefined || next >= armedTick) return
    disarm?.()
    armedTick = next
    disarm = clock.after(Math.max(0, next * TICK_MS - clock.now()), run)
  }

  const run = () => {
    armedTick = Number.POSITIVE_INFINITY
    disarm = undefined
    const nowTick = Math.floor(clock.now() / TICK_MS)
    while (ticks.length > 0 && ticks[0]! <= nowTick) {
      const tick = pop(ticks)
      const slot = slots.get(tick)
      slots.delete(tick)
      for (const task of slot ?? []) task()
    }
    arm()
  }

  const at = (dueMs: number, task: () => void) => {
    if (stopped) return () => undefined
    const tick = Math.ceil(Math.max(dueMs, clock.now()) / TICK_MS)
    let slot = slots.get(tick)
    if (!slot) {
      slot = new Set()
      slots.set(tick, slot)
      push(ticks, tick)
      arm()
    }
    const own = () => task()
    slot.add(own)
    return () => {
      slots.get(tick)?.delete(own)
    }
  }

  return {
    at,
    after: (delayMs, task) => at(clock.now() + delayMs, task),
    every: (periodMs, firstMs, task) => {
      let cancel = () => {}
      const again = () => {
        cancel = at(clock.now() + periodMs, again)
        task()
      }
      cancel = at(clock.now() + firstMs, again)
      return () => cancel()
    },
    stop: () => {
      stopped = true
      disarm?.()
      slots.clear()
      ticks.length = 0
    },
  }
}

/** A binary heap of ticks, smallest first. */
const push = (heap: number[], tick: number) => {
  let at = heap.push(tick) - 1
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (heap[parent]! <= tick) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = tick
}

const pop = (heap: number[]): number => {
  const top = heap[0]!
  const last = heap.pop()!
  if (heap.length === 0) return top
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++
    if (heap[child]! >= last) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
  return top
}
