/**
 * What every Bus does: the same cases run on memory and on a real nats-server.
 * `connect` gives one more bus on the same network.
 */
import { randomBytes } from 'node:crypto'
import type { Test } from 'uvu'
import * as assert from 'uvu/assert'
import { StatusError } from '../../src/api/status-error.ts'
import type { Bus, Channel } from '../../src/bus/bus.ts'

type Connect = () => Promise<Bus>

const statusOf = async (run: Promise<unknown>): Promise<StatusError['status'] | undefined> => {
  try {
    await run
  } catch (error) {
    assert.instance(error, StatusError)
    return (error as StatusError).status
  }
  return undefined
}

/** Lets a subscription reach the server before somebody else publishes. */
const settled = (bus: Bus) => bus.request('nobody.is.here').catch(() => {})

const echo = (name: string, subject: string) => ({
  name: 'echo',
  description: 'answers what it was asked',
  version: '1.0.0',
  endpoints: [
    {
      name: 'echo',
      subject,
      handle: ({
        data,
        encoding,
        headers,
      }: {
        data: unknown
        encoding: string
        headers: object
      }) => ({
        name,
        data,
        encoding,
        headers,
      }),
    },
  ],
})

const requestCases = (test: Test, connect: Connect) => {
  test('answers a request with what the handler returns', async () => {
    const [client, server] = [await connect(), await connect()]
    await server.serve(echo('one', 'cases.echo'))
    await settled(server)
    const { data } = await client.request('cases.echo', { a: [1, 'ü', null] })
    assert.equal((data as { data: unknown }).data, { a: [1, 'ü', null] })
    assert.is((data as { encoding: string }).encoding, 'msgpack')
    const empty = await client.request('cases.echo', undefined, { headers: { 'X-One': 'y' } })
    assert.is((empty.data as { encoding: string }).encoding, 'msgpack')
    assert.is((empty.data as { headers: Record<string, string> }).headers['X-One'], 'y')
    const number = await client.request('cases.echo', 7)
    assert.is((number.data as { data: unknown }).data, 7)
  })

  test('says 503 at once when nobody answers, and 504 when the answer is late', async () => {
    const [client, server] = [await connect(), await connect()]
    assert.is((await statusOf(client.request('cases.nobody', {})))?.code, 503)
    server.subscribe('cases.mute', () => {})
    await settled(server)
    const status = await statusOf(client.request('cases.mute', {}, { timeoutMs: 100 }))
    assert.is(status?.code, 504)
    const abort = new AbortController()
    const aborted = statusOf(client.request('cases.mute', {}, { signal: abort.signal }))
    abort.abort()
    assert.is((await aborted)?.code, 504)
  })

  test('carries a StatusError whole, and hides nothing else but an internal error', async () => {
    const [client, server] = [await connect(), await connect()]
    const failure = new StatusError(422, 'Invalid', 'Pod "ü" is invalid:\nspec', {
      name: 'ü',
      causes: [{ reason: 'FieldValueRequired', field: 'spec', message: 'Required value' }],
    })
    await server.serve({
      name: 'failing',
      description: 'fails',
      version: '1.0.0',
      endpoints: [
        {
          name: 'fail',
          subject: 'cases.fail',
          handle: ({ data }) => {
            throw data ? failure : new Error('broken')
          },
        },
      ],
    })
    await settled(server)
    assert.equal(await statusOf(client.request('cases.fail', true)), failure.status)
    const internal = await statusOf(client.request('cases.fail'))
    assert.is(internal?.code, 500)
    assert.is(internal?.reason, 'InternalError')
  })

  test('shares requests among the instances of one queue, and reaches all without one', async () => {
    const [client, a, b] = [await connect(), await connect(), await connect()]
    await a.serve(echo('a', 'cases.shared'))
    await b.serve(echo('b', 'cases.shared'))
    const heard: string[] = []
    for (const [name, bus] of Object.entries({ a, b }))
      bus.subscribe('cases.all.*', ({ subject }) => void heard.push(`${name} ${subject}`))
    await settled(a)
    await settled(b)
    const names = new Set<unknown>()
    for (let index = 0; index < 40; index++) {
      const { data } = await client.request('cases.shared', {})
      names.add((data as { name: string }).name)
    }
    assert.equal([...names].sort(), ['a', 'b'])
    client.publish('cases.all.x', { a: 1 })
    client.publish('cases.all.x.y', { a: 1 })
    await settled(client)
    await settled(a)
    await settled(b)
    assert.equal(heard.sort(), ['a cases.all.x', 'b cases.all.x'])
  })

  test('keeps the order of one sender and survives a payload that is no value', async () => {
    const [client, server] = [await connect(), await connect()]
    const heard: unknown[] = []
    server.subscribe('cases.order', ({ data }) => void heard.push(data))
    await settled(server)
    for (let index = 0; index < 500; index++) client.publish('cases.order', { index })
    client.publishJson('cases.order', '{"broken')
    client.publishJson('cases.order', '{"index": 500}')
    await settled(client)
    await settled(server)
    assert.equal(
      heard,
      Array.from({ length: 501 }, (_, index) => ({ index })),
    )
  })
}

