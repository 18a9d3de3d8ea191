import { headers as libraryHeaders } from 'nats'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseBlock, toNatsHeaders } from '../../src/bus/header-block.ts'

/** What the library sends of headers, its own or ours. */
const bytesOf = (headers: unknown): Uint8Array => (headers as { encode(): Uint8Array }).encode()

test('the library and this file write the same bytes', () => {
  const theirs = libraryHeaders()
  const ours = { 'Nats-Batch-Id': 'x1', 'Kubus-Fence': 'scheduler=17', Accept: 'ä/ö: ü' }
  for (const [name, value] of Object.entries(ours)) theirs.set(name, value)
  assert.is(
    Buffer.from(bytesOf(toNatsHeaders(ours))).toString(),
    Buffer.from(bytesOf(theirs)).toString(),
  )
})

test('what is written is read again', () => {
  const headers = { A: '1', b: 'x: y', Empty: '' }
  assert.equal(parseBlock(bytesOf(toNatsHeaders(headers))), headers)
})

test('of a name that occurs twice the first counts, and what is no header is passed over', () => {
  const block = 'NATS/1.0\r\nA:1\r\nnothing\r\nA: 2\r\n: 3\r\n__proto__: 4\r\nB:  5 \r\n\r\n'
  assert.equal(parseBlock(Buffer.from(block)), { A: '1', B: '5' })
  for (const odd of ['', 'NATS/1.0', 'NATS/1.0 503\r\n\r\n', 'NATS/1.0\r\nA: 1'])
    assert.equal(parseBlock(Buffer.from(odd)), {})
})

test('a header that is more than a line is refused', () => {
  const odd = [
    ['A', '1\r\nB: 2'],
    ['A\n', '1'],
    ['A: B', '1'],
  ] as const
  for (const [name, value] of odd) assert.throws(() => bytesOf(toNatsHeaders({ [name]: value })))
})

test.run()
