/**
 * The headers of a NATS message: `NATS/1.0`, then a line each, as text in front of the payload.
 *
 * Written and read here and not by the client library, which compares every name with all others, several times,
 * and so spends more on six headers than on the rest of a small message. Invariant: what is written any NATS
 * client reads; of a name that occurs twice the first counts, as in the library. Status lines (`NATS/1.0 503`)
 * are left to the library.
 */
import type { Msg, MsgHdrs } from 'nats'
import { assert } from '../std/assert.ts'
import type { Headers } from './bus.ts'

const NO_HEADERS: Headers = Object.freeze({})
const FIRST_LINE = 'NATS/1.0\r\n'

/** What the library asks of the headers that it sends: their bytes. Throws when a value would break the block. */
export const toNatsHeaders = (headers: Headers): MsgHdrs =>
  ({ encode: () => Buffer.from(blockOf(headers)) }) as unknown as MsgHdrs

const blockOf = (headers: Headers): string => {
  let text = FIRST_LINE
  for (const name in headers) {
    const value = headers[name]!
    assert(!/[\r\n]/.test(value) && !/[\r\n: ]/.test(name), 'a header is one line')
    text += `${name}: ${value}\r\n`
  }
  return `${text}\r\n`
}

/** How the library keeps a message: its headers, `hdr` bytes long (-1: none), in front of its payload. */
interface Received {
  _msg: { hdr: number }
  _rdata: Uint8Array
}

export const headersOf = (message: Msg): Headers => {
  const { _msg, _rdata } = message as unknown as Received
  return _msg.hdr > 0 ? parseBlock(_rdata.subarray(0, _msg.hdr)) : NO_HEADERS
}

/** The headers in a block; lines that are none are passed over. */
export const parseBlock = (bytes: Uint8Array): Headers => {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  const headers: Record<string, string> = {}
  let start = text.indexOf('\r\n') + 2
  while (start > 1) {
    const end = text.indexOf('\r\n', start)
    if (end <= start) break
    const colon = text.indexOf(':', start)
    if (colon > start && colon < end) {
      const name = text.slice(start, colon)
      headers[name] ??= text.slice(colon + 1, end).trim()
    }
    start = end + 2
  }
  return headers
}
