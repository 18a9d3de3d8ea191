/**
 * SPDY/3.1 as clients speak it: a session over a pair of streams, with headers compressed by zlib itself.
 */
import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { constants, createDeflate, createInflate, type Deflate } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createFrameReader, dataFrame } from '../../../../src/actors/apiserver/spdy/frames.ts'
import {
  createHeaderReader,
  createHeaderWriter,
  spdyDictionary,
} from '../../../../src/actors/apiserver/spdy/header-block.ts'
import { SpdySession, type SpdyStream } from '../../../../src/actors/apiserver/spdy/session.ts'

/** Two ends of a connection. */
const connection = (): [Duplex, Duplex] => {
  const ends: Duplex[] = []
  const end = (other: () => Duplex): Duplex =>
    new Duplex({
      allowHalfOpen: true,
      read: () => undefined,
      write: (chunk, _encoding, done) => {
        setImmediate(() => {
          other().push(chunk)
          done()
        })
      },
      final: (done) => {
        setImmediate(() => {
          other().push(null)
          done()
        })
      },
    })
  ends.push(
    end(() => ends[1]!),
    end(() => ends[0]!),
  )
  return [ends[0]!, ends[1]!]
}

const numbers = (...values: number[]) => {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, at) => {
    bytes.writeUInt32BE(value >>> 0, at * 4)
  })
  return bytes
}

const plainBlock = (headers: Record<string, string>) =>
  Buffer.concat([
    numbers(Object.keys(headers).length),
    ...Object.entries(headers).flatMap(([name, value]) => [
      numbers(name.length),
      Buffer.from(name),
      numbers(value.length),
      Buffer.from(value),
    ]),
  ])

/** One part of a zlib stream, complete up to here. */
const flushed = async (stream: Deflate, bytes: Buffer): Promise<Buffer> => {
  const chunks: Buffer[] = []
  const gather = (chunk: Buffer) => chunks.push(chunk)
  stream.on('data', gather)
  stream.write(bytes)
  await new Promise<void>((resolve) => stream.flush(constants.Z_SYNC_FLUSH, resolve))
  await new Promise(setImmediate)
  stream.off('data', gather)
  return Buffer.concat(chunks)
}

const control = (type: number, payload: Buffer, flags = 0) =>
  Buffer.concat([numbers(0x80030000 | type, ((flags << 24) | payload.length) >>> 0), payload])

const client = () => {
  const deflate = createDeflate({ dictionary: spdyDictionary(), level: 9 })
  return {
    open: async (stream: number, headers: Record<string, string>) => {
      const block = await flushed(deflate, plainBlock(headers))
      return control(1, Buffer.concat([numbers(stream, 0), Buffer.alloc(2), block]))
    },
  }
}

test('headers are read as zlib compresses them, block after block', async () => {
  assert.is(spdyDictionary().length, 1423)
  const deflate = createDeflate({ dictionary: spdyDictionary() })
  const read = createHeaderReader()
  for (const headers of [
    { streamtype: 'error', port: '80', requestid: '0' },
    { streamtype: 'data', port: '80', requestid: '0' },
    { streamtype: 'data', port: '8080', requestid: '12' },
  ])
    assert.equal(Object.fromEntries(read(await flushed(deflate, plainBlock(headers)))), headers)
})

test('headers are written as zlib reads them', async () => {
  const write = createHeaderWriter()
  const inflate = createInflate({ dictionary: spdyDictionary() })
  const blocks: Record<string, string>[] = [{}, { a: 'b' }, { streamtype: 'data' }]
  for (const block of blocks) {
    inflate.write(write(new Map(Object.entries(block))))
    const [bytes] = await once(inflate, 'data')
    assert.equal(bytes, plainBlock(block))
  }
})

test('frames are put together from any pieces; data is given out as it comes', async () => {
  const bytes = Buffer.concat([
    await client().open(1, { streamtype: 'stdin' }),
    dataFrame(1, Buffer.from('hello')),
    control(6, numbers(3)),
    dataFrame(1, Buffer.alloc(0), true),
  ])
  const read = createFrameReader()
  const frames = [...bytes].flatMap((byte) => read(Buffer.of(byte)))
  const data = frames.flatMap((frame) => (frame.type === 'data' ? [frame] : []))
  assert.is(Buffer.concat(data.map((frame) => frame.data)).toString(), 'hello')
  assert.equal([data.at(-1)?.fin, data.at(-2)?.fin], [true, false])
  assert.equal(
    frames.filter((frame) => frame.type !== 'data').map((frame) => frame.type),
    ['synStream', 'ping'],
  )
})

test('what is no SPDY, or too large, is refused', () => {
  assert.throws(
    () => createFrameReader()(Buffer.from('\x80\x02\0\x01\0\0\0\0', 'latin1')),
    'SPDY/3',
  )
  const huge = numbers(0x80030001, 0xffffff)
  assert.throws(() => createFrameReader()(huge), 'too large')
})

test('a session answers streams and pings, and carries bytes both ways', async () => {
  const [near, far] = connection()
  const streams: SpdyStream[] = []
  const session = new SpdySession(near, Buffer.alloc(0), (stream) => {
    if (stream.headers.get('streamtype') === 'bad') throw new Error('no such type')
    streams.push(stream)
    stream.on('data', (chunk) => stream.write(`heard ${chunk}`))
    stream.on('end', () => stream.end())
  })
  const heard: Buffer[] = []
  far.on('data', (chunk: Buffer) => heard.push(chunk))
  const { open } = client()
  far.write(await open(1, { streamtype: 'echo' }))
  far.write(await open(3, { streamtype: 'bad' }))
  far.write(dataFrame(1, Buffer.from('me')))
  far.write(control(6, numbers(7)))
  far.write(dataFrame(1, Buffer.alloc(0), true))
  await wait(50)
  const bytes = Buffer.concat(heard)
  // SYN_REPLY of 1, RST_STREAM of 3, the echo, the ping, the end.
  assert.is(bytes.readUInt32BE(0), 0x80030002)
  assert.ok(bytes.includes(control(3, numbers(3, 3))))
  assert.ok(bytes.includes(dataFrame(1, Buffer.from('heard me'))))
  assert.ok(bytes.includes(control(6, numbers(7))))
  assert.ok(bytes.includes(dataFrame(1, Buffer.alloc(0), true)))
  far.end()
  await session.closed
  assert.ok(streams.every((stream) => stream.destroyed))
})

test('a stream that nobody reads holds the connection back', async () => {
  const [near, far] = connection()
  let taken: SpdyStream | undefined
  const session = new SpdySession(near, Buffer.alloc(0), (stream) => {
    taken = stream
  })
  far.write(await client().open(1, { streamtype: 'stdin' }))
  for (let count = 0; count < 20; count++) far.write(dataFrame(1, Buffer.alloc(64 * 1024)))
  await wait(50)
  assert.ok(near.isPaused())
  let bytes = 0
  taken!.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  await wait(100)
  assert.is(bytes, 20 * 64 * 1024)
  session.destroy()
  await session.closed
})

test.run()
