/**
 * Logs on the bus, by two replicas of the apiserver on a real nats-server with a cluster's accounts.
 */
import type { NatsConnection } from 'nats'
import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type FollowedLog, LogBroadcasts } from '../../../src/actors/apiserver/log-broadcasts.ts'
import { logOptionsOf } from '../../../src/actors/apiserver/node-logs.ts'
import type { ApiRequest } from '../../../src/actors/apiserver/request.ts'
import type { Services } from '../../../src/actors/apiserver/services.ts'
import { grantSole, type LogGreeting } from '../../../src/actors/kubelet/log-stream.ts'
import type { Pod } from '../../../src/api/core/pod.ts'
import { badRequest, StatusError } from '../../../src/api/status-error.ts'
import type { Channel } from '../../../src/bus/bus.ts'
import { connectBus } from '../../../src/bus/nats-bus.ts'
import { systemClock } from '../../../src/std/clock.ts'
import { memoryCache } from '../../support/memory-cache.ts'
import { memoryStorage } from '../../support/memory-storage.ts'
import { accountsConfig, connectUser } from '../../support/nats-accounts.ts'
import { startNatsServer } from '../../support/nats-server.ts'
import { virtualClock } from '../../support/virtual-clock.ts'

const log = pino({ level: process.env['KUBUS_LOG'] ?? 'silent' })
const server = await startNatsServer({ config: accountsConfig('kubus.logs.>') })
const connect = async (name: string) =>
  (await connectBus({ servers: [server.url], name, log, clock: systemClock })).bus
const [node, busOne, busTwo] = await Promise.all(['node', 'one', 'two'].map(connect))
const user = await connectUser(server.url)

const pod = (name: string, nodeName?: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'default',
    uid: `uid-${name}`,
    resourceVersion: '0',
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  spec: { containers: [{ name: 'c', image: 'i' }], ...(nodeName ? { nodeName } : {}) },
})

const cache = memoryCache(pod('nowhere'), pod('refused', 'n1'))
const clock = virtualClock()
const services = { storage: memoryStorage(cache), clock } as unknown as Services
const [one, two] = [busOne!, busTwo!].map((bus) => new LogBroadcasts(services, bus, log)) as [
  LogBroadcasts,
  LogBroadcasts,
]

/** Streams that the node has been asked for, by pod. */
const streams = new Map<string, { channel: Channel; greeting: LogGreeting; isOpen: boolean }[]>()
const granted = new Set<string>()
node!.accept('kubus.node.n1.logs', (channel, greeting) => {
  const wanted = greeting as LogGreeting
  if (wanted.name === 'refused') throw badRequest('container "c" in pod "refused" is waiting')
  grantSole(granted, wanted.uid!, wanted, channel)
  const stream = { channel, greeting: wanted, isOpen: true }
  void channel.closed.then(() => {
    stream.isOpen = false
  })
  streams.set(wanted.name, [...(streams.get(wanted.name) ?? []), stream])
})

const follow = (broadcasts: LogBroadcasts, name: string, body = {}): Promise<FollowedLog> =>
  broadcasts.follow(
    { namespace: 'default', name } as ApiRequest,
    logOptionsOf({ follow: true, ...body }),
  )

/** Moves virtual time in steps, and real time with it, until it holds. */
const passing = async (holds: () => boolean, what: string, stepMs = 1_000) => {
  for (let step = 0; step < 200; step++) {
    if (holds()) return
    await clock.advance(stepMs)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`never happened: ${what}`)
}

const listen = async (by: NatsConnection, subject: string) => {
  const heard: string[] = []
  const subscription = by.subscribe(subject, {
    callback: (_, message) => {
      const end = message.headers?.get('Kubus-Log')
      heard.push(`${end ? `<${end}>` : ''}${message.string()}`)
    },
  })
  await by.flush()
  return { heard, stop: () => subscription.unsubscribe() }
}

const streamsOf = (name: string) => streams.get(name) ?? []

test.before(async () => {
  await node!.request('nobody.is.here').catch(() => {})
})

test.after(async () => {
  await Promise.all([one.stop(), two.stop()])
  await user.close()
  await Promise.all([node!, busOne!, busTwo!].map((bus) => bus.drain()))
  await server.stop()
})

test('who subscribes after asking misses nothing; a line is a message', async () => {
  cache.put(pod('web', 'n1'))
  const answer = await follow(one, 'web', { tailLines: 5 })
  assert.equal(answer, { subject: 'kubus.logs.default.web.c', shared: false })
  const [stream] = streamsOf('web')
  assert.is(stream!.greeting.tailLines, 5)
  await stream!.channel.send(1, 'first\nsec')
  await clock.advance(2_000)
  const { heard, stop } = await listen(user, 'kubus.logs.default.>')
  await passing(() => heard.length > 0, 'the first line', 250)
  await stream!.channel.send(1, 'ond\n\nlast')
  stream!.channel.close()
  await passing(() => heard.length === 5, 'the end', 0)
  assert.equal(heard, ['first', 'second', ' ', 'last', '<ended>the log ended'])
  stop()
})

