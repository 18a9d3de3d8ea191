import { pino } from 'pino'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type MemoryBus, memoryNetwork } from '../../src/bus/memory-bus.ts'
import { systemClock } from '../../src/std/clock.ts'
import { virtualClock } from '../support/virtual-clock.ts'
import { busCases } from './bus.cases.ts'

const log = pino({ level: 'silent' })
const test = suite('memory bus')
const connect = memoryNetwork(systemClock, log)
const buses: MemoryBus[] = []
busCases(test, async () => {
  const bus = connect()
  buses.push(bus)
  return bus
})

test('notices a dead peer of an idle channel within ten seconds', async () => {
  const clock = virtualClock()
  const connectVirtual = memoryNetwork(clock, log)
  const [client, server] = [connectVirtual(), connectVirtual()]
  const kept: Promise<unknown>[] = []
  server.accept('cases.idle', (channel) => void kept.push(channel.closed))
  const channel = await client.open('cases.idle', {})
  await clock.advance(60_000)
  const alive = await Promise.race([channel.closed.then(() => 'closed'), Promise.resolve('open')])
  assert.is(alive, 'open')
  await server.drain()
  await clock.advance(12_000)
  assert.is((await channel.closed)?.code, 503)
})

test('ends channels and requests at once when the connection is lost', async () => {
  const [client, server] = [connect(), connect()]
  buses.push(client, server)
  server.accept('cases.lost', () => {})
  server.subscribe('cases.hang', () => {})
  const channel = await client.open('cases.lost', {})
  const request = client.request('cases.hang', {}).catch((error) => error.code)
  client.setState('disconnected')
  assert.is((await channel.closed)?.code, 503)
  assert.is(await request, 504)
})

test.after(async () => {
  await Promise.all(buses.map((bus) => bus.drain()))
})

test.run()
