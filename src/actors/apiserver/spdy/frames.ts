/**
 * SPDY/3.1 frames, as bytes and as data.
 *
 * Invariant: the reader holds at most one control frame; data is given out as it comes, in parts when a frame
 * comes in parts. It knows no streams: what a frame means is in `session.ts`.
 */
import { createHeaderReader, type SpdyHeaders } from './header-block.ts'

export type Frame =
  | { type: 'synStream'; stream: number; headers: SpdyHeaders; fin: boolean }
  | { type: 'data'; stream: number; data: Buffer; fin: boolean }
  | { type: 'reset'; stream: number; status: number }
  | { type: 'ping'; id: number }
  | { type: 'goAway' }
  /** SETTINGS, SYN_REPLY, HEADERS and WINDOW_UPDATE say nothing that matters here. */
  | { type: 'other' }

const VERSION = 3
const TYPE = { synStream: 1, synReply: 2, reset: 3, ping: 6, goAway: 7, headers: 8 } as const
const FLAG_FIN = 1
const HEADER_BYTES = 8
const CONTROL_BYTES_MAX = 16 * 1024

const control = (type: number, flags: number, payload: Uint8Array): Buffer => {
  const frame = Buffer.alloc(HEADER_BYTES + payload.length)
  frame.writeUInt16BE(0x8000 | VERSION, 0)
  frame.writeUInt16BE(type, 2)
  frame.writeUInt32BE(((flags << 24) | payload.length) >>> 0, 4)
  frame.set(payload, HEADER_BYTES)
  return frame
}

const numbers = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, index) => {
    bytes.writeUInt32BE(value >>> 0, index * 4)
  })
  return bytes
}

export const CANCEL = 5
export const REFUSED_STREAM = 3

/** `block` comes from the session's header writer. */
export const synReplyFrame = (stream: number, block: Uint8Array): Buffer =>
  control(TYPE.synReply, 0, Buffer.concat([numbers(stream), block]))
export const resetFrame = (stream: number, status: number): Buffer =>
  control(TYPE.reset, 0, numbers(stream, status))
export const pingFrame = (id: number): Buffer => control(TYPE.ping, 0, numbers(id))

export const dataFrame = (stream: number, data: Uint8Array, fin = false): Buffer => {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + data.length)
  frame.writeUInt32BE(stream, 0)
  frame.writeUInt32BE((((fin ? FLAG_FIN : 0) << 24) | data.length) >>> 0, 4)
  frame.set(data, HEADER_BYTES)
  return frame
}

/** Turns bytes into frames. Throws on what is no SPDY/3. */
export const createFrameReader = (): ((chunk: Buffer) => Frame[]) => {
  const readHeaders = createHeaderReader()
  let held: Buffer = Buffer.alloc(0)
  /** The data frame under way. */
  let data: { stream: number; left: number; fin: boolean } | undefined

  const next = (): Frame | undefined => {
    if (data) return part()
    if (held.length < HEADER_BYTES) return undefined
    const first = held.readUInt32BE(0)
    const second = held.readUInt32BE(4)
    const flags = second >>> 24
    const length = second & 0xffffff
    if ((first & 0x80000000) === 0) {
      held = held.subarray(HEADER_BYTES)
      data = { stream: first & 0x7fffffff, left: length, fin: (flags & FLAG_FIN) !== 0 }
      return length === 0 ? last() : part()
    }
    if (((first >>> 16) & 0x7fff) !== VERSION) throw new Error('not SPDY/3')
    if (length > CONTROL_BYTES_MAX) throw new Error('a control frame is too large')
    if (held.length < HEADER_BYTES + length) return undefined
    const payload = held.subarray(HEADER_BYTES, HEADER_BYTES + length)
    held = held.subarray(HEADER_BYTES + length)
    return readControl(first & 0xffff, flags, payload, readHeaders)
  }

  const part = (): Frame | undefined => {
    if (!data || held.length === 0) return undefined
    const taken = held.subarray(0, data.left)
    held = held.subarray(taken.length)
    data.left -= taken.length
    return data.left === 0 ? last(taken) : { ...data, type: 'data', data: taken, fin: false }
  }

  const last = (bytes: Buffer = Buffer.alloc(0)): Frame => {
    const { stream, fin } = data!
    data = undefined
    return { type: 'data', stream, data: bytes, fin }
  }

  return (chunk) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    const frames: Frame[] = []
    for (let frame = next(); frame; frame = next()) frames.push(frame)
    return frames
  }
}

const readControl = (
  type: number,
  flags: number,
  payload: Buffer,
  readHeaders: (block: Uint8Array) => SpdyHeaders,
): Frame => {
  const number = (at: number) => payload.readUInt32BE(at) & 0x7fffffff
  switch (type) {
    case TYPE.synStream:
      return {
        type: 'synStream',
        stream: number(0),
        headers: readHeaders(payload.subarray(10)),
        fin: (flags & FLAG_FIN) !== 0,
      }
    case TYPE.synReply:
    case TYPE.headers:
      // One compression for all blocks of a direction: none may be left out.
      readHeaders(payload.subarray(4))
      return { type: 'other' }
    case TYPE.reset:
      return { type: 'reset', stream: number(0), status: number(4) }
    case TYPE.ping:
      return { type: 'ping', id: payload.readUInt32BE(0) }
    case TYPE.goAway:
      return { type: 'goAway' }
    default:
      return { type: 'other' }
  }
}