const collect = (channel: Channel): { tag: number; payload: Buffer }[] => {
  const frames: { tag: number; payload: Buffer }[] = []
  channel.onFrame((tag, payload) => void frames.push({ tag, payload: Buffer.from(payload) }))
  return frames
}

const channelCases = (test: Test, connect: Connect) => {
  test('opens a channel to exactly one server and moves frames both ways in order', async () => {
    const [client, a, b] = [await connect(), await connect(), await connect()]
    let opened = 0
    for (const server of [a, b])
      server.accept(
        'cases.channel',
        async (channel, greeting) => {
          opened++
          channel.onFrame((tag, payload) => void channel.send(tag + 1, payload))
          await channel.send(9, JSON.stringify(greeting))
        },
        { queue: 'q' },
      )
    await settled(a)
    await settled(b)
    const channel = await client.open('cases.channel', { hello: 1 })
    const frames = collect(channel)
    const large = randomBytes(1_500_000)
    for (let index = 0; index < 50; index++) await channel.send(1, `frame ${index}`)
    await channel.send(3, large)
    await channel.send(5, '')
    while (frames.length < 53) await settled(client)
    assert.is(opened, 1)
    assert.is(frames[0]!.tag, 9)
    assert.is(frames[0]!.payload.toString(), '{"hello":1}')
    assert.is(frames[50]!.payload.toString(), 'frame 49')
    assert.is(frames[51]!.tag, 4)
    assert.ok(frames[51]!.payload.equals(large))
    assert.is(frames[52]!.payload.length, 0)
    channel.close()
  })

  test('closes both ends with the status of whoever closed', async () => {
    const [client, server] = [await connect(), await connect()]
    const ends: Promise<unknown>[] = []
    server.accept('cases.close', (channel, greeting) => {
      ends.push(channel.closed)
      if (greeting === 'fail') channel.close(new StatusError(410, 'Expired', 'too old').status)
    })
    await settled(server)
    const polite = await client.open('cases.close', 'stay')
    polite.close()
    assert.is(await polite.closed, undefined)
    assert.is(await ends[0], undefined)
    const failed = await client.open('cases.close', 'fail')
    assert.is((await failed.closed)?.code, 410)
    assert.ok(await statusOf(failed.send(0, 'x')))
  })

  test('refuses the opener with what the handler throws, or 503 without a server', async () => {
    const [client, server] = [await connect(), await connect()]
    server.accept('cases.refuse', async () => {
      throw new StatusError(404, 'NotFound', 'no such pod')
    })
    server.accept('cases.later', async (channel) => {
      await channel.send(0, 'first')
      throw new StatusError(500, 'InternalError', 'later')
    })
    await settled(server)
    assert.is((await statusOf(client.open('cases.refuse', {})))?.message, 'no such pod')
    assert.is((await statusOf(client.open('cases.absent', {})))?.code, 503)
    const later = await client.open('cases.later', {})
    assert.is((await later.closed)?.message, 'later')
    assert.is((await statusOf(client.request('cases.refuse', {})))?.code, 400)
  })

  test('holds a sender back while its peer does not read', async () => {
    const [client, server] = [await connect(), await connect()]
    let sent = 0
    server.accept('cases.slow', async (channel) => {
      for (; sent < 200; sent++) await channel.send(1, Buffer.alloc(64 * 1024))
    })
    await settled(server)
    const channel = await client.open('cases.slow', {})
    for (let round = 0; round < 20; round++) await settled(client)
    assert.ok(sent < 30, `${sent} frames of 64 KiB are under way`)
    let read = 0
    channel.onFrame(async () => {
      read++
      await null
    })
    while (read < 200) await settled(client)
    assert.is(sent, 200)
    channel.close()
  })
}

export const busCases = (test: Test, connect: Connect) => {
  requestCases(test, connect)
  channelCases(test, connect)
}
