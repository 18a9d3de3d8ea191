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

test('ends a channel whose peer is gone, although it could not say so', async () => {
  const clock = virtualClock()
  const connectVirtual = memoryNetwork(clock, log)
  const [client, server] = [connectVirtual(), connectVirtual()]
  server.accept('cases.killed', () => {})
  const channel = await client.open('cases.killed', {})
  server.setState('disconnected')
  await clock.advance(2_500)
  assert.is((await channel.closed)?.code, 503)
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

test('gives up a request when the process that took it is gone, not when it is slow', async () => {
  const clock = virtualClock()
  const connectVirtual = memoryNetwork(clock, log)
  const [client, other, slow] = [connectVirtual(), connectVirtual(), connectVirtual()]
  let finish = (_answer: string) => {}
  const endpoint = (subject: string, handle: () => Promise<unknown> | unknown) => ({
    name: 'patience',
    description: 'a slow service',
    version: '1.0.0',
    endpoints: [{ name: 'wait', subject, handle }],
  })
  await slow.serve(
    endpoint('cases.slow', () => new Promise<string>((resolve) => (finish = resolve))),
  )
  await other.serve(endpoint('cases.other', () => 'at once'))
  assert.is((await client.request('cases.other')).data, 'at once')
  const answered = client.request('cases.slow', {}, { timeoutMs: 120_000 })
  await clock.advance(60_000)
  finish('late')
  assert.is((await answered).data, 'late')

  const lost = client.request('cases.slow', {}, { timeoutMs: 120_000 }).catch((error) => error)
  await clock.advance(500)
  slow.setState('disconnected')
  await clock.advance(5_000)
  assert.is((await lost).code, 504)
  assert.match((await lost).message, 'nobody works on')
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
