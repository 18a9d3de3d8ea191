import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createClient } from '../../src/client/bus-client.ts'
import { type Leadership, startLeadership } from '../../src/client/leadership.ts'
import { type Fence, FenceLost } from '../../src/client/storage.ts'
import { systemClock } from '../../src/std/clock.ts'
import {
  configMap,
  log,
  putWrite,
  type StoreProcess,
  storeProcess,
} from '../actors/store/store-harness.ts'
import { startNatsServer } from '../support/nats-server.ts'

const server = await startNatsServer()
const store = await storeProcess(server.url)

interface Replica {
  process: StoreProcess
  leadership: Leadership
  fences: Fence[]
  standbys: number
}

const replicas: Replica[] = []

const replica = async (component: string, identity: string): Promise<Replica> => {
  const process = await storeProcess(server.url)
  const made: Replica = {
    process,
    fences: [],
    standbys: 0,
    leadership: startLeadership(
      {
        component,
        bus: process.bus,
        client: createClient({ bus: process.bus, clock: systemClock, log }),
        clock: systemClock,
        identity,
        log,
      },
      {
        onLeading: (fence) => made.fences.push(fence),
        onStandby: () => made.standbys++,
      },
    ),
  }
  replicas.push(made)
  return made
}

const until = async (condition: () => boolean) => {
  for (let round = 0; round < 600; round++) {
    if (condition()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('it did not come to pass')
}

const leading = (all: Replica[]) => all.filter(({ leadership }) => leadership.isLeading)

test('exactly one of several replicas leads, with the fence of the store', async () => {
  const all = await Promise.all(['a', 'b', 'c'].map((name) => replica('elected', name)))
  await until(() => leading(all).length > 0)
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  assert.is(leading(all).length, 1)
  const [leader] = leading(all)
  assert.equal(leader!.fences, [
    { component: 'elected', revision: store.storage.fence('elected')!.revision },
  ])
})

test('a planned hand-over is immediate', async () => {
  const first = await replica('handed', 'a')
  await until(() => first.leadership.isLeading)
  const second = await replica('handed', 'b')
  await new Promise((resolve) => setTimeout(resolve, 300))
  const startedAt = performance.now()
  await first.leadership.stop()
  assert.is(first.standbys, 1)
  await until(() => second.leadership.isLeading)
  assert.ok(performance.now() - startedAt < 1_000)
  assert.ok(second.fences[0]!.revision > first.fences[0]!.revision)
})

test('a leader that vanished is replaced, and steps down when it is back', async () => {
  const first = await replica('vanished', 'a')
  await until(() => first.leadership.isLeading)
  const second = await replica('vanished', 'b')
  await new Promise((resolve) => setTimeout(resolve, 200))
  // It goes silent but lives on: nothing it says reaches anybody.
  const { publishJson } = first.process.bus
  first.process.bus.publishJson = () => {}
  await until(() => second.leadership.isLeading)
  assert.ok(first.leadership.isLeading || first.standbys === 1)
  first.process.bus.publishJson = publishJson
  await until(() => !first.leadership.isLeading)
  await new Promise((resolve) => setTimeout(resolve, 700))
  assert.ok(second.leadership.isLeading)
})

test('a leader that is told of its lost fence steps down and may lead again', async () => {
  const only = await replica('told', 'a')
  await until(() => only.leadership.isLeading)
  only.leadership.reportFenceLost({ component: 'told', revision: 1 })
  assert.ok(only.leadership.isLeading)
  await store.storage.takeFence('told', only.fences[0]!.revision, 'somebody')
  only.leadership.reportFenceLost(only.fences[0]!)
  assert.not.ok(only.leadership.isLeading)
  await until(() => only.leadership.isLeading)
  assert.is(only.fences.length, 2)
})

test('a leader that does not know what became of a write leads on with a new fence', async () => {
  const leader = await replica('unsure', 'a')
  await until(() => leader.leadership.isLeading)
  const standby = await replica('unsure', 'b')
  const [first] = leader.fences
  leader.leadership.reportOutcomeUnknown(first!)
  leader.leadership.reportOutcomeUnknown(first!)
  assert.not.ok(leader.leadership.isLeading, 'nothing is decided meanwhile')
  await until(() => leader.leadership.isLeading)
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  assert.is(leader.fences.length, 2)
  assert.ok(leader.fences[1]!.revision > first!.revision)
  assert.not.ok(standby.leadership.isLeading)
  // What was under way with the first fence can happen no more.
  const late = store.storage.write(putWrite(configMap('late'), 0, first))
  const lost = await late.catch((error) => error)
  assert.instance(lost, FenceLost)
})

test.after(async () => {
  await Promise.all(replicas.map(({ leadership }) => leadership.stop()))
  await Promise.all(replicas.map(({ process }) => process.stop()))
  await store.stop()
  await server.stop()
})

test.run()
