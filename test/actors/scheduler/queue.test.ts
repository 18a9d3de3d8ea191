/** The scheduling queue: order, back-off, waking by class. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Aspect } from '../../../src/actors/scheduler/aspect.ts'
import { podInfo } from '../../../src/actors/scheduler/pod-info.ts'
import { SchedulingQueue } from '../../../src/actors/scheduler/queue.ts'
import { type PodBuilder, pod } from '../../support/build.ts'

const aspects = (...list: Aspect[]) => new Set<Aspect>(list)
const filled = (...pods: PodBuilder[]) => {
  const queue = new SchedulingQueue()
  for (const one of pods) queue.add(podInfo(one.object), 0)
  return queue
}
const take = (queue: SchedulingQueue, nowMs = 0) => {
  const entry = queue.take(nowMs)
  if (!entry) throw new Error('nothing to take')
  return entry
}
const drain = (queue: SchedulingQueue, nowMs = 0) => {
  const names: string[] = []
  for (let entry = queue.take(nowMs); entry; entry = queue.take(nowMs))
    names.push(entry.info.pod.metadata.name)
  return names.join(' ')
}

test('priority first, then arrival', () => {
  const queue = filled(pod('a'), pod('b').priority(5), pod('c'), pod('d').priority(5))
  assert.is(drain(queue), 'b d a c')
})

test('a changed pod keeps its turn', () => {
  const queue = filled(pod('a'), pod('b'))
  queue.add(podInfo(pod('a').cpu('1').object), 10)
  assert.is(drain(queue), 'a b')
})

test('a removed pod is never taken', () => {
  const queue = filled(pod('a'), pod('b'))
  queue.remove(pod('a').object.metadata.uid)
  assert.is(queue.size, 1)
  assert.is(drain(queue), 'b')
})

test('a parked pod wakes only for what may help it', () => {
  const queue = filled(pod('a'))
  queue.park(take(queue), aspects('podRemoved'))
  queue.wake('nodeLabels', 60_000, () => true)
  queue.wake('podRemoved', 60_000, () => false)
  assert.is(queue.hasActive, false)
  queue.wake('podRemoved', 60_000, () => true)
  assert.is(drain(queue), 'a')
})

test('an event is asked about once per class, however many pods wait', () => {
  const queue = filled(...Array.from({ length: 100 }, (_, index) => pod(`p${index}`)))
  for (let entry = queue.take(0); entry; entry = queue.take(0))
    queue.park(entry, aspects('podRemoved'))
  let asked = 0
  queue.wake('podRemoved', 60_000, () => {
    asked++
    return false
  })
  assert.is(asked, 1)
  assert.is(queue.counts().unschedulable, 100)
})

test('a pod woken soon after its try waits out its back-off, which doubles up to ten seconds', () => {
  const queue = filled(pod('a'))
  const delays: number[] = []
  let nowMs = 0
  for (let attempt = 0; attempt < 6; attempt++) {
    queue.park(take(queue, nowMs), aspects('podRemoved'))
    queue.wake('podRemoved', nowMs, () => true)
    const readyAtMs = queue.nextTickMs(nowMs) ?? 0
    delays.push(readyAtMs - nowMs)
    nowMs = readyAtMs
    queue.tick(nowMs)
  }
  assert.equal(delays, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000])
})

test('after five minutes it is tried whatever happened', () => {
  const queue = filled(pod('a'))
  queue.park(take(queue), aspects('podRemoved'))
  queue.tick(299_999)
  assert.is(queue.hasActive, false)
  queue.tick(300_000)
  assert.is(queue.hasActive, true)
})

test('a pod that changes while it is bound is not queued twice', () => {
  const queue = filled(pod('a'))
  const entry = take(queue)
  queue.add(podInfo(pod('a').cpu('1').object), 0)
  assert.is(queue.hasActive, false)
  queue.done(entry.info.uid)
  assert.is(queue.size, 0)
})

test('no pod is lost or doubled under random use', () => {
  let seed = 3
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed % below
  }
  const queue = new SchedulingQueue()
  const alive = new Set<string>()
  for (let step = 0; step < 5_000; step++) {
    const one = podInfo(pod(`p${random(40)}`).object)
    const choice = random(5)
    if (choice === 0) {
      queue.add(one, step)
      alive.add(one.uid)
    } else if (choice === 1) {
      queue.remove(one.uid)
      alive.delete(one.uid)
    } else if (choice === 2) {
      const entry = queue.take(step)
      if (entry) queue.park(entry, aspects('podRemoved'))
    } else if (choice === 3) {
      const entry = queue.take(step)
      if (entry) queue.retryLater(entry, step)
    } else if (random(2)) queue.wake('podRemoved', step, () => true)
    else queue.tick(step)
    const { active, backingOff, unschedulable } = queue.counts()
    assert.is(active + backingOff + unschedulable, alive.size)
    assert.is(queue.size, alive.size)
  }
})

test.run()