test('one stream serves all who ask, on any replica, and their lines are not doubled', async () => {
  cache.put(pod('shared', 'n1'))
  const [first, second] = [await listen(user, 'kubus.logs.>'), await listen(user, 'kubus.logs.>')]
  const answers = await Promise.all([one, one, two, two].map((each) => follow(each, 'shared')))
  assert.is(new Set(answers.map(({ subject }) => subject)).size, 1)
  assert.is(answers.filter(({ shared }) => !shared).length, 1)
  assert.ok((await follow(two, 'shared')).shared)
  assert.is(streamsOf('shared').length, 1)
  await streamsOf('shared')[0]!.channel.send(1, 'a\nb\n')
  await passing(() => first.heard.length === 2 && second.heard.length === 2, 'both lines', 0)
  assert.equal(first.heard, ['a', 'b'])
  first.stop()
  // One is enough to keep it.
  await passing(() => clock.monotonic() % 60_000 > 55_000, 'a minute')
  assert.ok(streamsOf('shared')[0]!.isOpen)
  second.stop()
  await passing(() => !streamsOf('shared')[0]!.isOpen, 'the end of a stream nobody hears')
  const heardAgain = await listen(user, 'kubus.logs.>')
  const again = await Promise.all([one, two].map((each) => follow(each, 'shared')))
  assert.is(again.filter(({ shared }) => !shared).length, 1)
  assert.is(streamsOf('shared').length, 2)
  streamsOf('shared')[1]!.channel.close(new StatusError(500, 'InternalError', 'it broke').status)
  await passing(() => heardAgain.heard.length === 1, 'the reason', 0)
  assert.equal(heardAgain.heard, ['<ended>it broke'])
  heardAgain.stop()
})

test('a stream that nobody comes to hear ends, silent or not', async () => {
  cache.put(pod('lonely', 'n1'))
  await follow(one, 'lonely')
  await streamsOf('lonely')[0]!.channel.send(1, 'hello?\n')
  await passing(() => !streamsOf('lonely')[0]!.isOpen, 'the end')
})

test("the node's refusal is the answer, to all who asked; a pod without a node has no log yet", async () => {
  const failure = (name: string) => follow(one, name).catch(({ code, message }) => [code, message])
  const refusal = [400, 'container "c" in pod "refused" is waiting']
  assert.equal(await Promise.all([failure('refused'), failure('refused')]), [refusal, refusal])
  assert.equal(await failure('nowhere'), [
    400,
    'container "c" in pod "nowhere" is waiting to start: no node yet',
  ])
  assert.is(((await failure('nobody')) as unknown[])[0], 404)
})

test('what comes too fast waits at the node, and all of it comes', async () => {
  cache.put(pod('fast', 'n1'))
  const { heard, stop } = await listen(user, 'kubus.logs.default.fast.c')
  await follow(one, 'fast')
  const { channel } = streamsOf('fast')[0]!
  const lines = 200_000
  let sent = 0
  const sending = (async () => {
    for (; sent < lines; sent += 10_000)
      await channel.send(1, Array.from({ length: 10_000 }, (_, n) => `${sent + n}\n`).join(''))
    channel.close()
  })()
  await passing(() => heard.length > 0, 'the first lines', 10)
  await new Promise((resolve) => setTimeout(resolve, 200))
  assert.ok(sent < lines, `${sent} lines were taken although time stands still`)
  await passing(() => heard.at(-1) === '<ended>the log ended', 'the last line', 1_000)
  await sending
  assert.is(heard.length, lines + 1)
  assert.is(heard[lines - 1], String(lines - 1))
  stop()
})

test('a replica that ends says so to those who listen', async () => {
  cache.put(pod('left', 'n1'))
  const { heard, stop } = await listen(user, 'kubus.logs.default.left.c')
  await follow(one, 'left')
  await streamsOf('left')[0]!.channel.send(1, 'a\n')
  await passing(() => heard.length === 1, 'the line', 250)
  await one.stop()
  await passing(() => heard.length === 2, 'the end', 0)
  assert.equal(heard, ['a', '<ended>the apiserver that followed this log ends'])
  stop()
})

test('streams are bounded', async () => {
  const names = Array.from({ length: 64 }, (_, index) => `many-${index}`)
  cache.put(...[...names, 'one-more'].map((name) => pod(name, 'n1')))
  await Promise.all(names.map((name) => follow(two, name)))
  const refused = await follow(two, 'one-more').catch(({ code }) => code)
  assert.is(refused, 429)
})

test.run()
