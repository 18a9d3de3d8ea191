import { Packr } from 'msgpackr'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decode, encode, encodingOf, MAX_DEPTH, sniff } from '../../src/bus/codec.ts'

const value = {
  apiVersion: 'v1',
  metadata: { name: 'ü', labels: {}, annotations: { long: 'x'.repeat(70_000) } },
  numbers: [0, -1, -33, 127, 128, 255, 256, 65_536, 2 ** 31, 2 ** 40, 1.5, -(2 ** 40)],
  other: [true, false, null, '', []],
  many: Object.fromEntries(Array.from({ length: 70_000 }, (_, index) => [`k${index}`, index])),
}

test('gives back what it encoded, in both encodings', () => {
  for (const encoding of ['json', 'msgpack'] as const) {
    const bytes = encode(value, encoding)
    assert.is(sniff(bytes), encoding)
    assert.equal(decode(bytes), value)
  }
  assert.is(encode(undefined).length, 0)
  assert.is(decode(new Uint8Array(0)), undefined)
})

test('leaves byte strings as they are', () => {
  const { payload } = decode(encode({ payload: Buffer.from([1, 2, 3]) })) as {
    payload: Uint8Array
  }
  assert.equal([...payload], [1, 2, 3])
})

const code = (run: () => unknown): number | undefined => {
  try {
    run()
  } catch (error) {
    return (error as { code?: number }).code
  }
  return undefined
}

test('refuses deep nesting in both encodings without crashing', () => {
  const deep = (levels: number) => Buffer.concat([Buffer.alloc(levels, 0x91), Buffer.from([0xc0])])
  assert.is(
    code(() => decode(deep(MAX_DEPTH))),
    undefined,
  )
  assert.is(
    code(() => decode(deep(MAX_DEPTH + 1))),
    400,
  )
  assert.is(
    code(() => decode(deep(1_000_000))),
    400,
  )
  assert.is(
    code(() => decode(Buffer.from('['.repeat(100_000) + ']'.repeat(100_000)))),
    400,
  )
})

test('refuses truncated, oversized, trailing and extended input', () => {
  const bytes = Buffer.from(encode({ a: [1, 'text', { b: 1.5 }] }))
  for (let length = 1; length < bytes.length; length++)
    assert.is(
      code(() => decode(bytes.subarray(0, length))),
      400,
    )
  assert.is(
    code(() => decode(Buffer.concat([bytes, Buffer.from([0xc0])]))),
    400,
  )
  assert.is(
    code(() => decode(Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]))),
    400,
  )
  assert.is(
    code(() => decode(new Packr({ useRecords: true }).pack([{ a: 1 }, { a: 2 }]))),
    400,
  )
  assert.is(
    code(() => decode(encode(new Date(0)))),
    400,
  )
  assert.is(
    code(() => decode(Buffer.alloc(9 * 1024 * 1024, 0x20))),
    413,
  )
  assert.is(
    code(() => decode(Buffer.from('{"a":'))),
    400,
  )
})

test('reads media types', () => {
  assert.is(encodingOf('application/json; charset=utf-8'), 'json')
  assert.is(encodingOf('application/msgpack'), 'msgpack')
  assert.is(encodingOf('text/plain'), undefined)
  assert.is(encodingOf(undefined), undefined)
})

test.run()
