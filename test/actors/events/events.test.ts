import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Component } from '../../../src/actors/component.ts'
import { startEvents } from '../../../src/actors/events/events.ts'
import { createClient } from '../../../src/client/bus-client.ts'
import { systemClock } from '../../../src/std/clock.ts'
import { startNatsServer } from '../../support/nats-server.ts'
import { configMap, deleteWrite, log, putWrite, storeProcess } from '../store/store-harness.ts'

const server = await startNatsServer()
const one = await storeProcess(server.url)
const other = await storeProcess(server.url)
const listener = await storeProcess(server.url)

const publisher = (process: typeof one, identity: string): Promise<Component> =>
  startEvents({
    bus: process.bus,
    client: createClient({ bus: process.bus, clock: systemClock, log }),
    clock: systemClock,
    log,
    identity,
    version: '0.1.0',
    cache: process.cache,
  })

interface Seen {
  subject: string
  resourceVersion: string
}

const seen: Seen[] = []
listener.bus.subscribe('kubus.events.>', ({ subject, data }) => {
  const { metadata } = data as { metadata: { resourceVersion: string } }
  seen.push({ subject, resourceVersion: metadata.resourceVersion })
})

const until = async (condition: () => boolean | Promise<boolean>) => {
  for (let round = 0; round < 400; round++) {
    if (await condition()) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error('it did not come to pass')
}

const leaders = async (): Promise<number> => {
  let count = 0
  for (const { bus } of [one, other]) {
    const { data } = await bus.request('kubus.actor.events.status').catch(() => ({ data: {} }))
    if ((data as { isLeading?: boolean }).isLeading) count++
  }
  return count
}

test('each change appears once and in order, also across a hand-over', async () => {
  const first = await publisher(one, 'one')
  await until(async () => (await leaders()) > 0)
  const second = await publisher(other, 'other')
  const object = configMap('seen', { n: '0' })
  let revision = await one.storage.write(putWrite(object, 0))
  const revisions = [revision]
  for (let n = 1; n < 40; n++) {
    revision = await one.storage.write(
      putWrite(configMap('seen', { n: String(n) }, { uid: object.metadata.uid }), revision),
    )
    revisions.push(revision)
    if (n === 20) void first.stop()
  }
  revision = await one.storage.write(deleteWrite(object, revision))
  revisions.push(revision)
  const mine = () => seen.filter(({ subject }) => subject.includes('.configmaps.default.seen.'))
  await until(() => mine().length >= revisions.length)
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal(
    mine().map(({ resourceVersion }) => resourceVersion),
    revisions.map(String),
  )
  assert.is(mine()[0]!.subject, 'kubus.events.configmaps.default.seen.added')
  assert.is(mine().at(-1)!.subject, 'kubus.events.configmaps.default.seen.deleted')
  await second.stop()
})

test.after(async () => {
  await one.stop()
  await other.stop()
  await listener.stop()
  await server.stop()
})

test.run()
