import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { headers as createHeaders, connect as natsConnect } from 'nats'
import { pino } from 'pino'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { badRequest } from '../../src/api/status-error.ts'
import type { Bus } from '../../src/bus/bus.ts'
import { connectBus } from '../../src/bus/nats-bus.ts'
import { systemClock } from '../../src/std/clock.ts'
import { natsCommand } from '../support/nats-command.ts'
import { startNatsServer } from '../support/nats-server.ts'
import { busCases } from './bus.cases.ts'

const log = pino({ level: process.env['KUBUS_LOG'] ?? 'silent' })
const test = suite('nats bus')
const server = await startNatsServer()
const buses: Bus[] = []
const connect = async () => {
  const { bus } = await connectBus({ servers: [server.url], name: 'test', log, clock: systemClock })
  buses.push(bus)
  return bus
}
busCases(test, connect)

test('notices that the process at the other end of a channel or a request died', async () => {
  const bus = await connect()
  const dying = await natsConnect({ servers: server.url })
  const inbox = 'kubus.channel.part.apiserver.part.apiserver.dying'
  dying.subscribe(inbox)
  dying.subscribe('dying.channel', {
    callback: (_, message) => {
      const answer = createHeaders()
      answer.set('Kubus-Channel', inbox)
      message.respond(undefined, { headers: answer })
    },
  })
  dying.subscribe('dying.request')
  await dying.flush()
  const channel = await bus.open('dying.channel', {})
  const startedAt = performance.now()
  const request = bus.request('dying.request', {}, { timeoutMs: 60_000 }).catch(({ code }) => code)
  await dying.flush()
  await dying.close()
  assert.is((await channel.closed)?.code, 503)
  assert.is(await request, 504)
  assert.ok(performance.now() - startedAt < 10_000)
})

test('is listed as a micro service, with its endpoints and error counts', async () => {
  const bus = await connect()
  await bus.serve({
    name: 'listed',
    description: 'a listed service',
    version: '1.2.3',
    metadata: { role: 'test' },
    endpoints: [
      { name: 'fine', subject: 'listed.fine', handle: async () => 'ok' },
      {
        name: 'bad',
        subject: 'listed.bad',
        queue: null,
        handle: async () => {
          throw badRequest('no')
        },
      },
    ],
  })
  await bus.request('listed.fine')
  await bus.request('listed.bad').catch(() => {})
  const info = (await bus.request('$SRV.INFO.listed', {})).data as {
    version: string
    endpoints: { name: string; queue_group: string }[]
  }
  assert.is(info.version, '1.2.3')
  assert.equal(
    info.endpoints.map(({ name, queue_group }) => [name, queue_group]),
    [
      ['fine', 'q'],
      ['bad', ''],
    ],
  )
  const stats = (await bus.request('$SRV.STATS.listed', {})).data as {
    endpoints: { num_requests: number; num_errors: number }[]
  }
  assert.equal(
    stats.endpoints.map(({ num_requests, num_errors }) => [num_requests, num_errors]),
    [
      [1, 0],
      [1, 1],
    ],
  )
})

test('answers a person in JSON, errors included', async () => {
  const bus = await connect()
  await bus.serve({
    name: 'people',
    description: 'for people',
    version: '1.0.0',
    endpoints: [
      {
        name: 'say',
        subject: 'people.say',
        handle: ({ data }) => {
          if (data) throw badRequest('bad input')
          return { said: 'hello' }
        },
      },
    ],
  })
  const person = await natsConnect({ servers: server.url })
  const fine = await person.request('people.say')
  assert.equal(fine.json(), { said: 'hello' })
  const bad = await person.request('people.say', '{"x":1}')
  assert.is(bad.headers?.get('Nats-Service-Error'), 'bad input')
  assert.is(bad.headers?.get('Nats-Service-Error-Code'), '400')
  assert.is(bad.json<{ reason: string }>().reason, 'BadRequest')
  await person.close()
})

test('goes on after nats-server was killed and started again', async () => {
  const [client, peer] = [await connect(), await connect()]
  await peer.serve({
    name: 'steady',
    description: 'stays',
    version: '1.0.0',
    endpoints: [{ name: 'ping', subject: 'steady.ping', handle: () => 'pong' }],
  })
  peer.subscribe('steady.mute', () => {})
  await peer.request('nobody.is.here').catch(() => {})
  assert.is((await client.request('steady.ping')).data, 'pong')
  const hanging = client.request('steady.mute', {}).catch((error) => error.code)
  await server.kill()
  assert.is(await hanging, 504)
  const waiting = client.request('steady.ping').catch((error) => error)
  await server.restart()
  // The peer may still be reconnecting when the request arrives.
  let answer = await waiting
  for (let round = 0; round < 100 && answer.data !== 'pong'; round++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    answer = await client.request('steady.ping').catch((error) => error)
  }
  assert.is(answer.data, 'pong')
})

test('shows its services to the nats command', async () => {
  const { stdout } = await promisify(execFile)(await natsCommand(), [
    '-s',
    server.url,
    'micro',
    'ls',
  ])
  assert.match(stdout, /listed/)
})

test.after(async () => {
  await Promise.all(buses.map((bus) => bus.drain()))
  await server.stop()
})

test.run()
