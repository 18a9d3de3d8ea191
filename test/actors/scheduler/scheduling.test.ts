/** The scheduler against a cache and a client in memory, on virtual time. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createScheduler } from '../../../src/actors/scheduler/scheduling.ts'
import { Event } from '../../../src/api/core/event.ts'
import { Pod } from '../../../src/api/core/pod.ts'
import type { KubernetesObject } from '../../../src/api/meta.ts'
import { internalError } from '../../../src/api/status-error.ts'
import { rootLog } from '../../../src/std/log.ts'
import { node, type PodBuilder, pod } from '../../support/build.ts'
import { memoryCache } from '../../support/memory-cache.ts'
import { memoryClient } from '../../support/memory-client.ts'
import { virtualClock } from '../../support/virtual-clock.ts'

const FENCE = { component: 'scheduler', revision: 0 }
const log = rootLog.child({}, { level: 'silent' })

const world = async (...objects: KubernetesObject[]) => {
  const cache = memoryCache(...objects)
  const clock = virtualClock()
  const client = memoryClient(cache, clock.now)
  const scheduler = createScheduler({ cache, client, clock, log, onFenceLost: () => {} })
  scheduler.start()
  const settle = () => clock.advance(50)
  const lead = async () => {
    await scheduler.lead(FENCE)
    await settle()
  }
  const put = async (...more: KubernetesObject[]) => {
    cache.put(...more)
    await settle()
  }
  const nodeOf = (name: string) => cache.get(Pod, 'default', name)?.spec?.nodeName
  const binds = () => client.calls.filter((call) => call.startsWith('bind'))
  const events = () =>
    cache.list(Event).map((event) => `${event.type} ${event.reason} ${event.message}`)
  const condition = (name: string) =>
    cache.get(Pod, 'default', name)?.status?.conditions?.find(({ type }) => type === 'PodScheduled')
  return { cache, clock, client, scheduler, settle, lead, put, nodeOf, binds, events, condition }
}

const big = (name: string): PodBuilder => pod(name).cpu('3')

test('a waiting pod is bound, and an event tells where', async () => {
  const { lead, nodeOf, events, scheduler } = await world(node('n1').object, pod('a').object)
  await lead()
  assert.is(nodeOf('a'), 'n1')
  assert.equal(events(), ['Normal Scheduled Successfully assigned default/a to n1'])
  await scheduler.stop()
})

test('a scheduler in standby binds nothing, and everything as soon as it leads', async () => {
  const { lead, put, binds, scheduler } = await world(node('n1').object)
  await put(pod('a').object, pod('b').object)
  assert.equal(binds(), [])
  await lead()
  assert.is(binds().length, 2)
  scheduler.standBy()
  await put(pod('c').object)
  assert.is(binds().length, 2)
  await scheduler.stop()
})

test('a refused pod is told why and bound when a node comes', async () => {
  const { lead, put, nodeOf, events, condition, clock, scheduler } = await world(
    node('n1').offers({ cpu: '1' }).object,
    big('a').object,
  )
  await lead()
  const message =
    '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: ' +
    '0/1 nodes are available: 1 Preemption is not helpful for scheduling.'
  assert.equal(events(), [`Warning FailedScheduling ${message}`])
  assert.is(condition('a')?.status, 'False')
  assert.is(condition('a')?.reason, 'Unschedulable')
  assert.is(condition('a')?.message, message)
  await put(node('n2').object)
  await clock.advance(1_000)
  assert.is(nodeOf('a'), 'n2')
  await scheduler.stop()
})

test('room that becomes free is used, and what cannot help wakes nobody', async () => {
  const { lead, put, cache, clock, nodeOf, events, scheduler } = await world(
    node('n1').object,
    node('n2').taint('other', 'NoSchedule').object,
    big('old').on('n1').object,
    big('elsewhere').on('n2').object,
    big('new').object,
  )
  await lead()
  assert.is(events().length, 1)
  await put(pod('unrelated').on('n2').object)
  cache.remove(big('elsewhere').object)
  await clock.advance(30_000)
  assert.is(events().length, 1)
  assert.is(cache.list(Event)[0]?.count, 1)
  cache.remove(big('old').object)
  await clock.advance(1_000)
  assert.is(nodeOf('new'), 'n1')
  await scheduler.stop()
})

test('a pod that stays refused is tried again after five minutes', async () => {
  const { lead, cache, clock, scheduler } = await world(
    node('n1').offers({ cpu: '1' }).object,
    big('a').object,
  )
  await lead()
  await clock.advance(340_000)
  assert.is(cache.list(Event)[0]?.count, 2)
  await scheduler.stop()
})

test('a binding that fails gives its room back and is tried again', async () => {
  const { lead, client, clock, nodeOf, binds, events, scheduler } = await world(
    node('n1').object,
    big('a').object,
  )
  client.failNext('bind Pod default/a', internalError('out of luck'))
  await lead()
  assert.is(nodeOf('a'), undefined)
  assert.match(events().join(), 'FailedScheduling Internal error occurred: out of luck')
  await clock.advance(1_100)
  assert.is(nodeOf('a'), 'n1')
  assert.is(binds().length, 2)
  await scheduler.stop()
})

test('pods of other schedulers and gated pods are left alone', async () => {
  const gates = { schedulingGates: [{ name: 'example.com/wait' }] }
  const { lead, put, binds, nodeOf, condition, scheduler } = await world(
    node('n1').object,
    pod('other').spec({ schedulerName: 'mine' }).object,
    pod('gated').spec(gates).object,
  )
  await lead()
  assert.equal(binds(), [])
  assert.is(condition('gated')?.reason, 'SchedulingGated')
  await put(pod('gated').meta({ generation: 2 }).object)
  assert.is(nodeOf('gated'), 'n1')
  await scheduler.stop()
})

test('higher priority goes first, then who waited longer', async () => {
  const { lead, binds, scheduler } = await world(
    node('n1').object,
    pod('low').meta({ creationTimestamp: '2024-01-01T00:00:01Z' }).object,
    pod('older').object,
    pod('high').priority(10).meta({ creationTimestamp: '2024-01-01T00:00:02Z' }).object,
  )
  await lead()
  assert.equal(
    binds().map((call) => call.split(' ')[2]),
    ['default/high', 'default/older', 'default/low'],
  )
  await scheduler.stop()
})

test('many bindings are in flight at once, and no more than the limit', async () => {
  const pods = Array.from({ length: 300 }, (_, index) => pod(`p${index}`).object)
  const { lead, client, clock, binds, scheduler } = await world(
    node('n1').offers({ pods: '1000' }).object,
    ...pods,
  )
  let release = () => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  client.before = (call) => (call.startsWith('bind') ? gate : undefined)
  await lead()
  await clock.advance(500)
  assert.is(scheduler.counts().binding, 256)
  release()
  await clock.advance(500)
  assert.is(binds().length, 300)
  assert.equal(scheduler.counts(), { active: 0, backingOff: 0, unschedulable: 0, binding: 0 })
  await scheduler.stop()
})

test('a deleted pod is forgotten wherever it waited', async () => {
  const { lead, cache, settle, scheduler } = await world(node('n1').offers({ cpu: '1' }).object)
  await lead()
  cache.put(big('a').object)
  await settle()
  assert.is(scheduler.counts().unschedulable, 1)
  cache.remove(big('a').object)
  assert.equal(scheduler.counts(), { active: 0, backingOff: 0, unschedulable: 0, binding: 0 })
  await scheduler.stop()
})

test('two pods never share one place while the cache lags behind', async () => {
  const { lead, cache, put, binds, clock, scheduler } = await world(node('n1').object)
  await lead()
  await put(big('a').object)
  cache.hold()
  assert.is(binds().length, 1)
  cache.release()
  await put(big('b').object)
  await clock.advance(20_000)
  assert.is(binds().length, 1)
  await scheduler.stop()
})

test.run()
